// The panel: share this browser's microphone and camera, and see what the agent perceives in them.

import { Board } from "../ask/board.js";
import { el } from "../core/dom.js";
import { mountPrompts } from "./prompts.js";
import { Share, usualName } from "./share.js";

const KEPT = 12;

/** Paint a PNG in base64 on a canvas: the page's policy keeps pictures from being given as addresses of data. */
export async function paint(canvas, png) {
  const bytes = Uint8Array.from(atob(png), (c) => c.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
}

/** Put the panel into `root`; returns its `Share`. */
export function mountShare(root, share = new Share()) {
  const name = el("input", { id: "share-name", value: usualName(), maxLength: 32, autocomplete: "off" });
  const sound = el("input", { type: "checkbox", id: "share-sound", checked: true });
  const pictures = el("input", { type: "checkbox", id: "share-pictures", checked: true });
  const button = el("button", { type: "button", id: "share-button", class: "share-button" }, "Share");
  const status = el("p", { id: "share-status", role: "status" }, "Nothing is shared.");
  const video = el("video", { muted: true, playsInline: true, "aria-label": "what the camera sees", class: "share-video" });
  const heard = lately("Heard", "share-heard", "Nothing was heard yet.");
  const seen = lately("Seen", "share-seen", "Nothing was seen yet.");
  const why = el("p", { id: "share-why", class: "share-why", role: "status" });
  const pairs = el("ol", { id: "share-pairs", class: "share-pairs", "aria-label": "pairs that were made" });
  const drawn = () => share.boardDrawn();
  const board = new Board(drawn, drawn);
  share.setBoard({ canvas: board.canvas, empty: () => board.empty });
  const lines = { microphone: el("li"), camera: el("li") };

  root.classList.add("share");
  root.append(
    el("h2", {}, "Teach with this browser"),
    el(
      "form",
      { class: "share-form" },
      el("label", {}, "Name ", name),
      el("label", {}, sound, " microphone"),
      el("label", {}, pictures, " camera"),
      button,
    ),
    status,
    el("ul", { class: "share-sources" }, lines.microphone, lines.camera),
    el("div", { class: "share-senses" }, video, heard.box, seen.box),
    why,
    el("h3", {}, "Draw and say"),
    el("p", {}, "While something is drawn here, it is what the agent sees."),
    board.element,
    el("button", { type: "button", id: "share-wipe", onclick: () => board.clear() }, "Wipe"),
    el("h3", {}, "Pairs"),
    pairs,
  );
  mountPrompts(root, share);

  root.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    button.click();
  });
  button.addEventListener("click", async () => {
    if (share.sharing) {
      share.stop();
      return;
    }
    button.textContent = "Stop sharing";
    status.textContent = "The browser asks for permission…";
    lock(true);
    await share.start({ name: name.value.trim() || usualName(), sound: sound.checked, pictures: pictures.checked });
    if (share.stream) {
      video.srcObject = share.stream;
      video.play();
    }
  });

  function lock(on) {
    name.disabled = sound.disabled = pictures.disabled = on;
  }

  const on = (type, act) => share.addEventListener(type, ({ detail }) => act(detail));
  on("stopped", () => {
    button.textContent = "Share";
    video.srcObject = null;
    lock(false);
    if (!away) status.textContent = "Nothing is shared.";
    away = false;
  });
  let away = false;
  on("away", ({ why: reason }) => {
    away = true;
    status.textContent = `Not shared: ${reason}.`;
  });
  on("waiting", ({ why: reason }) => (status.textContent = `${reason}…`));
  on("connection", ({ open }) => {
    if (!open) status.textContent = "The run does not answer; this browser tries again by itself.";
  });
  on("welcome", ({ name: known }) => (status.textContent = `Shared as “${known}”: speak, and show something.`));
  on("source", ({ source, state, why: reason }) => {
    lines[source].textContent = state === "live" ? "" : `${source}: ${reason}`;
  });
  on("state", ({ lost }) => {
    for (const [source, reasons] of Object.entries(lost)) {
      const told = Object.entries(reasons).map(([reason, count]) => `${count} ${reason}`);
      lines[source].textContent = told.length ? `${source}: lost ${told.join(", ")}` : "";
    }
  });
  on("perceived", (told) => {
    if (!told.png) return;
    const place = told.sense === "audio" ? heard : seen;
    paint(place.canvas, told.png);
    const length = told.number === null ? ` for ${(told.end - told.start).toFixed(2)} s` : "";
    place.text.textContent = told.whole ? `${told.sense}${length}` : `${told.sense}${length}, cut off`;
    why.textContent = "";
  });
  on("missed", (told) => (why.textContent = `${told.sense}: ${told.why}.`));
  on("alone", (told) => {
    const reasons = Object.entries(told.why).map(([sense, reason]) => `${sense}: ${reason}`);
    why.textContent = `No pair of this ${told.senses[0]}. ${reasons.join("; ")}.`;
  });
  on("pair", (told) => {
    why.textContent = "";
    const canvases = told.senses.map((sense) => {
      const canvas = el("canvas", { role: "img", "aria-label": sense });
      paint(canvas, told.png[sense]);
      return canvas;
    });
    pairs.prepend(el("li", {}, ...canvases));
    while (pairs.children.length > KEPT) pairs.lastChild.remove();
  });
  return share;
}

function lately(title, id, nothing) {
  const canvas = el("canvas", { id, role: "img", "aria-label": `${title}: the newest`, width: 96, height: 96 });
  const text = el("figcaption", {}, nothing);
  return { canvas, text, box: el("figure", {}, el("h3", {}, title), canvas, text) };
}

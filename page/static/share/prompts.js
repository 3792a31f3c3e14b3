// A prompted session: words or letters are shown one after the other; what is said and shown then bears that label.

import { el } from "../core/dom.js";

const NEXT_MS = 700;
const USES = { exam: "an exam set", letters: "letters for lip reading" };

/** The labels in a text: a line or a comma each; of a table such as names.csv, the first column, without its head. */
export function labelsOf(text) {
  const lines = text.split(/\r?\n/).map((line) => line.trim()).filter(Boolean);
  if (lines[0]?.startsWith("concept,")) return lines.slice(1).map((line) => line.split(",")[0].trim()).filter(Boolean);
  return lines.flatMap((line) => line.split(",")).map((word) => word.trim()).filter(Boolean);
}

/** Prompts in order; `*` before a label marks it as speech alone. */
export function promptsOf(labels, times) {
  const found = [];
  for (let i = 0; i < times; i++) {
    for (const label of labels) {
      const alone = label.startsWith("*");
      found.push({ label: alone ? label.slice(1).trim() : label, alone });
    }
  }
  return found;
}

/** The part of the panel that prompts; it shows itself once the run takes what is prompted. */
export function mountPrompts(root, share) {
  const words = el("textarea", { id: "prompts-words", rows: 3, placeholder: "zero, one, two … or one on each line" });
  const file = el("input", { type: "file", accept: ".csv,.txt,text/*", id: "prompts-file" });
  const times = el("input", { type: "number", min: 1, max: 100, value: 1, id: "prompts-times" });
  const use = el("select", { id: "prompts-use" });
  const of = el(
    "select",
    { id: "prompts-of" },
    el("option", { value: "browser" }, "this browser"),
    el("option", { value: "host" }, "the machine's own"),
  );
  const whose = el("label", { hidden: true }, "Microphone and camera: ", of);
  const start = el("button", { type: "button", id: "prompts-start" }, "Start prompting");
  const word = el("p", { id: "prompts-word", class: "share-word", "aria-live": "assertive" });
  const place = el("p", { id: "prompts-place", role: "status" });
  const skip = el("button", { type: "button", id: "prompts-skip", hidden: true }, "Skip");
  const box = el(
    "section",
    { class: "share-prompts", hidden: true },
    el("h3", {}, "Prompted session"),
    el("p", {}, "What is shown is said, and shown to the camera. A * before a letter marks it as speech alone."),
    el("label", {}, "Words ", words),
    el("label", {}, "or names.csv ", file),
    el("label", {}, "Times ", times),
    el("label", {}, "For ", use),
    whose,
    start,
    word,
    place,
    skip,
  );
  root.append(box);

  let left = [];
  let total = 0;
  let current = null;

  function show() {
    current = left.shift() ?? null;
    if (current === null) {
      share.promptOver();
      word.textContent = "";
      place.textContent = total ? `All ${total} done.` : "";
      skip.hidden = true;
      start.textContent = "Start prompting";
      return;
    }
    word.textContent = current.label;
    share.prompt(current.label, use.value, current.alone, of.value);
  }

  file.addEventListener("change", async () => {
    if (file.files.length) words.value = labelsOf(await file.files[0].text()).join("\n");
  });
  start.addEventListener("click", () => {
    if (current) {
      left = [];
      total = 0;
      show();
      return;
    }
    left = promptsOf(labelsOf(words.value), Math.max(1, Number(times.value) || 1));
    total = left.length;
    if (!total) {
      place.textContent = "Type some words first.";
      return;
    }
    place.textContent = `${total} to go.`;
    start.textContent = "Stop prompting";
    skip.hidden = false;
    show();
  });
  skip.addEventListener("click", show);
  share.addEventListener("welcome", ({ detail }) => {
    use.replaceChildren(...detail.prompts.map((one) => el("option", { value: one }, USES[one] ?? one)));
    box.hidden = !detail.prompts.length;
    // The sensors may be others than before: they are told what is shown.
    whose.hidden = !detail.host;
    if (!detail.host) of.value = "browser";
    if (current) share.prompt(current.label, use.value, current.alone, of.value);
  });
  share.addEventListener("prompted", ({ detail }) => {
    if (!current || detail.label !== current.label) return;
    if (!detail.kept) {
      place.textContent = `Again, please: ${detail.why}.`;
      return;
    }
    place.textContent = `“${detail.label}” was kept (${detail.senses.join(" and ")}); ${left.length} to go.`;
    share.promptOver();
    const done = current;
    setTimeout(() => done === current && show(), NEXT_MS);
  });
  share.addEventListener("stopped", () => {
    left = [];
    total = 0;
    if (current) show();
    box.hidden = true;
  });
}

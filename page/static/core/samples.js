// Samples on the page: pictures, and buttons that play what can be heard.

import { address } from "./api.js";
import { el } from "./dom.js";

let playing = null;

/** Stop the sound that plays. */
export function hush() {
  playing?.sound.pause();
  playing?.button?.classList.remove("playing");
  playing = null;
}

/**
 * Play a sample's sound; an earlier one stops.
 * @returns {Promise<boolean>} whether it plays: browsers refuse it before the person touched the page.
 */
export async function play(id, step = null, button = null) {
  hush();
  const mine = { sound: new Audio(address(id, { as: "wav", step })), button };
  playing = mine;
  const end = () => {
    button?.classList.remove("playing");
    if (playing === mine) playing = null;
  };
  mine.sound.onended = end;
  button?.classList.add("playing");
  try {
    await mine.sound.play();
    return true;
  } catch {
    end();
    return false;
  }
}

/** The picture of a sample. */
export function picture(id, { alt, size = 96, step = null, lazy = true }) {
  return el("img", { src: address(id, { size, step }), alt, width: size, height: size, loading: lazy ? "lazy" : "eager",
    decoding: "async" });
}

/**
 * A sample: its picture, as a button that plays where it can be heard.
 * @param {object} about `label` (what it is, for everybody), `heard`, `size`, `step`, `text` (shown below it).
 */
export function sample(id, { label, heard = false, size = 96, step = null, text = null, lazy = true }) {
  const shown = picture(id, { alt: heard ? "" : label, size, step, lazy });
  const below = text == null ? null : el("span.below", {}, text);
  if (!heard) return el("figure.sample", {}, shown, below);
  const button = el("button.sample.heard", { type: "button", ariaLabel: `play: ${label}` }, shown, el("i.play"), below);
  button.addEventListener("click", () => play(id, step, button));
  return button;
}

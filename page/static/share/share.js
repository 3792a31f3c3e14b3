// Sharing the microphone and camera of this browser with the run: what is open, and the way to the sensors.

import { Link } from "./link.js";
import { Pictures } from "./pictures.js";
import { openSound, toInt16 } from "./sound.js";

const AGAIN_MS = 2000;
const NAME_KEY = "reciprocal-share-name";

/** The name by which the run tells this browser from others; kept from one visit to the next. */
export function usualName() {
  let name = localStorage.getItem(NAME_KEY);
  if (!name) {
    name = `browser-${Math.random().toString(36).slice(2, 6)}`;
    localStorage.setItem(NAME_KEY, name);
  }
  return name;
}

/** Shares until it is stopped. Its events: those of `Link`, and `source` ({source, state, why}). */
export class Share extends EventTarget {
  constructor() {
    super();
    this.sharing = false;
    this.pictures = new Pictures(
      (number, jpeg, at) => this.link?.sendPicture(number, jpeg, at),
      () => this.reopen("camera"),
    );
    this.opened = {};
  }

  get stream() {
    return this.pictures.stream;
  }

  /** Begin, in answer to a click: browsers ask for permission. */
  async start({ name = usualName(), sound = true, pictures = true } = {}) {
    if (this.sharing) return;
    this.sharing = true;
    localStorage.setItem(NAME_KEY, name);
    this.wanted = { microphone: sound, camera: pictures };
    const link = new Link(name);
    this.link = link;
    for (const type of ["connection", "welcome", "away", "waiting", "state", "perceived", "pair", "alone", "missed", "prompts", "prompted"]) {
      link.addEventListener(type, ({ detail }) => {
        if (link === this.link) this.tell(type, detail);
      });
    }
    link.addEventListener("away", () => this.stop());
    link.open();
    this.pictures.start();
    await Promise.all(Object.keys(this.wanted).map((source) => this.open(source)));
  }

  stop() {
    if (!this.sharing) return;
    this.sharing = false;
    clearTimeout(this.again);
    this.link.close();
    this.opened.microphone?.close();
    this.pictures.close();
    this.opened = {};
    this.tell("stopped", {});
  }

  /** What somebody draws on: {canvas, empty()}; it is shown instead of the camera for a while after each stroke. */
  setBoard(board) {
    this.pictures.setBoard(board);
  }

  boardDrawn() {
    this.pictures.boardDrawn();
  }

  async open(source) {
    if (!this.wanted[source] || !this.sharing) return;
    try {
      if (source === "camera") {
        await this.pictures.open();
      } else {
        this.opened.microphone = await openSound(
          (first, rate, samples, at) => this.link.sendSound(first, rate, toInt16(samples), at),
          () => this.reopen(source),
        );
      }
      this.tell("source", { source, state: "live", why: "" });
    } catch (error) {
      const refused = error.name === "NotAllowedError";
      const why = refused ? "the browser was not allowed to use it" : `cannot be opened (${error.message || error.name})`;
      this.tell("source", { source, state: "stalled", why });
      if (!refused && error.name !== "NotFoundError") this.later(source);
    }
    if (!this.sharing) {
      this.opened.microphone?.close();
      this.pictures.close();
    }
  }

  reopen(source) {
    this.tell("source", { source, state: "stalled", why: "the device is gone" });
    if (source === "microphone") this.opened.microphone?.close();
    this.later(source);
  }

  later(source) {
    this.again = setTimeout(() => this.open(source), AGAIN_MS);
  }

  tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

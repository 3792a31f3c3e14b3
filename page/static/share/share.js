// Sharing the microphone and camera of this browser with the run: what is open, and the way to the sensors.

import { Link } from "./link.js";
import { EVERY_MS, LIPS_MS, Pictures, PICTURES_WANTED } from "./pictures.js";
import { SOUND_WANTED, openSound, toInt16 } from "./sound.js";

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
    this.pictures = new Pictures((number, jpeg, at) => this.link?.sendPicture(number, jpeg, at));
    this.microphone = null;
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
    for (const type of ["connection", "welcome", "away", "waiting", "state", "perceived", "pair", "alone", "missed", "prompted"]) {
      link.addEventListener(type, ({ detail }) => {
        if (link === this.link) this.tell(type, detail);
      });
    }
    link.addEventListener("away", () => this.stop());
    link.open();
    this.pictures.start();
    await this.open(Object.keys(this.wanted));
  }

  stop() {
    if (!this.sharing) return;
    this.sharing = false;
    clearTimeout(this.again);
    this.link.close();
    this.release();
    this.tell("stopped", {});
  }

  /** What somebody draws on: {canvas, empty()}; it is shown instead of the camera for a while after each stroke. */
  setBoard(board) {
    this.pictures.setBoard(board);
  }

  boardDrawn() {
    this.pictures.boardDrawn();
  }

  /** Something is shown to be said; what is perceived from now on bears its label. */
  prompt(label, use, alone, of = "browser") {
    // Films of lips need more pictures than cards do.
    this.pictures.setPace(use === "letters" && !alone ? LIPS_MS : EVERY_MS);
    this.link?.say({ type: "prompt", label, use, alone, of, at: performance.now() / 1000 });
  }

  promptOver() {
    this.pictures.setPace(EVERY_MS);
    this.link?.say({ type: "prompt_over", at: performance.now() / 1000 });
  }

  /** Open what is wanted of these: with one question of the browser to the person, so that both begin together. */
  async open(sources) {
    const wanted = sources.filter((source) => this.wanted[source] && this.sharing);
    if (!wanted.length) return;
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        audio: wanted.includes("microphone") && SOUND_WANTED,
        video: wanted.includes("camera") && PICTURES_WANTED,
      });
    } catch (error) {
      // One that is not there must not keep the other away.
      if (wanted.length > 1) await Promise.all(wanted.map((source) => this.open([source])));
      else this.failed(wanted[0], error);
      return;
    }
    await Promise.all(stream.getTracks().map((track) => this.take(track)));
    if (!this.sharing) this.release();
  }

  async take(track) {
    const source = track.kind === "audio" ? "microphone" : "camera";
    const gone = () => this.reopen(source);
    try {
      if (source === "camera") {
        await this.pictures.open(track, gone);
      } else {
        const send = (first, rate, samples, at) => this.link.sendSound(first, rate, toInt16(samples), at);
        this.microphone = await openSound(track, send, gone);
      }
      this.tell("source", { source, state: "live", why: "" });
    } catch (error) {
      track.stop();
      this.failed(source, error);
    }
  }

  failed(source, error) {
    const refused = error.name === "NotAllowedError";
    const why = refused ? "the browser was not allowed to use it" : `cannot be opened (${error.message || error.name})`;
    this.tell("source", { source, state: "stalled", why });
    if (!refused && error.name !== "NotFoundError") this.later(source);
  }

  release() {
    this.microphone?.close();
    this.microphone = null;
    this.pictures.close();
  }

  reopen(source) {
    this.tell("source", { source, state: "stalled", why: "the device is gone" });
    if (source === "microphone") this.microphone?.close();
    this.later(source);
  }

  later(source) {
    this.again = setTimeout(() => this.open([source]), AGAIN_MS);
  }

  tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

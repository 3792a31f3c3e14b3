// The camera: it looks once a second until it sees something that can be told.

import { el, say, show } from "../core/dom.js";
import { noDevices, whyNot } from "./recorder.js";

const EVERY = 1000; // ms

/** @param {function} look given a JPEG, resolves to the answer, or null. */
export class Camera {
  constructor(look, prepares) {
    this.look = look;
    this.prepares = prepares;
    this.video = el("video", { muted: true, playsInline: true, ariaLabel: "what the camera sees" });
    this.now = el("button", { type: "button", onclick: () => this.#take(true) }, "Look now");
    this.note = el("p.hint", { role: "status" });
    this.element = el("div.camera", { hidden: true }, this.video, el("div.row", {}, this.now), this.note);
  }

  /** Whether the camera is on. */
  get on() {
    return Boolean(this.stream);
  }

  async start() {
    const why = noDevices();
    show(this.element, true);
    if (why) return say(this.note, why);
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    } catch (error) {
      return say(this.note, whyNot(error, "camera"));
    }
    this.video.srcObject = this.stream;
    await this.video.play();
    this.looking = this.prepares() !== "fit";
    say(this.note, this.looking ? "Hold a card with a drawing before the camera." : "Press 'Look now'.");
    this.timer = setInterval(() => this.looking && this.#take(false), EVERY);
  }

  stop() {
    clearInterval(this.timer);
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = this.video.srcObject = null;
    show(this.element, false);
  }

  async #take(byHand) {
    if (!this.on || this.busy || !this.video.videoWidth) return;
    this.busy = true;
    try {
      const canvas = el("canvas", { width: this.video.videoWidth, height: this.video.videoHeight });
      canvas.getContext("2d").drawImage(this.video, 0, 0);
      const jpeg = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.9));
      const answer = await this.look(jpeg, byHand);
      if (!answer) return;
      // What was told stays on the page; the next look is asked for.
      if (answer.told) this.looking = false;
      say(this.note, answer.told ? "Seen. Press 'Look now' for the next one." : `${answer.why}.`);
    } finally {
      this.busy = false;
    }
  }
}

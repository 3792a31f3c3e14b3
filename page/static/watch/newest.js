// The newest sample of one sense: a picture, or a spectrogram that scrolls.

import { address } from "../core/api.js";
import { el, still, words } from "../core/dom.js";
import { play } from "../core/samples.js";

const SIDE = 192;
const WIDE = 3 * SIDE;
const SPEED = 220; // pixels a second

/** One sense's place. At most one sample is on its way; those that come meanwhile are passed over. */
export class Newest {
  constructor(sense) {
    this.scrolls = sense.layout === "spectrogram";
    this.canvas = el("canvas", { width: this.scrolls ? WIDE : SIDE, height: SIDE, role: "img",
      ariaLabel: `the newest sample of ${words(sense.name)}` });
    this.context = this.canvas.getContext("2d");
    this.context.imageSmoothingEnabled = false;
    this.element = el("figure", { className: this.scrolls ? "newest scrolls" : "newest" }, this.canvas,
      el("figcaption.row.between", {}, el("span", {}, el("b", {}, words(sense.name)), " ", el("span.quiet", {}, sense.about)),
        sense.heard && el("button.small", { type: "button", ariaLabel: `play the newest ${words(sense.name)}`,
          onclick: () => this.id && play(this.id) }, el("i.play"))));
    this.busy = false;
    this.pending = null;
    this.rest = 0;
  }

  /** Show a sample. */
  async take(id) {
    if (id === this.id) return;
    this.pending = id;
    if (this.busy) return;
    this.busy = true;
    while (this.pending) {
      const next = this.pending;
      this.pending = null;
      const image = new Image(SIDE, SIDE);
      image.src = address(next, { size: SIDE });
      try {
        await image.decode();
        this.id = next;
        if (this.scrolls && !still()) await this.#scroll(image);
        else this.#put(image);
      } catch {
        // It is no longer kept; a newer one follows.
      }
    }
    this.busy = false;
  }

  #put(image) {
    if (this.scrolls) this.context.drawImage(this.canvas, -SIDE, 0);
    this.context.drawImage(image, this.canvas.width - SIDE, 0, SIDE, SIDE);
  }

  /** Push the picture in from the right. */
  #scroll(image) {
    return new Promise((done) => {
      let before = performance.now();
      let shown = 0;
      const draw = (now) => {
        const by = Math.min(SIDE - shown, Math.max(0, Math.round(((now - before) / 1000) * SPEED)));
        if (by) {
          before = now;
          this.context.drawImage(this.canvas, -by, 0);
          this.context.drawImage(image, (shown / SIDE) * image.naturalWidth, 0, (by / SIDE) * image.naturalWidth,
            image.naturalHeight, WIDE - by, 0, by, SIDE);
          shown += by;
        }
        if (shown < SIDE && !document.hidden) requestAnimationFrame(draw);
        else done();
      };
      requestAnimationFrame(draw);
    });
  }
}

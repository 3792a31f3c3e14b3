// A board to draw on, with mouse, finger, pen or keys.

import { el } from "../core/dom.js";

const SIDE = 448;
const WIDTH = 42; // as broad, for the size of a digit, as strokes of handwritten ones
const STEP = 14;
const PAPER = "#ffffff";
const SETTLED = 650; // ms without a stroke after which a drawing is taken as done

/**
 * @param {function} drawn called when somebody has stopped drawing.
 * @param {function} begun called with each stroke's beginning.
 */
export class Board {
  constructor(drawn, begun) {
    this.drawn = drawn;
    this.begun = begun;
    this.ink = "#16181d";
    this.empty = true;
    this.timer = 0;
    this.last = null;
    this.pen = { x: SIDE / 2, y: SIDE / 2, down: false };
    this.canvas = el("canvas", { width: SIDE, height: SIDE, tabIndex: 0, role: "application",
      ariaLabel: "Drawing board. Arrow keys move the pen, space sets it down or lifts it, Enter asks, Escape wipes." });
    this.cursor = el("i.pen", { hidden: true });
    this.hint = el("span.hint", { ariaHidden: "true" }, "draw here");
    this.element = el("div.board", {}, this.canvas, this.hint, this.cursor);
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.canvas.addEventListener("pointerdown", (event) => this.#down(event));
    this.canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) this.canvas.addEventListener(end, () => this.#up());
    this.canvas.addEventListener("keydown", (event) => this.#key(event));
    this.canvas.addEventListener("blur", () => { this.cursor.hidden = true; });
    this.#wipe();
  }

  /** Wipe the board. */
  clear() {
    clearTimeout(this.timer);
    this.#wipe();
  }

  /** The drawing as a PNG. */
  png() {
    clearTimeout(this.timer);
    return new Promise((done) => this.canvas.toBlob(done, "image/png"));
  }

  #wipe() {
    this.context.fillStyle = PAPER;
    this.context.fillRect(0, 0, SIDE, SIDE);
    this.empty = true;
    this.last = null;
    this.hint.hidden = false;
  }

  #place(event) {
    const box = this.canvas.getBoundingClientRect();
    return { x: ((event.clientX - box.left) / box.width) * SIDE, y: ((event.clientY - box.top) / box.height) * SIDE };
  }

  #down(event) {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.#begin(this.#place(event));
  }

  #move(event) {
    if (!this.last) return;
    for (const each of event.getCoalescedEvents?.() ?? []) this.#line(this.#place(each));
    this.#line(this.#place(event));
  }

  #up() {
    if (!this.last) return;
    this.last = null;
    this.timer = setTimeout(this.drawn, SETTLED);
  }

  #begin(place) {
    clearTimeout(this.timer);
    this.hint.hidden = true;
    this.empty = false;
    this.last = place;
    this.begun();
    this.#line(place);
  }

  #line(to) {
    const { context } = this;
    context.strokeStyle = this.ink;
    context.lineWidth = WIDTH;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(this.last.x, this.last.y);
    context.lineTo(to.x, to.y);
    context.stroke();
    this.last = to;
  }

  #key(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[event.key];
    if (move) {
      const inside = (value) => Math.min(SIDE - STEP, Math.max(STEP, value));
      this.pen.x = inside(this.pen.x + STEP * move[0]);
      this.pen.y = inside(this.pen.y + STEP * move[1]);
      if (this.pen.down) this.#line(this.pen);
    } else if (event.key === " ") {
      this.pen.down = !this.pen.down;
      if (this.pen.down) this.#begin({ ...this.pen });
      else this.#up();
    } else if (event.key === "Enter") {
      this.drawn();
    } else if (event.key === "Escape") {
      this.pen.down = false;
      this.clear();
    } else {
      return;
    }
    if (this.pen.down) this.last = { x: this.pen.x, y: this.pen.y };
    this.cursor.hidden = false;
    this.cursor.classList.toggle("down", this.pen.down);
    this.cursor.style.left = `${(100 * this.pen.x) / SIDE}%`;
    this.cursor.style.top = `${(100 * this.pen.y) / SIDE}%`;
    event.preventDefault();
  }
}

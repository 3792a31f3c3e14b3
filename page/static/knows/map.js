// A map of the latent space: each point is a sample, and shows and plays it.

import { call } from "../core/api.js";
import { colour, el, onScheme, percent, say, show, words } from "../core/dom.js";
import { on } from "../core/live.js";
import { play, sample } from "../core/samples.js";

const EDGE = 16;
const NEAR = 18; // pixels within which a point is hit
const COLOURS = 8;

/** The map of one sense's space; fetched anew by `fetch`. */
export class LatentMap {
  constructor() {
    this.points = [];
    this.chosen = -1;
    this.heard = new Map();
    this.senses = el("select", { ariaLabel: "sense whose space is shown", onchange: () => this.fetch() });
    this.canvas = el("canvas.map", { tabIndex: 0, role: "application",
      ariaLabel: "Map of the latent space. Arrow keys go from point to point, Enter plays a point." });
    this.said = el("p.quiet", { role: "status" }, "Looking…");
    this.detail = el("div.row.detail", {}, el("p.quiet", {}, "Point at a sample to see it; press it to hear it."));
    this.legend = el("ul.legend");
    this.element = el("div.panel", {}, el("div.row.between.tools", {}, el("h3", {}, "A map of what it knows"), this.senses),
      this.canvas, this.said, this.detail, this.legend);
    on("status", ({ senses }) => this.#senses(senses));
    this.canvas.addEventListener("pointermove", (event) => this.#choose(this.#hit(event)));
    this.canvas.addEventListener("click", (event) => { this.#choose(this.#hit(event)); this.#play(); });
    this.canvas.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.#draw()).observe(this.canvas);
    onScheme(() => this.#draw());
  }

  #senses(senses) {
    this.heard = new Map(senses.map((sense) => [sense.name, sense.heard]));
    const evoking = senses.filter((sense) => sense.evokes.includes(sense.name));
    if (this.senses.childElementCount === evoking.length) return;
    this.senses.replaceChildren(...evoking.map(({ name }) => el("option", { value: name }, `space of ${words(name)}`)));
  }

  async fetch() {
    try {
      const sense = this.senses.value;
      const told = await call(`/v1/latents${sense ? `?sense=${encodeURIComponent(sense)}` : ""}`);
      const before = this.points[this.chosen]?.id;
      // In the order of concepts, so that the keys go through them one after the other.
      this.points = [...told.points].sort((a, b) => (a.concept ?? 0) - (b.concept ?? 0));
      this.chosen = this.points.findIndex((point) => point.id === before);
      this.told = told;
      const shapes = [...new Set(told.points.map((point) => point.sense))];
      this.shapes = shapes;
      const explained = told.explained.reduce((sum, share) => sum + share, 0);
      say(this.said, told.why ? `${told.why[0].toUpperCase()}${told.why.slice(1)}.` :
        `${told.points.length} samples: ${shapes.map((name, i) => `${words(name)} as ${i ? "squares" : "dots"}`).join(", ")}. ` +
        `The two main directions show ${percent(explained)} of the variance.`);
      this.legend.replaceChildren(...told.names.map((name, i) =>
        el("li", {}, el("i", { className: `mark c${i % COLOURS}${i >= COLOURS ? " dashed" : ""}` }), name)));
      show(this.canvas, told.points.length > 0);
      this.#draw();
    } catch (error) {
      say(this.said, error.message);
    }
  }

  #place(point) {
    const side = this.canvas.clientWidth;
    const on = (value) => EDGE + ((value + 1) / 2) * (side - 2 * EDGE);
    return [on(point.x), on(-point.y)];
  }

  #hit(event) {
    let best = -1;
    let least = NEAR;
    this.points.forEach((point, i) => {
      const [x, y] = this.#place(point);
      const far = Math.hypot(x - event.offsetX, y - event.offsetY);
      if (far < least) [best, least] = [i, far];
    });
    return best;
  }

  #choose(i) {
    if (i < 0 || i === this.chosen) return;
    this.chosen = i;
    const point = this.points[i];
    const name = point.concept == null ? "" : this.told.names[point.concept];
    this.detail.replaceChildren(
      sample(point.id, { label: `${words(point.sense)} ${name}`, heard: this.heard.get(point.sense), size: 72, lazy: false }),
      el("p", {}, el("b", {}, name), " ", el("span.quiet", {}, words(point.sense))));
    this.#draw();
  }

  #play() {
    const point = this.points[this.chosen];
    if (point && this.heard.get(point.sense)) play(point.id);
  }

  #key(event) {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (by) this.#choose((this.chosen + by + this.points.length) % this.points.length);
    else if (event.key === "Enter" || event.key === " ") this.#play();
    else return;
    event.preventDefault();
  }

  #draw() {
    const side = this.canvas.clientWidth;
    if (!side || !this.points.length) return;
    const scale = devicePixelRatio || 1;
    this.canvas.width = this.canvas.height = side * scale;
    const pen = this.canvas.getContext("2d");
    pen.scale(scale, scale);
    const colours = Array.from({ length: COLOURS }, (_, i) => colour(`--c${i}`));
    const mark = (point, size) => {
      const [x, y] = this.#place(point);
      const filled = point.concept == null || point.concept < COLOURS;
      pen.fillStyle = pen.strokeStyle = colours[(point.concept ?? 0) % COLOURS];
      pen.lineWidth = 2;
      pen.beginPath();
      if (this.shapes.indexOf(point.sense)) pen.rect(x - size, y - size, 2 * size, 2 * size);
      else pen.arc(x, y, size, 0, 7);
      pen[filled ? "fill" : "stroke"]();
    };
    pen.globalAlpha = 0.75;
    for (const point of this.points) mark(point, 3.5);
    pen.globalAlpha = 1;
    const chosen = this.points[this.chosen];
    if (!chosen) return;
    mark(chosen, 6);
    pen.strokeStyle = colour("--ink");
    pen.beginPath();
    pen.arc(...this.#place(chosen), 11, 0, 7);
    pen.stroke();
  }
}

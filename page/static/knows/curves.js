// Curves of all figures back to the run's start; they can be zoomed.

import { call } from "../core/api.js";
import { colour, el, number, onScheme, percent, say, span, words } from "../core/dom.js";
import { last } from "../core/live.js";

const HEIGHT = 300;
const LEFT = 52;
const BOTTOM = 26;
const MOST = 12; // curves that are shown at first
const FIRST = "exam";
const COLOURS = 8;

/** Curves of one group of figures; fetched anew by `fetch`. */
export class Curves {
  constructor() {
    this.from = this.to = null;
    this.hidden = new Set();
    this.series = {};
    this.group = el("select", { ariaLabel: "figures", onchange: () => { this.hidden.clear(); this.fetch(); } },
      el("option", { value: FIRST }, "exams"));
    this.canvas = el("canvas.curves", { tabIndex: 0, role: "img" });
    this.legend = el("ul.legend");
    this.said = el("p.quiet", { role: "status" });
    const button = (text, label, act) => el("button", { type: "button", ariaLabel: label, onclick: act }, text);
    this.element = el("div.panel.wide", {}, el("div.row.between.tools", {}, el("h3", {}, "Since the run began"),
      el("div.row", {}, this.group, button("+", "zoom in", () => this.#zoom(0.5)), button("−", "zoom out", () => this.#zoom(2)),
        button("All", "show all of the run", () => this.#show(null, null)))),
    this.canvas, this.said, this.legend);
    this.#listen();
    new ResizeObserver(() => this.#draw()).observe(this.canvas);
    onScheme(() => this.#draw());
  }

  async fetch() {
    const range = this.from == null ? "" : `&from=${this.from}&to=${this.to}`;
    try {
      const told = await call(`/v1/metrics?keys=${encodeURIComponent(`${this.group.value}/*`)}&points=600${range}`);
      this.told = told;
      this.series = inOrder(told.series);
      this.#groups(told.keys);
      this.#legend();
      this.#draw();
    } catch (error) {
      say(this.said, error.message);
    }
  }

  #groups(keys) {
    const groups = [...new Set(keys.filter((key) => key.includes("/")).map((key) => key.split("/")[0]))];
    const known = new Set([...this.group.options].map((option) => option.value));
    this.group.append(...groups.filter((name) => !known.has(name)).map((name) => el("option", { value: name }, words(name))));
  }

  #legend() {
    const keys = Object.keys(this.series);
    if (this.group.value !== this.known) {
      keys.slice(MOST).forEach((key) => this.hidden.add(key));
      this.known = this.group.value;
    }
    say(this.said, keys.length ? "" : "There are no such figures yet.");
    this.legend.replaceChildren(...keys.map((key, i) => {
      const mine = this.series[key];
      const box = el("input", { type: "checkbox", checked: !this.hidden.has(key), onchange: () => {
        this.hidden[box.checked ? "delete" : "add"](key);
        this.#draw();
      } });
      const mark = el("i", { className: `mark c${i % COLOURS}${i >= COLOURS ? " dashed" : ""}` });
      return el("li", {}, el("label", {}, box, mark, words(key.slice(this.group.value.length + 1)).replaceAll(" to ", " → "), " ",
        el("b", {}, this.#text(mine.mean.at(-1)))));
    }));
    this.canvas.setAttribute("aria-label", `Curves of ${keys.length} figures. ` +
      "Plus and minus zoom, arrow keys move, 0 shows all. The newest values stand below.");
  }

  /** Whether all values are shares. */
  get #shares() {
    return ["exam", "judge", "retrieval"].includes(this.group.value);
  }

  #text(value) {
    return this.#shares ? percent(value) : number(value);
  }

  #range() {
    const { first_s: begin, last_s: end } = this.told ?? {};
    return [this.from ?? begin ?? 0, this.to ?? end ?? 1];
  }

  #zoom(factor, at = 0.5) {
    const [from, to] = this.#range();
    const middle = from + at * (to - from);
    this.#show(middle - at * factor * (to - from), middle + (1 - at) * factor * (to - from));
  }

  #move(share) {
    const [from, to] = this.#range();
    this.#show(from + share * (to - from), to + share * (to - from));
  }

  #show(from, to) {
    const { first_s: begin, last_s: end } = this.told ?? {};
    const whole = from == null || begin == null || (from <= begin && to >= end);
    this.from = whole ? null : Math.max(begin, Math.min(from, end - 1));
    this.to = whole ? null : Math.max(this.from + 1, Math.min(to, end));
    this.#draw();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.fetch(), 150);
  }

  #listen() {
    const { canvas } = this;
    const share = (event) => (event.offsetX - LEFT) / (canvas.clientWidth - LEFT);
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && document.activeElement !== canvas) return;
      event.preventDefault();
      this.#zoom(event.deltaY > 0 ? 1.25 : 0.8, Math.min(1, Math.max(0, share(event))));
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.dragged = [share(event), share(event)];
    });
    canvas.addEventListener("pointermove", (event) => {
      this.at = share(event);
      if (this.dragged) this.dragged[1] = this.at;
      this.#draw();
    });
    canvas.addEventListener("pointerleave", () => { this.at = null; this.#draw(); });
    canvas.addEventListener("pointerup", () => {
      const [a, b] = [...(this.dragged ?? [0, 0])].sort((x, y) => x - y);
      this.dragged = null;
      const [from, to] = this.#range();
      if (b - a > 0.02) this.#show(from + a * (to - from), from + b * (to - from));
    });
    canvas.addEventListener("dblclick", () => this.#show(null, null));
    canvas.addEventListener("keydown", (event) => {
      const acts = { "+": () => this.#zoom(0.5), "=": () => this.#zoom(0.5), "-": () => this.#zoom(2), 0: () => this.#show(null, null),
        ArrowLeft: () => this.#move(-0.2), ArrowRight: () => this.#move(0.2) };
      if (!acts[event.key]) return;
      acts[event.key]();
      event.preventDefault();
    });
  }

  #draw() {
    const { canvas } = this;
    const wide = canvas.clientWidth;
    if (!wide) return;
    const scale = devicePixelRatio || 1;
    canvas.width = wide * scale;
    canvas.height = HEIGHT * scale;
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    pen.font = "12px system-ui, sans-serif";
    const [from, to] = this.#range();
    const keys = Object.keys(this.series);
    const shown = keys.filter((key) => !this.hidden.has(key));
    const values = shown.flatMap((key) => [...this.series[key].low, ...this.series[key].high]).filter((value) => value != null);
    let low = this.#shares ? 0 : Math.min(0, ...values);
    let high = this.#shares ? 1 : Math.max(...values, low + 1e-9);
    if (!Number.isFinite(high)) [low, high] = [0, 1];
    const x = (time) => LEFT + ((time - from) / (to - from || 1)) * (wide - LEFT - 6);
    const y = (value) => HEIGHT - BOTTOM - ((value - low) / (high - low || 1)) * (HEIGHT - BOTTOM - 12);
    this.#axes(pen, wide, x, y, from, to, low, high);
    pen.save();
    pen.beginPath();
    pen.rect(LEFT, 0, wide - LEFT, HEIGHT - BOTTOM + 2);
    pen.clip();
    for (const key of shown) {
      const i = keys.indexOf(key);
      const { time_s: times, mean } = this.series[key];
      pen.strokeStyle = pen.fillStyle = colour(`--c${i % COLOURS}`);
      pen.lineWidth = 2;
      pen.setLineDash(i >= COLOURS ? [5, 4] : []);
      pen.beginPath();
      times.forEach((time, n) => mean[n] != null && pen.lineTo(x(time), y(mean[n])));
      pen.stroke();
      if (times.length < 40) times.forEach((time, n) => pen.fillRect(x(time) - 2, y(mean[n]) - 2, 4, 4));
    }
    pen.restore();
    this.#cursor(pen, wide, from, to, shown);
  }

  #axes(pen, wide, x, y, from, to, low, high) {
    pen.strokeStyle = colour("--line");
    pen.fillStyle = colour("--quiet");
    for (let i = 0; i <= 4; i++) {
      const value = low + ((high - low) * i) / 4;
      pen.beginPath();
      pen.moveTo(LEFT, y(value));
      pen.lineTo(wide, y(value));
      pen.stroke();
      pen.textAlign = "right";
      pen.fillText(this.#text(value), LEFT - 8, y(value) + 4);
    }
    const ticks = Math.max(2, Math.min(6, Math.floor(wide / 150)));
    for (let i = 0; i <= ticks; i++) {
      const time = from + ((to - from) * i) / ticks;
      pen.textAlign = i === 0 ? "left" : i === ticks ? "right" : "center";
      pen.fillText(span(time), i === ticks ? wide : x(time), HEIGHT - 6);
    }
  }

  /** What is under the pointer, or chosen by dragging. */
  #cursor(pen, wide, from, to, shown) {
    const place = (share) => LEFT + share * (wide - LEFT);
    if (this.dragged) {
      pen.globalAlpha = 0.2;
      pen.fillStyle = colour("--accent");
      pen.fillRect(place(this.dragged[0]), 0, place(this.dragged[1]) - place(this.dragged[0]), HEIGHT - BOTTOM);
      pen.globalAlpha = 1;
    } else if (this.at > 0 && this.at < 1) {
      const time = from + this.at * (to - from);
      pen.fillStyle = colour("--quiet");
      pen.fillRect(place(this.at), 0, 1, HEIGHT - BOTTOM);
      const near = shown.map((key) => {
        const { time_s: times, mean } = this.series[key];
        const n = times.reduce((best, t, i) => (Math.abs(t - time) < Math.abs(times[best] - time) ? i : best), 0);
        return `${words(key.split("/").slice(1).join("/"))} ${this.#text(mean[n])}`;
      });
      say(this.said, near.length ? `After ${span(time)}: ${near.join(", ")}` : "");
    }
  }
}

/** The exams that the run shows come first, those between two senses before all others. */
function inOrder(series) {
  const exams = last("status")?.exams ?? [];
  const first = [...exams].sort((a, b) => b.crosses - a.crosses).map((exam) => exam.figure);
  const rank = (key) => (first.includes(key) ? first.indexOf(key) : first.length);
  return Object.fromEntries(Object.entries(series).sort(([a], [b]) => rank(a) - rank(b)));
}

// What is taken for what: each cell shows the samples behind it.

import { call } from "../core/api.js";
import { el, number, percent, say, show, words } from "../core/dom.js";
import { on } from "../core/live.js";
import { sample } from "../core/samples.js";

const WIDEST = 30; // concepts up to which a whole table is shown
const LONGEST = 50; // mistakes in the list that stands in its place

/** The confusion table of one direction; fetched anew by `fetch`. */
export class Confusion {
  constructor() {
    this.heard = new Map();
    this.paths = el("select", { ariaLabel: "direction", onchange: () => this.#draw() });
    this.said = el("p.quiet", { role: "status" }, "Looking…");
    this.body = el("div.scroll.confusion", { tabIndex: 0, role: "region", ariaLabel: "confusion table" });
    this.behind = el("div.behind");
    this.element = el("div.panel", {}, el("div.row.between.tools", {}, el("h3", {}, "What it takes for what"), this.paths),
      this.said, this.body, this.behind);
    on("status", ({ senses }) => { this.heard = new Map(senses.map((sense) => [sense.name, sense.heard])); });
  }

  async fetch() {
    try {
      const told = await call("/v1/confusion");
      if (this.told && this.told.step === told.step && told.paths.length) return;
      this.told = told;
      const names = told.paths.map((path) => `${words(path.from)} → ${words(path.to)}`);
      if (this.paths.childElementCount !== names.length) {
        const crosses = told.paths.findIndex((path) => path.from !== path.to);
        this.paths.replaceChildren(...names.map((name, i) => el("option", { value: i, selected: i === crosses }, name)));
      }
      show(this.paths, names.length > 0);
      this.#draw();
    } catch (error) {
      say(this.said, error.message);
    }
  }

  #draw() {
    const { told } = this;
    const path = told.paths[Number(this.paths.value)];
    if (!path) {
      say(this.said, `${told.why[0]?.toUpperCase() ?? ""}${told.why.slice(1)}.`);
      this.body.replaceChildren();
      return;
    }
    const judge = path.judge == null ? "" : ` The judge itself recognises ${percent(path.judge)}.`;
    say(this.said, `A judge recognises ${percent(path.accuracy)} of what is evoked (step ${number(told.step)}).${judge}`);
    this.body.replaceChildren(told.names.length <= WIDEST ? this.#table(path) : this.#list(path));
  }

  #table(path) {
    const { names } = this.told;
    const cells = new Map(path.cells.map((cell) => [`${cell.true} ${cell.judged}`, cell]));
    return el("table", {},
      el("caption.quiet", {}, "Rows: what it was. Columns: what the judge took the evoked for."),
      el("thead", {}, el("tr", {}, el("td"), names.map((name) => el("th", { scope: "col" }, el("span", {}, name))))),
      el("tbody", {}, path.counts.map((counts, row) => {
        const sum = counts.reduce((a, b) => a + b, 0) || 1;
        return el("tr", {}, el("th", { scope: "row" }, names[row]), counts.map((count, column) => {
          const cell = cells.get(`${row} ${column}`);
          const box = el("td", { className: row === column ? "right" : "wrong" });
          if (!cell) return box;
          box.style.setProperty("--share", `${Math.round(100 * Math.max(0.12, count / sum))}%`);
          box.append(el("button", { type: "button", ariaLabel: `${names[row]} taken for ${names[column]}: ${count}`,
            onclick: () => this.#show(path, cell, count) }, count));
          return box;
        }));
      })));
  }

  /** With many concepts: the most frequent mistakes. */
  #list(path) {
    const { names } = this.told;
    const mistakes = path.cells.filter((cell) => cell.true !== cell.judged)
      .map((cell) => ({ ...cell, count: path.counts[cell.true][cell.judged] })).sort((a, b) => b.count - a.count);
    return el("ul", {}, mistakes.slice(0, LONGEST).map((cell) => el("li", {}, el("button", { type: "button",
      onclick: () => this.#show(path, cell, cell.count) }, `${names[cell.true]} taken for ${names[cell.judged]}: ${cell.count}`))));
  }

  #show(path, cell, count) {
    const { names, step } = this.told;
    this.behind.replaceChildren(
      el("h4", { tabIndex: -1 }, `${names[cell.true]} taken for ${names[cell.judged]}: ${count === cell.ids.length ? count : `${cell.ids.length} of ${count}`}`),
      el("ul.row", {}, cell.ids.map((id) => el("li", {},
        sample(id, { label: `${words(path.from)} ${names[cell.true]}`, heard: this.heard.get(path.from), size: 48 }),
        sample(`evoked.${id}.${path.to}`, { label: `what it evokes as ${words(path.to)}`, heard: this.heard.get(path.to), size: 48, step })))),
      el("p.below", {}, "Each sample stands beside what it evokes by the newest weights."));
    this.behind.firstChild.focus();
  }
}

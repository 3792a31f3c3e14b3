// A card for each concept: what it evokes, in all directions.

import { call } from "../core/api.js";
import { el, number, percent, say, show, words } from "../core/dom.js";
import { on } from "../core/live.js";
import { sample } from "../core/samples.js";

const PAGE = 12;

/** The cards; fetched anew by `fetch`. */
export class Cards {
  constructor() {
    this.first = 0;
    this.subject = 0;
    this.heard = new Map();
    this.why = el("p.quiet", { role: "status" }, "Looking…");
    this.list = el("ul.cards");
    this.subjects = el("select", { ariaLabel: "subject", hidden: true, onchange: () => {
      this.subject = Number(this.subjects.value);
      this.#turn(0);
    } });
    this.back = el("button", { type: "button", onclick: () => this.#turn(this.first - PAGE) }, "Earlier");
    this.on = el("button", { type: "button", onclick: () => this.#turn(this.first + PAGE) }, "Later");
    this.pager = el("div.row", { hidden: true }, this.back, this.on);
    this.element = el("div.panel.wide", {}, el("div.row.between.tools", {}, el("h3", {}, "What each thing evokes"), this.subjects),
      this.why, this.list, this.pager);
    on("status", ({ senses }) => { this.heard = new Map(senses.map((sense) => [sense.name, sense.heard])); });
  }

  #turn(first) {
    this.first = Math.max(0, first);
    this.fetch();
  }

  async fetch() {
    try {
      const told = await call(`/v1/concepts?subject=${this.subject}&first=${this.first}&count=${PAGE}`);
      // The pictures change with each step: they are fetched anew when the weights are newer.
      const version = `${told.subject} ${told.first} ${told.step} ${told.concepts.length}`;
      if (version === this.version) return;
      this.version = version;
      this.#draw(told);
    } catch (error) {
      say(this.why, error.message);
    }
  }

  #draw(told) {
    const all = told.labelled ? "" : "The run has no names for things. These are clusters of its newest events. ";
    say(this.why, told.why ? `${told.why[0].toUpperCase()}${told.why.slice(1)}.` : `${all}Step ${number(told.step)}.`);
    show(this.subjects, told.subjects.length > 1);
    if (this.subjects.childElementCount !== told.subjects.length) {
      this.subjects.replaceChildren(...told.subjects.map((one) => el("option", { value: one.number }, one.name)));
    }
    this.list.replaceChildren(...told.concepts.map((concept) => this.#card(concept, told.step)));
    show(this.pager, told.total > PAGE);
    this.back.disabled = told.first === 0;
    this.on.disabled = told.first + PAGE >= told.total;
  }

  #card(concept, step) {
    const own = (sense, size, label) => concept.samples[sense]?.length &&
      sample(concept.samples[sense][0], { label, heard: this.heard.get(sense), size });
    const paths = concept.evokes.map((path) => {
      const made = path.from === path.to ? "is remembered as" : "evokes";
      const label = `what the ${words(path.from)} of ${concept.name} ${path.from === path.to ? "is remembered as" : `evokes as ${words(path.to)}`}`;
      return el("li", { className: path.right === false ? "wrong" : path.right ? "right" : "" },
        own(path.from, 56, `${words(path.from)} of ${concept.name}`), el("span.arrow", { ariaHidden: "true" }, "→"),
        sample(path.id, { label, heard: this.heard.get(path.to), size: 56, step }),
        el("span.below", {}, `${words(path.from)} ${made} ${path.from === path.to ? "" : words(path.to)}`, el("br"),
          path.accuracy == null ? "" : el("b", {}, percent(path.accuracy)),
          path.right == null ? "" : path.right ? " ✓ recognised" : " ✗ taken for another"));
    });
    return el("li.card", {}, el("h4", {}, concept.name, concept.size == null ? "" : ` · ${number(concept.size)} events`),
      el("ul", {}, paths));
  }
}

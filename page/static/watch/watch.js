// Watch: what comes in, as it is perceived, and whose turn it is to learn.

import { el, meter, number, panel, percent, say, span, table, words } from "../core/dom.js";
import { on } from "../core/live.js";
import { sample } from "../core/samples.js";
import { Newest } from "./newest.js";

const PAIRS = 10;
const PAIR_EVERY = 700; // ms between two events of one row: more could not be seen

/** Build the view. */
export function mount(section) {
  const senses = el("div.senses");
  const sides = el("div.sides");
  const turn = el("p.quiet");
  const tables = el("div.stack");
  const sources = el("div");
  const drops = el("div");
  const pairs = new Row("Pairs as they are made", "None yet: a pair is made of what is seen and heard at one time.");
  const singles = new Row("Single samples", "None yet.");
  let held = false;
  const hold = el("button", { type: "button", ariaPressed: "false", onclick: () => {
    held = !held;
    hold.setAttribute("aria-pressed", held);
  } }, "Hold still");
  const shown = new Map();

  const place = (sense) => {
    if (shown.has(sense.name)) return;
    const newest = new Newest(sense);
    shown.set(sense.name, newest);
    senses.append(newest.element);
  };
  const running = (listener) => (data) => {
    if (!held && !section.hidden) listener(data);
  };
  section.append(el("div.grid", {},
    el("div.panel.wide", {}, el("div.row.between", {}, el("h3", {}, "What comes in"), hold), senses),
    panel("Whose turn it is", sides, turn),
    panel("Memory of events", tables),
    el("div.panel.wide", {}, pairs.element, singles.element),
    el("div.panel", {}, el("h3", {}, "Sources and robots"), sources),
    el("div.panel", {}, el("h3", {}, "What was dropped, and why"), drops)));

  on("status", running((status) => {
    status.senses.forEach(place);
    showSides(sides, turn, status);
    showTables(tables, status.replay);
    showSources(sources, status);
  }));
  on("samples", running(({ newest }) => {
    // A sense that is new has its place once the status has described it, within a second.
    for (const [name, one] of Object.entries(newest)) shown.get(name)?.take(one.id);
  }));
  const heard = new Map();
  on("status", ({ senses: all }) => all.forEach((sense) => heard.set(sense.name, sense.heard)));
  on("pair", running((pair) => pairs.take(pair, heard)));
  on("single", running((single) => singles.take(single, heard)));
  on("turn", running(({ learns, guides, step }) => light(sides, turn, learns, guides, step)));
  on("dropped", running((told) => showDrops(drops, told)));
}

/** A row of the newest events of a kind; each event's samples stand side by side. */
class Row {
  constructor(title, empty) {
    this.list = el("ol.row.events", {}, el("li.quiet", {}, empty));
    this.total = el("span.quiet");
    this.element = el("div.events", {}, el("h3", {}, title, " ", this.total), this.list);
    this.next = 0;
  }

  take({ ids, total }, heard) {
    const now = performance.now();
    if (now < this.next) return;
    this.next = now + PAIR_EVERY;
    say(this.total, `${number(total)} of ${Object.keys(ids).map(words).join(" and ")}`);
    this.list.querySelector(".quiet")?.remove();
    this.list.prepend(el("li", {}, Object.entries(ids).map(([sense, id]) =>
      sample(id, { label: `${words(sense)} of an event`, heard: heard.get(sense), size: 72, lazy: false }))));
    while (this.list.childElementCount > PAIRS) this.list.lastChild.remove();
  }
}

/** One box for each sense; those that learn and those that guide light up. */
function showSides(sides, turn, { senses: all, learner, run }) {
  const senses = all.filter((sense) => sense.evokes.length);
  if (sides.childElementCount !== senses.length) {
    sides.replaceChildren(...senses.map(({ name }, i) => {
      const side = el("div.side", {}, el("b", {}, words(name)), el("span.below", {}, "waits"));
      side.dataset.sense = name;
      side.style.setProperty("--own", `var(--side-${i % 4})`);
      return side;
    }));
  }
  light(sides, turn, learner.learns, learner.guides, run.step);
}

function light(sides, turn, learns, guides, step) {
  for (const side of sides.children) {
    const mine = side.dataset.sense;
    const role = mine === learns ? "learns" : mine === guides ? "guides" : "waits";
    side.className = `side ${role}`;
    say(side.lastChild, role);
  }
  const from = guides ? `${words(learns)} learns to predict what ${words(guides)} makes of the same event` :
    `${words(learns)} learns by itself`;
  say(turn, learns ? `${from} (step ${number(step)}).` : "Nothing is learned yet.");
}

function showTables(element, replay) {
  const most = Math.max(1, ...Object.values(replay.tables).map(({ size }) => size ?? 0));
  element.replaceChildren(
    meter("full", replay.fill, percent(replay.fill)),
    ...Object.entries(replay.tables).map(([kind, { size, events }]) =>
      meter(words(kind).replaceAll("+", " and "), (size ?? 0) / most, `${number(size)} kept of ${number(events)}`)),
    el("p.quiet", {}, `${number(replay.events_per_s)} events a second`));
}

function showSources(element, { sources, run, actors }) {
  if (sources.length) {
    element.replaceChildren(table("States of sources", ["source", "state", "read", "stalls", "reconnects", "lost"],
      sources.map((one) => [one.name, state(one.state), number(one.read), number(one.stalls), number(one.reconnects),
        Object.entries(one.lost).filter(([, count]) => count).map(([why, count]) => `${words(why)} ${number(count)}`).join(", ") || "0"])));
    return;
  }
  const teachers = actors.filter(({ name }) => name.startsWith("teacher"));
  element.replaceChildren(el("p.quiet", {}, run.live ? "No source yet." : "This run has simulated teachers in place of sensors."),
    table("States of teachers", ["teacher", "state", "since"], teachers.map((one) => [one.name, state(one.state), span(one.since_s)])));
}

/** A state as a coloured word. */
export function state(name) {
  const mood = { live: "good", up: "good", closed: "bad", hung: "bad", stalled: "bad" }[name] ?? "busy";
  return el("span.state", {}, el("i.dot", { className: `dot ${mood}` }), name);
}

function showDrops(element, { dropped, lost }) {
  const rows = [...Object.entries(dropped), ...Object.entries(lost)].filter(([, count]) => count);
  element.replaceChildren(rows.length ?
    table("Counts since the run began", ["reason", "count"], rows.map(([why, count]) => [words(why), number(count)])) :
    el("p.quiet", {}, "Nothing was dropped or lost."));
}

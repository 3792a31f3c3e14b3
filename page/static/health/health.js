// Health: how the run is, its settings, and its buttons.

import { call, send } from "../core/api.js";
import { el, meter, mib, number, panel, percent, say, show, span, table, words } from "../core/dom.js";
import { last, on } from "../core/live.js";
import { state } from "../watch/watch.js";

/** Build the view. */
export function mount(section) {
  const actors = el("div");
  const machine = el("div.stack");
  const rates = el("dl");
  const notes = el("ol.notes", { tabIndex: 0, ariaLabel: "lines of the run's screen" });
  section.append(el("div.grid", {},
    el("div.panel.wide", {}, el("h3", {}, "What to do"), commands()),
    el("div.panel.wide", {}, el("h3", {}, "Actors"), actors),
    panel("Machine", machine), panel("Rates", rates),
    el("div.panel.wide", {}, el("h3", {}, "What the run said"), notes),
    el("div.panel.wide", {}, el("h3", {}, "Settings"), settings())));
  on("status", (status) => {
    if (section.hidden) return;
    actors.replaceChildren(table("Processes of the run", ["actor", "state", "since", "restarts", "memory", "cores", "fault"],
      status.actors.map((one) => [one.name, state(one.state), span(one.since_s), number(one.restarts), mib(one.memory_mib),
        number(one.cpu), one.fault])));
    showMachine(machine, status);
    showRates(rates, status);
    showNotes(notes, status.notes);
  });
}

function commands() {
  const said = el("p", { role: "status" });
  const give = async (command) => {
    try {
      await send("/v1/command", { command });
      say(said, `${command} asked for…`);
    } catch (error) {
      say(said, error.message);
    }
  };
  const pause = el("button", { type: "button", onclick: () => give(last("status")?.run.paused ? "resume" : "pause") }, "Pause learning");
  const sure = el("dialog", { ariaLabel: "Stop the run?" },
    el("h3", {}, "Stop the run?"),
    el("p", {}, "It writes a checkpoint and ends, as by Ctrl-C. This page ends with it. Only a terminal can start it again."),
    el("form.row", { method: "dialog" },
      el("button", { value: "no" }, "Keep it running"),
      el("button.danger", { value: "yes" }, "Stop it")));
  sure.addEventListener("close", () => sure.returnValue === "yes" && give("stop"));
  const stop = el("button.danger", { type: "button", onclick: () => { sure.returnValue = ""; sure.showModal(); } }, "Stop the run…");
  const checkpoint = el("span.quiet");
  on("status", ({ run, checkpoint: newest }) => {
    say(pause, run.paused ? "Resume learning" : "Pause learning");
    say(checkpoint, newest.step == null ? "No checkpoint yet." :
      `The newest checkpoint is of step ${number(newest.step)}, ${span(newest.age_s)} old.`);
  });
  on("command", ({ command, state: how }) => say(said, `${command}: ${how} by the run.`));
  return el("div", {}, el("div.row", {}, el("button.main", { type: "button", onclick: () => give("checkpoint") }, "Write a checkpoint"),
    pause, stop, checkpoint), said, sure);
}

function showMachine(element, { machine, actors }) {
  const used = machine.memory_mib ? machine.memory_used_mib / machine.memory_mib : null;
  const cores = actors.reduce((sum, one) => sum + (one.cpu ?? 0), 0);
  element.replaceChildren(
    meter("memory in use", used, `${mib(machine.memory_used_mib)} of ${mib(machine.memory_mib)}`),
    meter("cores that this run uses", cores / machine.cpus, `${number(Math.round(10 * cores) / 10)} of ${machine.cpus}`),
    el("p.quiet", {}, `${mib(machine.disk_free_mib)} free on the run's disk`));
}

function showRates(element, { run, learner, replay, page }) {
  const refused = Object.entries(page.refused).map(([why, count]) => `${words(why)} ${number(count)}`).join(", ");
  const rows = [
    ["run", `${run.name}, version ${run.version}`],
    ["time", `${span(run.time_s)}, of which learning ${span(run.learning_s)}`],
    ["steps a second", number(learner.steps_per_s)],
    ["learner busy", percent(learner.duty)],
    ["events a second", number(replay.events_per_s)],
    ...Object.entries(learner.losses).map(([term, loss]) => [`loss ${words(term)}`, number(loss)]),
    ["answers", `${number(page.asked)}; half within ${number(page.answer_ms_p50)} ms, 99 of 100 within ${number(page.answer_ms_p99)} ms`],
    ["weights of answers", `step ${number(page.weights_step)}, ${span(page.weights_age_s)} old`],
    ["viewers of this page", `${number(page.viewers)}, ${number(page.connections)} connections`],
    ["requests refused", refused || "none"],
  ];
  element.replaceChildren(...rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

function showNotes(element, notes) {
  const newest = notes.at(-1)?.number;
  if (element.dataset.newest === String(newest)) return;
  element.dataset.newest = newest;
  element.replaceChildren(...notes.map(({ at, text }) => el("li", {},
    el("time.quiet", {}, new Date(1000 * at).toLocaleTimeString()), el("span", {}, text))));
  element.scrollTop = element.scrollHeight;
}

/** All settings, fetched once somebody looks. */
function settings() {
  const rows = el("div");
  const search = el("input", { type: "search", placeholder: "name or words", ariaLabel: "search settings" });
  const differs = el("input", { type: "checkbox", checked: true });
  let all = [];
  const draw = () => {
    const wanted = search.value.trim().toLowerCase();
    const found = all.filter((one) => (!differs.checked || one.changed || wanted) &&
      `${one.key} ${one.help}`.toLowerCase().includes(wanted));
    show(rows, true);
    rows.replaceChildren(found.length ? table(`${found.length} of ${all.length} settings`, ["setting", "value", "default", "meaning"],
      found.map((one) => [one.key, el(one.changed ? "b" : "span", {}, text(one.value), one.unit && one.value != null ? ` ${one.unit}` : ""),
        one.changed ? text(one.default) : "", one.help])) : el("p.quiet", {}, all.length ? "Every setting has its default." : "…"));
  };
  search.oninput = differs.onchange = draw;
  call("/v1/settings").then((told) => { all = told.settings; draw(); }, (error) => say(rows, error.message));
  return el("div", {}, el("div.row.tools", {}, search, el("label", {}, differs, "only those that differ from the default")), rows);
}

const text = (value) => (value == null ? "none" : typeof value === "object" ? JSON.stringify(value) : String(value));

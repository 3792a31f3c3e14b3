// The page: which view is shown, and the line that says how the run is.

import { el, number, percent, say, show } from "./core/dom.js";
import { last, listen, on } from "./core/live.js";
import { mount as mountAsk } from "./ask/ask.js";

const VIEWS = {
  ask: mountAsk,
  watch: async (section) => (await import("./watch/watch.js")).mount(section),
  knows: async (section) => (await import("./knows/knows.js")).mount(section),
  health: async (section) => (await import("./health/health.js")).mount(section),
  teach: async (section) => teach(section, await import("./share/panel.js")),
};
const mounted = new Map();

/** The panel of shared sensors, in a box like those of the other views; without it, a run that takes none says so. */
function teach(section, { mountShare }) {
  const none = el("p.panel", { hidden: true }, "This run learns from simulated teachers and takes in no microphone or camera. " +
    "Start one with --sensors browser, or --sensors live, to teach it from here.");
  const root = el("div.panel");
  const alone = el("p.quiet", {}, el("a", { href: "/static/share/index.html" }, "This part alone"),
    ", as a page to keep open on a phone.");
  let mounted = false;
  section.append(none, root, alone);
  on("status", ({ run }) => {
    for (const part of [root, alone]) show(part, run.live);
    show(none, !run.live);
    if (run.live && !mounted) mounted = Boolean(mountShare(root));
  });
}

/** Show the view that the address names. */
async function go(byHand) {
  const wanted = location.hash.slice(1);
  if (wanted === "main") return;
  const name = wanted in VIEWS ? wanted : "ask";
  for (const section of document.querySelectorAll("section.view")) show(section, section.id === name);
  invite();
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${document.getElementById(`${name}-title`).textContent} · Reciprocal`;
  const section = document.getElementById(name);
  if (byHand) document.getElementById(`${name}-title`).focus({ preventScroll: true });
  if (byHand) scrollTo(0, 0);
  if (!mounted.has(name)) mounted.set(name, VIEWS[name](section));
  const view = await mounted.get(name);
  // A view learns that it is shown again: what it fetched may be old.
  if (byHand && !section.hidden) view?.shown?.();
}

/** One line: what the run does, at which step, how fast. */
function tellRun({ run, learner }) {
  // Only a run that perceives for itself takes in what a browser shares.
  show(document.querySelector("nav a[href='#teach']"), run.live);
  invite();
  const parts = [run.phase];
  if (run.step) parts.push(`step ${number(run.step)}`);
  if (learner.steps_per_s && !run.paused) parts.push(`${number(learner.steps_per_s)} steps/s`);
  if (run.share != null && run.share < 1) parts.push(`${percent(run.share)} done`);
  say(document.getElementById("state"), parts.join(" · "));
  const dot = document.getElementById("dot");
  dot.className = `dot ${run.paused ? "paused" : run.phase === "learning" ? "good" : "busy"}`;
  alarm();
}

/** The link to the view that shares, in a run that takes it, in all other views. */
function invite() {
  show(document.getElementById("share"), Boolean(last("status")?.run.live) && document.getElementById("teach").hidden);
}

function alarm() {
  const connection = last("connection");
  const age = last("status")?.run.age_s ?? 0;
  let why = "";
  if (connection && !connection.open) why = connection.why;
  else if (age > 5) why = `The run has said nothing for ${Math.round(age)} seconds. It may hang, or has ended.`;
  const line = document.getElementById("alarm");
  say(line, why);
  show(line, why !== "");
  if (why) document.getElementById("dot").className = "dot bad";
}

addEventListener("hashchange", () => go(true));
on("status", tellRun);
on("connection", alarm);
go(false);
listen();

// One answer: what was asked, what it evokes, what is remembered, and what is near.

import { el, meter, number, percent, words } from "../core/dom.js";
import { hush, play, sample } from "../core/samples.js";

/** The first evoked sample that can be heard, or undefined. */
export const spoken = (answer) => Object.values(answer.evoked).find((one) => one.heard);

/** What an answer says in a word: the name of what it evokes or, where that has none, of what was asked; or null. */
export const wordOf = (answer) => (spoken(answer) ?? Object.values(answer.evoked)[0])?.says ?? answer.says ?? null;

/** Say an answer aloud; returns whether the browser allowed it. */
export async function speak(answer) {
  hush();
  const one = spoken(answer);
  return one ? play(one.id) : true;
}

/**
 * The elements of an answer.
 * @param {function} again asks the same once more.
 * @param {Array} chain earlier answers to the same question, the oldest first.
 */
export function answerOf(answer, again, chain) {
  const evoked = Object.values(answer.evoked);
  return [
    headline(answer),
    el("div.evoked", {},
      evoked.map((made) => shown(made, 192, made.heard ? "the sound that it evokes" : `the ${words(made.sense)} that it evokes`)),
      shown(answer.asked, 88, "as it perceives it"),
      answer.remembered && shown(answer.remembered, 88, "as it remembers it")),
    answer.nearest.length > 0 && el("div.nearest", {}, el("h4", {}, "The nearest things that it knows"),
      el("ul.row", {}, answer.nearest.map((near) => el("li", {},
        sample(near.id, { label: near.name ?? "a known thing", heard: answer.asked.heard, size: 64,
          text: near.name ?? undefined }),
        meter("near", near.near, percent(near.near)))))),
    chain.length > 0 && progress([...chain, answer]),
    el("p.row.foot", {}, el("span.quiet", {}, `by the weights of step ${number(answer.step)}, in ${number(answer.took_ms)} ms`),
      el("button", { type: "button", onclick: again }, "Ask again")),
  ];
}

/** The answer in one line. */
function headline(answer) {
  const one = spoken(answer);
  const button = one && el("button.speak", { type: "button", ariaLabel: "say it again" }, el("i.play"));
  button?.addEventListener("click", () => play(one.id, null, button));
  const says = wordOf(answer);
  if (says == null) return el("div.headline", {}, button, el("p.says", {}, one ? "It says this:" : "It thinks of this:"));
  return el("div.headline", {}, button, el("p.says", {}, says),
    el("p.quiet", {}, "is the name of the nearest things that it knows"));
}

function shown(what, size, text) {
  return el("div", {}, sample(what.id, { label: text, heard: what.heard, size, lazy: false }), el("p.below", {}, text));
}

/** The same question at several steps. */
function progress(answers) {
  return el("div.progress", {}, el("h4", {}, "The same question before and now"), el("ol.row", {}, answers.map((each) =>
    el("li", {}, Object.values(each.evoked).slice(0, 1).map((made) =>
      sample(made.id, { label: `what it evoked at step ${number(each.step)}`, heard: made.heard, size: 64 })),
    el("span.below", {}, wordOf(each) ?? "", el("br"), `step ${number(each.step)}`)))));
}

/** A row of the last questions; `open` shows one of them. */
export function historyOf(questions, open) {
  return questions.map((question) => {
    const made = Object.values(question.evoked)[0];
    const label = `question ${question.number}: ${wordOf(question) ?? "asked"}, step ${number(question.step)}`;
    return el("li", {}, el("button.past", { type: "button", ariaLabel: label, onclick: () => open(question) },
      sample(question.asked.id, { label: "", size: 64 }), made && sample(made.id, { label: "", size: 64 }),
      el("span.below", {}, wordOf(question) ?? "", " ", el("span.quiet", {}, `step ${number(question.step)}`))));
  });
}

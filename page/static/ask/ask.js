// Ask: draw, drop, record or show something; the agent answers at once.

import { call } from "../core/api.js";
import { el, panel, say, show } from "../core/dom.js";
import { last, on } from "../core/live.js";
import { hush } from "../core/samples.js";
import { answerOf, historyOf, speak } from "./answer.js";
import { Board } from "./board.js";
import { Camera } from "./camera.js";
import { noDevices, Recording, whyNot } from "./recorder.js";

const KEPT = 50;
const FILES = ["image/png", "image/jpeg", "audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"];
const ARRAY = ".npy"; // a stored sample of any sense: browsers know no media type for it

let number = 0; // of the newest request: answers to earlier ones are not shown
let questions = [];
let board, camera, recording, status, result, past, invitation;

/** Build the view. */
export function mount(section) {
  board = new Board(askBoard, () => say(status, ""));
  camera = new Camera(askCamera, () => last("status")?.page.prepares);
  status = el("p.status", { role: "status" });
  invitation = el("p.quiet");
  result = el("div.answer", { ariaLive: "polite" }, el("div.empty", {},
    el("p.says", {}, "Draw something."), invitation));
  past = el("ol.row.past");
  section.append(
    el("div.ask", {},
      el("div", {}, board.element, controls(), camera.element, status),
      result),
    panel("The last 50 questions", past));
  dropZone(section);
  paste();
  on("question", take);
  on("status", invite);
  call("/v1/questions").then((told) => { questions = told.questions; showPast(); }, () => {});
  return { shown() {} };
}

function controls() {
  const colour = el("input", { type: "color", value: "#16181d", ariaLabel: "colour of the pen", hidden: true,
    oninput: () => { board.ink = colour.value; } });
  on("status", ({ senses }) => show(colour, senses.some((sense) => sense.evokes.length && sense.color)));
  const file = el("input", { type: "file", accept: [...FILES, ARRAY].join(), hidden: true, onchange: () => {
    if (file.files[0]) askFile(file.files[0]);
    file.value = "";
  } });
  const level = el("i.level");
  const record = el("button.record", { type: "button", onclick: () => toggleRecording(record, level) },
    el("i.dot"), "Record", level);
  const look = el("button", { type: "button", ariaPressed: "false", onclick: async () => {
    if (camera.on) camera.stop();
    else await camera.start();
    look.setAttribute("aria-pressed", camera.on);
  } }, "Camera");
  return el("div.row.controls", {},
    el("button.main", { type: "button", onclick: askBoard }, "Ask"),
    el("button", { type: "button", onclick: wipe }, "Wipe"),
    colour, record, look,
    el("button", { type: "button", onclick: () => file.click() }, "Choose a file"), file);
}

/** Words for a board on which nothing is drawn yet. */
function invite({ run }) {
  const subjects = run.subjects.join(" and ");
  say(invitation, `It learns ${subjects || "what it perceives"} from pictures and sounds alone, without labels. ` +
    "Draw one, or drop a picture or a sound here: it says, or shows, what that makes it think of.");
}

/** Wipe the board; an answer that is still to come is not shown. */
function wipe() {
  number++;
  board.clear();
  say(status, "");
}

async function askBoard() {
  if (board.empty) return say(status, "The board is empty.");
  await evoke(await board.png(), "image/png");
}

function askCamera(jpeg, byHand) {
  const prepare = { fit: "fit", coarse_ink: "coarse_card" }[last("status")?.page.prepares] ?? "card";
  return evoke(jpeg, "image/jpeg", `?prepare=${prepare}`, !byHand);
}

function askFile(file) {
  if (file.name.endsWith(ARRAY)) return evoke(file, "application/x-npy");
  const kind = file.type.startsWith("audio/") ? "audio/wav" : file.type;
  if (!FILES.includes(file.type)) return say(status, `${file.name}: expected a PNG or JPEG picture, a WAV sound, or an npy file.`);
  return evoke(file, kind);
}

async function toggleRecording(button, level) {
  if (recording) return recording.stop();
  const why = noDevices();
  if (why) return say(status, why);
  hush();
  recording = new Recording((loudness) => { level.style.transform = `scaleX(${loudness})`; });
  try {
    await recording.start();
    button.classList.add("on");
    say(status, "Say something.");
    await evoke(await recording.done, "audio/wav");
  } catch (error) {
    say(status, whyNot(error, "microphone"));
  } finally {
    button.classList.remove("on");
    recording = null;
  }
}

/** Send a sample, and show and speak the answer. */
async function evoke(body, kind, query = "", quiet = false) {
  const mine = ++number;
  if (!quiet) say(status, "Thinking…");
  try {
    const answer = await call(`/v1/evoke${query}`, { method: "POST", headers: { "Content-Type": kind }, body });
    if (mine === number) await showAnswer(answer, true);
    return answer;
  } catch (error) {
    if (mine === number) say(status, error.message);
    return null;
  }
}

async function again(question) {
  const mine = ++number;
  try {
    const answer = await call(`/v1/questions/${question.number}/again`, { method: "POST" });
    if (mine === number) await showAnswer(answer, true);
  } catch (error) {
    if (mine === number) say(status, error.message);
  }
}

async function showAnswer(answer, aloud) {
  if (!answer.told) return say(status, `${answer.why[0].toUpperCase()}${answer.why.slice(1)}.`);
  take(answer);
  say(status, "");
  result.replaceChildren(...answerOf(answer, () => again(answer), before(answer)).filter(Boolean));
  if (aloud && !(await speak(answer))) say(status, "It cannot be heard: press the button beside the word.");
}

/** Earlier answers to the same question, the oldest first. */
function before(answer) {
  const chain = [];
  let earlier = answer.again;
  while (earlier != null) {
    const found = questions.find((question) => question.number === earlier);
    if (!found) break;
    chain.unshift(found);
    earlier = found.again;
  }
  return chain;
}

/** Keep a question that was asked here or by another viewer. */
function take(question) {
  questions = [question, ...questions.filter((one) => one.number !== question.number)]
    .sort((a, b) => b.number - a.number).slice(0, KEPT);
  showPast();
}

function showPast() {
  if (questions.length) past.replaceChildren(...historyOf(questions, (question) => {
    showAnswer(question, true);
    result.scrollIntoView({ block: "nearest" });
  }));
  else past.replaceChildren(el("li.quiet", {}, "None yet."));
}

function dropZone(section) {
  const over = (on) => (event) => {
    event.preventDefault();
    section.classList.toggle("over", on);
  };
  section.addEventListener("dragover", over(true));
  section.addEventListener("dragleave", over(false));
  section.addEventListener("drop", (event) => {
    over(false)(event);
    const [file] = event.dataTransfer.files;
    if (file) askFile(file);
  });
}

function paste() {
  addEventListener("paste", (event) => {
    const [file] = event.clipboardData.files;
    if (file && location.hash.slice(1) in { "": 0, ask: 0 }) askFile(file);
  });
}

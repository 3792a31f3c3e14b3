// What the run tells of itself as it happens: one EventSource for the whole page.

import { call } from "./api.js";

const NAMES = ["status", "samples", "pair", "single", "turn", "dropped", "question", "command", "weights"];
const listeners = new Map();
const newest = new Map();
let source = null;
let retry = 0;

/** Call `listener` with each event of a name, and at once with the newest one. Names also are `connection`. */
export function on(name, listener) {
  if (!listeners.has(name)) listeners.set(name, new Set());
  listeners.get(name).add(listener);
  if (newest.has(name)) listener(newest.get(name));
}

/** The newest event of a name, or undefined. */
export const last = (name) => newest.get(name);

function tell(name, data) {
  newest.set(name, data);
  for (const listener of listeners.get(name) ?? []) {
    try {
      listener(data);
    } catch (error) {
      console.error(error);
    }
  }
}

/** Begin to listen. A page that nobody sees does not listen. */
export function listen() {
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  if (!document.hidden) open();
}

function open() {
  clearTimeout(retry);
  if (source) return;
  source = new EventSource("/v1/events");
  source.onopen = () => tell("connection", { open: true, why: "" });
  source.onerror = lost;
  for (const name of NAMES) source.addEventListener(name, (event) => tell(name, JSON.parse(event.data)));
}

function close() {
  clearTimeout(retry);
  source?.close();
  source = null;
}

/** The connection broke, or was refused: EventSource tries again by itself only in the first case. */
async function lost() {
  tell("connection", { open: false, why: "The run cannot be reached. It may have ended." });
  if (source?.readyState !== EventSource.CLOSED) return;
  close();
  retry = setTimeout(() => document.hidden || open(), 5000);
  try {
    tell("status", await call("/v1/status"));
    tell("connection", { open: false, why: "The run has too many viewers: this page is shown late." });
  } catch (error) {
    tell("connection", { open: false, why: error.message });
  }
}

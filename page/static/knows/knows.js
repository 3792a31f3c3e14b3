// Knows: what the agent has learned, as cards, curves, a map, and a table of mistakes.

import { el } from "../core/dom.js";
import { last } from "../core/live.js";
import { Cards } from "./cards.js";
import { Confusion } from "./confusion.js";
import { Curves } from "./curves.js";
import { LatentMap } from "./map.js";

const EVERY = 20000; // ms: the run examines and maps about as often

/** Build the view. */
export function mount(section) {
  const parts = [new Cards(), new Curves(), new LatentMap(), new Confusion()];
  section.append(el("div.grid", {}, parts.map((part) => part.element)));
  const shown = () => parts.forEach((part) => part.fetch());
  shown();
  setInterval(() => !section.hidden && !document.hidden && last("connection")?.open && shown(), EVERY);
  return { shown };
}

// Teach: this browser's microphone and camera, and a board, as sensors of the run.

import { el, panel } from "../core/dom.js";
import { Board } from "../ask/board.js";
import { mountShare } from "../share/panel.js";

/** Build the view. */
export function mount(section) {
  const root = el("div.panel");
  const share = mountShare(root);
  const board = new Board(() => share.boardDrawn(), () => share.boardDrawn());
  share.setBoard({ canvas: board.canvas, empty: () => board.empty });
  section.append(el("div.grid", {}, root, panel("Draw and say",
    el("p.quiet", {}, "While you share, what you draw here and what you say at the same time become a pair. No camera is needed."),
    board.element, el("div.row.controls", {}, el("button", { type: "button", onclick: () => board.clear() }, "Wipe")))));
}

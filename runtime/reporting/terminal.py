"""The screen of a run: a live view on a terminal, and lines elsewhere."""

import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import IO, Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from agent.algorithms import algorithms
from runtime.reporting.figures import Value
from runtime.reporting.overview import Exam, Overview
from runtime.reporting.phrases import (
    answering,
    clock,
    finding,
    is_loss,
    itself,
    number,
    perceiving,
    percent,
    reading,
    sensing,
    training,
    turning,
)
from sensors.system.output import spelt

LINE_EVERY = 5.0
"""Seconds between lines where the output is no terminal."""
SAME_EVERY = 60.0
"""Longest time between two lines that say the same; until then it doubles from one to the next."""
HISTORY = 50
"""Newest lines that are kept for those who look from elsewhere."""
NOTES = 4
"""Notes kept in the live view."""


class Terminal:
    """Shows a run; safe to close twice.

    Args:
        stream: where to; standard output by default.
        interactive: whether to draw a live view; by default on a terminal that can move its cursor.

    Attributes:
        history: the newest notes: their numbers, from 1, seconds since 1970, and texts.
    """

    def __init__(self, stream: IO[str] | None = None, interactive: bool | None = None) -> None:
        stream = stream or sys.stdout
        self._console = _Console(file=stream, highlight=False, markup=False, emoji=False)
        if interactive is None:
            # `TERM=dumb` and what else rich knows of: there it would draw nothing at all.
            interactive = stream.isatty() and self._console.is_interactive and not self._console.is_dumb_terminal
        self._interactive = interactive
        self._console.soft_wrap = not interactive
        self._live: Live | None = None
        self._notes: deque[str] = deque(maxlen=NOTES)
        self.history: deque[tuple[int, float, str]] = deque(maxlen=HISTORY)
        self._said: dict[str, str] = {}
        self._said_at, self._pause = -LINE_EVERY, LINE_EVERY

    def note(self, text: str) -> None:
        """Show one line that stays."""
        self._remember(text)
        self._console.print(Text(text))

    def remark(self, text: str) -> None:
        """Show one line that a live view keeps among its last few, and that is printed elsewhere."""
        if self._live is not None:
            self._remember(text)
            self._notes.append(text)
        else:
            self.note(text)

    def _remember(self, text: str) -> None:
        number = self.history[-1][0] + 1 if self.history else 1
        self.history.append((number, round(time.time(), 3), text))

    def update(self, overview: Overview) -> None:
        """Show the run as it is now."""
        if not self._interactive:
            self._say(overview)
            return
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, redirect_stdout=False)
            self._live.start()
        notes = deque(spelt(note, self._console.encoding) for note in self._notes)
        self._live.update(view(overview, notes, self._console.width), refresh=True)

    def close(self) -> None:
        """Leave the last view on the screen and give the terminal back."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _say(self, overview: Overview) -> None:
        """Print a line when it is time to, of what changed since the last one; where nothing did, ever more seldom."""
        parts = told(overview)
        changed = [text for about, text in parts.items() if self._said.get(about) != text]
        if overview.time - self._said_at < (LINE_EVERY if changed else self._pause):
            return
        self._pause = LINE_EVERY if changed else min(2 * self._pause, SAME_EVERY)
        self._said, self._said_at = parts, overview.time
        self._console.print(Text(f"{clock(overview.time)} {' | '.join(changed or [overview.phase])}"))


class _Console(Console):
    """Spells, before it lays a page out, what the encoding of its output lacks."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(spelt(text, self.encoding), **options)


def line(overview: Overview) -> str:
    """The run in one line of plain text."""
    phase, *others = told(overview).values()
    return " | ".join([f"{clock(overview.time)} {phase}", *others])


def told(overview: Overview) -> dict[str, str]:
    """The parts of a line, by what they tell of; the phase comes first."""
    v = overview.values
    parts = {"phase": overview.phase}
    if overview.step:
        parts["step"] = f"step {overview.step}"
    if (rate := number(v, "learner/steps_per_s")) is not None:
        parts["rate"] = f"{rate:.1f} steps/s"
    if turn := v.get("learner/turn"):
        parts["turn"] = f"turn {turn}"
    if (rate := number(v, "replay/events_per_s")) is not None:
        parts["events"] = f"{rate:.0f} events/s"
    if (fill := number(v, "replay/fill")) is not None:
        parts["replay"] = f"replay {fill:.0%}"
    if perceived := perceiving(v):
        parts["sensors"] = f"{perceived}; {sensing(v)}"
    if judges := training(v):
        parts["judges"] = judges
    for e in overview.exams:
        if e.crosses and f"exam/{e.exam}" in v:
            accuracy, judge = percent(v, f"exam/{e.exam}"), percent(v, f"judge/{e.judge}")
            parts[f"exam {e.exam}"] = f"{e.title.replace(' → ', '→')} {accuracy} (judge {judge})"
    if not overview.exams and (found := finding(v)):
        parts["found"] = f"R@1 {found}"
    if lips := reading(v, "lips_seen", "lips_unseen", "lips_unimodal", "lips_oracle"):
        parts["lips"] = f"lips→letter {percent(v, 'exam/lips_all')} ({lips})"
    for name in algorithms():
        if turns := number(v, f"{name}/turns"):
            parts[name] = f"{name} turns {turns:.0f}"
        elif waiting := v.get(f"{name}/waiting"):
            parts[name] = f"{name} waits: {waiting}"
    if own := itself(v):
        parts["consistency"] = f"self-consistency: {own}"
    if answers := answering(v):
        parts["answers"] = f"answers: {answers}"
    losses = [f"{key.removeprefix('loss/')} {v[key]:.3g}" for key in sorted(v) if is_loss(v, key)]
    if losses:
        parts["losses"] = "loss " + ", ".join(losses)
    troubled = {name: state for name, state in overview.actors.items() if state not in ("up", "starting")}
    return parts | {f"actor {name}": f"{name} {state}" for name, state in troubled.items()}


def view(overview: Overview, notes: "deque[str]", width: int) -> RenderableType:
    """The run as a panel at most `width` columns wide; columns are given up as it narrows."""
    v = overview.values
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    facts.add_row("time", f"{clock(overview.time)}  learning {clock(overview.learning)}  step {overview.step}")
    facts.add_row("now", overview.phase)
    steps = number(v, "learner/steps_per_s")
    duty = number(v, "learner/duty")
    learner = "–" if steps is None else f"{steps:.1f} steps/s" + ("" if duty is None else f", busy {duty:.0%}")
    facts.add_row("learner", learner + (f", {v['learner/turn']}" if v.get("learner/turn") else ""))
    events = number(v, "replay/events_per_s")
    fill = number(v, "replay/fill")
    if perceived := perceiving(v):
        facts.add_row("sensors", sensing(v))
        facts.add_row("perceived", perceived)
    else:
        facts.add_row("teachers", "–" if events is None else f"{events:.0f} events/s accepted")
    facts.add_row("replay", "–" if fill is None else f"{fill:.0%} full")
    for name in algorithms():
        if told := turning(v, name):
            facts.add_row(name, told)
    if not overview.exams and (found := finding(v)):
        facts.add_row("found", f"{found} (R@1)")
    if own := itself(v):
        facts.add_row("consistency", own)
    if answers := answering(v):
        facts.add_row("answers", answers)
    losses = [f"{key.removeprefix('loss/')} {v[key]:.3g}" for key in sorted(v) if is_loss(v, key)]
    if losses:
        facts.add_row("losses", "  ".join(losses))
    facts.add_row("actors", "  ".join(f"{name} {state}" for name, state in overview.actors.items()))
    body: list[RenderableType] = [facts, Text(), exams(v, width, overview.exams)]
    if overview.share is not None:
        body += [Text(), ProgressBar(total=1.0, completed=min(overview.share, 1.0), width=max(width - 6, 8))]
    if notes:
        body += [Text(), *(Text(note, style="yellow", overflow="fold") for note in notes)]
    return Panel(Group(*body), title="Reciprocal", width=width, padding=(0, 1))


def exams(v: Mapping[str, Value], width: int, wanted: Sequence[Exam]) -> RenderableType:
    """Cross-modal accuracies beside their judges' own, and lip reading once there is any; bars where there is room."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    bars = width >= 70
    if bars:
        table.add_column()
    table.add_column(style="dim", no_wrap=True)
    rows = [(e.title, e.exam, f"judge {percent(v, f'judge/{e.judge}')}") for e in wanted]
    if lips := reading(v, "lips_unseen", *(["lips_oracle"] if width >= 80 else [])):
        rows.append(("lips → letter", "lips_all", lips))
    for title, exam, beside in rows:
        row: list[RenderableType] = [title, percent(v, f"exam/{exam}")]
        if bars:
            row.append(ProgressBar(total=1.0, completed=number(v, f"exam/{exam}") or 0.0, width=24))
        table.add_row(*row, beside)
    return table

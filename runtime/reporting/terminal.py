"""The screen of a run: a live view on a terminal, and lines elsewhere."""

import itertools
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from agent.algorithms import algorithms
from runtime.reporting.figures import Value
from sensors.system.output import spelt

LINE_EVERY = 5.0
"""Seconds between lines where the output is no terminal."""
SAME_EVERY = 60.0
"""Longest time between two lines that say the same; until then it doubles from one to the next."""
HISTORY = 50
"""Newest lines that are kept for those who look from elsewhere."""
NOTES = 4
"""Notes kept in the live view."""
LOST = ("throttled", "unanswered", "overflow", "refused", "stopped")
"""Reasons for which an event that was perceived is not in replay."""
HARMLESS = ("own", "superseded", "replayed", "disconnected", "unanswered")
"""Reasons for which a sample or a message is passed over without a loss."""


@dataclass(frozen=True)
class Exam:
    """One path that is examined.

    Attributes:
        title: for people, as in 'image → audio'.
        exam: name of its figure, behind 'exam/'.
        judge: name of the figure of the judge that grades it, behind 'judge/'.
        crosses: whether it goes from one sense to another.
    """

    title: str
    exam: str
    judge: str
    crosses: bool


def exams_of(senses: Sequence[str], subject: str = "") -> tuple[Exam, ...]:
    """All paths between some senses, those from one sense to another first.

    Args:
        senses: that are examined, in the order of the exam set.
        subject: behind whose name its figures are; empty where there is one subject.
    """
    room = f"{subject}/" if subject else ""
    paths = [*itertools.permutations(senses, 2), *((sense, sense) for sense in senses)]
    return tuple(Exam(f"{subject} {a} → {b}".strip(), f"{room}{a}_to_{b}", f"{room}{b}", a != b) for a, b in paths)


@dataclass(frozen=True)
class Overview:
    """The state of a run at one moment.

    Attributes:
        time: seconds since the run began.
        learning: seconds since its first step.
        step: learner steps.
        phase: what is going on, in a few words.
        share: part of `--minutes` or `--steps` that is done, 0…1; None when endless.
        values: latest figures by key.
        actors: name -> state in a word.
        exams: that are held, or will be once the judges are trained.
    """

    time: float
    learning: float
    step: int
    phase: str
    share: float | None = None
    values: Mapping[str, Value] = field(default_factory=dict)
    actors: Mapping[str, str] = field(default_factory=dict)
    exams: Sequence[Exam] = ()


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
        self._said, self._said_at, self._pause = "", -LINE_EVERY, LINE_EVERY

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
        """Print a line when it is time to; one that says what the last one said comes ever more seldom."""
        text = line(overview)
        same = text.partition(" ")[2] == self._said.partition(" ")[2]
        if overview.time - self._said_at < (self._pause if same else LINE_EVERY):
            return
        self._pause = min(2 * self._pause, SAME_EVERY) if same else LINE_EVERY
        self._said, self._said_at = text, overview.time
        self._console.print(Text(text))


class _Console(Console):
    """Spells, before it lays a page out, what the encoding of its output lacks."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(spelt(text, self.encoding), **options)


def line(overview: Overview) -> str:
    """The run in one line of plain text."""
    v = overview.values
    parts = [f"{clock(overview.time)} {overview.phase}"]
    if overview.step:
        parts.append(f"step {overview.step}")
    if (rate := number(v, "learner/steps_per_s")) is not None:
        parts.append(f"{rate:.1f} steps/s")
    if turn := v.get("learner/turn"):
        parts.append(f"turn {turn}")
    if (rate := number(v, "replay/events_per_s")) is not None:
        parts.append(f"{rate:.0f} events/s")
    if (fill := number(v, "replay/fill")) is not None:
        parts.append(f"replay {fill:.0%}")
    if perceived := perceiving(v):
        parts.append(f"{perceived}; {sensing(v)}")
    parts += [
        f"{e.title.replace(' → ', '→')} {percent(v, f'exam/{e.exam}')} (judge {percent(v, f'judge/{e.judge}')})"
        for e in overview.exams
        if e.crosses and f"exam/{e.exam}" in v
    ]
    if not overview.exams and (found := finding(v)):
        parts.append(f"R@1 {found}")
    if lips := reading(v, "lips_seen", "lips_unseen", "lips_unimodal", "lips_oracle"):
        parts.append(f"lips→letter {percent(v, 'exam/lips_all')} ({lips})")
    for name in algorithms():
        if turns := number(v, f"{name}/turns"):
            parts.append(f"{name} turns {turns:.0f}")
        elif waiting := v.get(f"{name}/waiting"):
            parts.append(f"{name} waits: {waiting}")
    if own := itself(v):
        parts.append(f"self-consistency: {own}")
    if answers := answering(v):
        parts.append(f"answers: {answers}")
    losses = [f"{key.removeprefix('loss/')} {v[key]:.3g}" for key in sorted(v) if _is_loss(v, key)]
    if losses:
        parts.append("loss " + ", ".join(losses))
    parts += [f"{name} {state}" for name, state in overview.actors.items() if state not in ("up", "starting")]
    return " | ".join(parts)


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
    losses = [f"{key.removeprefix('loss/')} {v[key]:.3g}" for key in sorted(v) if _is_loss(v, key)]
    if losses:
        facts.add_row("losses", "  ".join(losses))
    facts.add_row("actors", "  ".join(f"{name} {state}" for name, state in overview.actors.items()))
    body: list[RenderableType] = [facts, Text(), exams(v, width, overview.exams)]
    if overview.share is not None:
        body += [Text(), ProgressBar(total=1.0, completed=min(overview.share, 1.0), width=max(width - 6, 8))]
    if notes:
        body += [Text(), *(Text(note, style="yellow", overflow="fold") for note in notes)]
    return Panel(Group(*body), title="Reciprocal", width=width, padding=(0, 1))


def exams(v: Mapping[str, Value], width: int, held: Sequence[Exam]) -> RenderableType:
    """Cross-modal accuracies beside their judges' own, and lip reading once there is any; bars where there is room."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    bars = width >= 70
    if bars:
        table.add_column()
    table.add_column(style="dim", no_wrap=True)
    rows = [(e.title, e.exam, f"judge {percent(v, f'judge/{e.judge}')}") for e in held]
    if lips := reading(v, "lips_unseen", *(["lips_oracle"] if width >= 80 else [])):
        rows.append(("lips → letter", "lips_all", lips))
    for title, exam, beside in rows:
        row: list[RenderableType] = [title, percent(v, f"exam/{exam}")]
        if bars:
            row.append(ProgressBar(total=1.0, completed=number(v, f"exam/{exam}") or 0.0, width=24))
        table.add_row(*row, beside)
    return table


def reading(v: Mapping[str, Value], *exams: str) -> str:
    """These lip-reading accuracies, as far as they are known; empty before the first exam of letters."""
    if "exam/lips_all" not in v:
        return ""
    return ", ".join(f"{e.removeprefix('lips_')} {percent(v, f'exam/{e}')}" for e in exams if f"exam/{e}" in v)


def finding(v: Mapping[str, Value]) -> str:
    """How often the right concept is found in another sense at the first place; empty before the first such exam."""
    ends = ("retrieval/", "/r1")
    keys = [key for key in v if key.startswith(ends[0]) and key.endswith(ends[1])]
    return ", ".join(f"{k[len(ends[0]) : -len(ends[1])].replace('_to_', '→')} {percent(v, k)}" for k in keys)


def turning(v: Mapping[str, Value], algorithm: str) -> str:
    """How far the turns of an algorithm are, with its figures, or what it waits for; empty where it has neither."""
    room = f"{algorithm}/"
    if not (turns := number(v, f"{room}turns")):
        return f"waits: {v[f'{room}waiting']}" if v.get(f"{room}waiting") else ""
    known = [
        f"{found:.0f} {key.removeprefix(room)}" if found.is_integer() else f"{key.removeprefix(room)} {found:.3g}"
        for key in v
        if key.startswith(room) and key.removeprefix(room) not in ("turns", "share", "waiting")
        if (found := number(v, key)) is not None
    ]
    known += [] if number(v, f"{room}share") is None else [f"busy {percent(v, f'{room}share')}"]
    return f"turn {turns:.0f}" + (f": {', '.join(known)}" if known else "")


def sensing(v: Mapping[str, Value]) -> str:
    """Where every sensor and robot stands; empty where there is none."""
    return "  ".join(f"{key.removeprefix('sensor/')} {v[key]}" for key in sorted(v) if key.startswith("sensor/"))


def perceiving(v: Mapping[str, Value]) -> str:
    """What was perceived so far, and how long it took to be kept; empty where nothing perceives."""
    if "sensors/waiting" not in v:
        return ""
    room = "sensors/events/"
    kinds = sorted((key.removeprefix(room) for key in v if key.startswith(room)), key=lambda kind: -kind.count("+"))
    parts = []
    for kind in kinds:
        only = "" if "+" in kind else " only"
        broken = number(v, f"sensors/pairing/{kind}.broken")
        parts.append(f"{number(v, room + kind) or 0:.0f} {kind}{only}")
        if broken:
            parts[-1] += f" ({broken:.0f} incomplete)"
    parts = parts or ["nothing yet"]
    if (p99 := number(v, "sensors/latency_p99")) is not None:
        parts.append(f"stored within {1000 * p99:.0f} ms")
    return ", ".join(parts + losing(v))


def losing(v: Mapping[str, Value]) -> list[str]:
    """What did not come through on its way from the sensors, each in its own unit; nothing where nothing was lost."""
    events = sum(number(v, f"dropped/{reason}") or 0 for reason in LOST)
    samples = messages = unrecorded = 0.0
    for key in v:
        room, reason = key.removeprefix("sensor_lost/").partition("/")[0], key.rpartition("/")[2]
        if not key.startswith("sensor_lost/") or reason in HARMLESS:
            continue
        found = number(v, key) or 0
        if room == "refused":
            messages += found
        elif room == "unrecorded":
            unrecorded += found
        else:
            samples += found
    counts = {"events lost": events, "samples lost": samples}
    counts |= {"messages refused": messages, "not recorded": unrecorded}
    return [f"{count:.0f} {what}" for what, count in counts.items() if count]


def itself(v: Mapping[str, Value]) -> str:
    """How consistent the learner is with itself, without labels; empty before the first such exam."""
    titles = {"match": "match", "cycle": "cycle", "stability": "stable", "reconstruction": "explained"}
    parts = []
    for kind, title in titles.items():
        names = sorted(key for key in v if key.startswith(f"self/{kind}_"))
        if names:
            found = "/".join(f"{number(v, key):.2f}" for key in names)
            parts.append(f"{title} {found}" + (_sure(v, names) if kind == "match" else ""))
    if parts and (taken := number(v, "learner/held_out_taken")):
        # What should have been held out and was learnt from makes these figures too good.
        parts.append(f"{taken:.0f} batches not held out")
    if waiting := v.get("self/waiting"):
        parts.append(f"{waiting}")
    return ", ".join(parts)


def _sure(v: Mapping[str, Value], matches: Sequence[str]) -> str:
    """The 95 % intervals of these matches, and of how many pairs they are; empty where they are not known."""
    names = [key.removeprefix("self/") for key in matches]
    ends = [(number(v, f"self/low_{name}"), number(v, f"self/high_{name}")) for name in names]
    known = [f"{low:.2f}–{high:.2f}" for low, high in ends if low is not None and high is not None]
    return f" ({'/'.join(known)}, {number(v, 'self/pairs') or 0:.0f} pairs)" if known else ""


def answering(v: Mapping[str, Value]) -> str:
    """Questions answered and how fast, and responses; empty where nothing answers."""
    parts = []
    if asked := number(v, "answer/asked"):
        parts.append(f"{asked:.0f} asked, p99 {number(v, 'answer/ms_p99') or 0:.0f} ms")
    if (given := number(v, "answer/given")) is not None:
        played = number(v, "speaker/played")
        parts.append(f"{given:.0f} given" + (f", {played:.0f} played" if played else ""))
    return ", ".join(parts)


def counted_events(count: int) -> str:
    """A number of events in words, as `1 event` or `12 events`."""
    return f"{count} event" if count == 1 else f"{count} events"


def clock(seconds: float) -> str:
    """Seconds as m:ss, or h:mm:ss from one hour on."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def number(values: Mapping[str, Value], key: str) -> float | None:
    """A figure as a number; None when it is not there or is text."""
    value = values.get(key)
    return None if value is None or isinstance(value, str) else float(value)


def percent(values: Mapping[str, Value], key: str) -> str:
    """A fraction as a percentage; a dash when it is not known yet."""
    value = number(values, key)
    return "–" if value is None else f"{value:.1%}"


def _is_loss(values: Mapping[str, Value], key: str) -> bool:
    return key.startswith("loss/") and not isinstance(values[key], str)

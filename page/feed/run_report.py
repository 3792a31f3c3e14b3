"""What the supervisor tells the page about the run, and what the page makes of it for viewers."""

import math
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NUMBERED = ("read", "stalls", "reconnects")
"""Totals of a source, by name of their figures `sensor_…/`."""


@dataclass(frozen=True)
class RunFacts:
    """What does not change while a run goes on.

    Attributes:
        name: of the run directory.
        version: of the program.
        subjects: that are taught or perceived.
        live: whether it perceives for itself.
        settings: all of them, JSON-ready, see `/v1/settings`.
        senses: of the learner, in the order of kinds of events.
        prepares: how a sample is made of a picture by default.
    """

    name: str
    version: str
    subjects: Sequence[str]
    live: bool
    settings: Sequence[Mapping[str, Any]]
    senses: tuple[str, ...]
    prepares: str


class RunReport:
    """The newest that the supervisor told; from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._overview: Mapping[str, Any] = {}
        self._at = time.monotonic()
        self._notes: Sequence[Mapping[str, Any]] = ()

    def update(self, overview: Mapping[str, Any]) -> None:
        """Take in what `runtime` told, see `status_of` for what it holds."""
        with self._lock:
            self._overview, self._at = overview, time.monotonic()

    @property
    def overview(self) -> Mapping[str, Any]:
        """As it was told."""
        with self._lock:
            return self._overview

    @property
    def age(self) -> float:
        """Seconds since then."""
        with self._lock:
            return time.monotonic() - self._at


def status_of(facts: RunFacts, told: RunReport) -> dict[str, Any]:
    """The status of the run, JSON-ready, but for what the page itself knows.

    What is told has: `time_s`, `learning_s`, `step`, `phase`, `share`, `paused`, `waiting`, `values` (figures by key),
    `actors`, `exams` (`title`, `exam`, `judge`, `crosses`), `checkpoint` (`step`, `age_s`) and `notes`.
    """
    given, age = told.overview, told.age
    values: Mapping[str, Any] = given.get("values", {})
    checkpoint = dict(given.get("checkpoint") or {"step": None, "age_s": None})
    if checkpoint["age_s"] is not None:
        checkpoint["age_s"] = round(checkpoint["age_s"] + age, 1)
    return {
        "run": {
            "name": facts.name,
            "time_s": given.get("time_s"),
            "learning_s": given.get("learning_s"),
            "step": given.get("step", 0),
            "phase": given.get("phase", "starting"),
            "share": given.get("share"),
            "paused": bool(given.get("paused", False)),
            "waiting": given.get("waiting", ""),
            "subjects": list(facts.subjects),
            "live": facts.live,
            "version": facts.version,
            "age_s": round(age, 2),
        },
        "learner": learner_of(values, facts.senses),
        "actors": [dict(actor, since_s=round(actor["since_s"] + age, 1)) for actor in given.get("actors", ())],
        "sources": sources_of(values),
        "replay": {
            "fill": _number(values.get("replay/fill")),
            "events_per_s": _number(values.get("replay/events_per_s")),
            "tables": {
                kind: {"size": _number(size), "events": _number(values.get(f"events/{kind}"))}
                for kind, size in _behind(values, "size/").items()
            },
        },
        "exams": [
            {
                "title": exam["title"],
                "figure": f"exam/{exam['exam']}",
                "accuracy": _number(values.get(f"exam/{exam['exam']}")),
                "judge": _number(values.get(f"judge/{exam['judge']}")),
                "crosses": exam["crosses"],
            }
            for exam in given.get("exams", ())
        ],
        "dropped": {reason: _number(total) for reason, total in _behind(values, "dropped/").items()},
        "checkpoint": checkpoint,
        "notes": list(given.get("notes", ())),
    }


def learner_of(values: Mapping[str, Any], senses: Sequence[str]) -> dict[str, Any]:
    """The learner's part of the status."""
    turn = str(values.get("learner/turn", ""))
    learns, guides = sides_of(turn, senses)
    return {
        "steps_per_s": _number(values.get("learner/steps_per_s")),
        "duty": _number(values.get("learner/duty")),
        "turn": turn,
        "learns": learns,
        "guides": guides,
        "losses": {term: _number(loss) for term, loss in _behind(values, "loss/").items()},
    }


def sides_of(turn: str, senses: Sequence[str]) -> tuple[str, str]:
    """The sense whose side trains in a turn, and the sense that guides it; empty where there is none, or all do.

    Args:
        turn: as algorithms name theirs, joined by ', ': 'image<audio' where the image side learns from audio, 'image'
            where it learns by itself.
        senses: of the learner.
    """
    for part in turn.split(", "):
        learns, _, guides = part.partition("<")
        if learns in senses:
            return learns, guides
    return "", ""


def sources_of(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The sources and robots of a run that perceives, with their states."""
    lost = _behind(values, "sensor_lost/")
    found = []
    for name, state in _behind(values, "sensor/").items():
        totals = {total: _number(values.get(f"sensor_{total}/{name}")) for total in NUMBERED}
        own = {key.removeprefix(f"{name}/"): _number(n) for key, n in lost.items() if key.startswith(f"{name}/")}
        found.append({"name": name, "state": state, **totals, "lost": own})
    return found


def drops_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """What was dropped and lost so far, by reason."""
    return {
        "dropped": {reason: _number(total) for reason, total in _behind(values, "dropped/").items()},
        "lost": {reason: _number(total) for reason, total in _behind(values, "sensor_lost/").items()},
    }


def _behind(values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)}


def _number(value: Any) -> float | None:
    """A figure, or None where it is not known or no number that JSON has."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value

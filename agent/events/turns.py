"""Which turn next: the learner does what the events allow.

Each table of replay asks for samples as it takes in events (its deficit: inserted x samples per insert - sampled; where
nothing limits sources, what was drawn for each event, below zero). The next turn goes to the table that asks most, so
single-modality and co-occurring events are learned from in the proportion in which they come, whatever the teacher's
curriculum is. Events that co-occur alone connect the modalities. Where they are rarer than the least share of turns
that they are to have, they are drawn more often than others, and sources of events that come alone wait the longer for
the learner; with more than two modalities the tables of such events have these turns one after the other. Turns on one
table alternate between its modalities: that is the reciprocating training.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sensors.core.modalities import labelled
from sensors.core.state import StateDict, check_state


class Batch(Protocol):
    """Events drawn from replay, as columns."""

    @property
    def lesson(self) -> NDArray[np.int64]:
        """(B,) lesson numbers."""

    @property
    def samples(self) -> Mapping[str, NDArray[Any]]:
        """Modality -> (B, *shape) stored samples."""


class Replay(Protocol):
    """What the learner needs of replay: the mapped reader fulfils this, and a list in a test, too."""

    def kinds(self) -> list[str]:
        """Tables that exist now."""

    def size(self, kind: str) -> int:
        """Events that the table holds."""

    def deficit(self, kind: str) -> float:
        """How much the table asks for samples; tables are compared by it."""

    def sample(self, kind: str, count: int, selector: str = "uniform", **options: Any) -> Batch:
        """Draw a batch."""

    def state_dict(self) -> StateDict:
        """The reader's own state: its random generator."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore it."""


@dataclass
class Turn:
    """A run of steps in which one side trains on one table.

    Attributes:
        kind: the table.
        side: the modality that trains.
        step: steps done.
    """

    kind: str
    side: str
    step: int = 0

    @property
    def name(self) -> str:
        """'image<audio' where the image side learns from audio; 'image' where only images are learned."""
        others = [m for m in self.kind.split("+") if m != self.side]
        return f"{self.side}<{'+'.join(others)}" if others else self.side


class Turns:
    """Chooses turns over the tables that SMART can learn from.

    Attributes:
        modalities: those of SMART.
        min_events: events that a table must hold.
        paired_turns: least share of the turns that tables of co-occurring events have once one holds enough, 0…0.9.
        last: table -> the side whose turn came last on it.
        taken: turns so far.
        at: table -> the number of its last turn.
        owed: turns that co-occurring events have yet to get, 0…1.
    """

    VERSION = 2

    def __init__(self, modalities: tuple[str, ...], min_events: int, paired_turns: float = 0.0) -> None:
        self.modalities = modalities
        self.min_events = min_events
        self.paired_turns = paired_turns
        self.last: dict[str, str] = {}
        self.taken = 0
        self.at: dict[str, int] = {}
        self.owed = 0.0

    def next(self, replay: Replay) -> Turn | None:
        """The next turn, or None while no table holds enough events."""
        kinds = [k for k in replay.kinds() if self._usable(k) and replay.size(k) >= self.min_events]
        if not kinds:
            return None
        paired = [k for k in kinds if len(self._sides(k)) > 1]
        # What they are owed while too few co-occurred is one turn, not all of them.
        owed = self.owed + self.paired_turns if paired else min(self.owed + self.paired_turns, 1.0)
        if paired and owed >= 1.0:
            kind = min(paired, key=lambda k: (self.at.get(k, 0), -replay.deficit(k)))
        else:
            kind = max(kinds, key=replay.deficit)
        self.owed = max(owed - 1.0, 0.0) if kind in paired else owed
        self.taken += 1
        self.at[kind] = self.taken
        sides = self._sides(kind)
        before = self.last.get(kind)
        side = sides[(sides.index(before) + 1) % len(sides)] if before in sides else sides[0]
        self.last[kind] = side
        return Turn(kind, side)

    def waiting(self, replay: Replay) -> str:
        """Why there is no turn, for people."""
        sizes = {k: replay.size(k) for k in replay.kinds() if self._usable(k)}
        if not sizes:
            return "replay holds no events yet"
        return "; ".join(f"replay holds {n} of {self.min_events} {k} events" for k, n in sizes.items())

    def _usable(self, kind: str) -> bool:
        """Events of one modality train its autoencoder; those of several guide each other, be they all or some.

        SMART uses no labelled table, whatever other senses it has.
        """
        return bool(self._sides(kind)) and not labelled(kind)

    def _sides(self, kind: str) -> list[str]:
        """The modalities of a table that SMART has; of one alone it learns as from single-modality events."""
        return [m for m in kind.split("+") if m in self.modalities]

    def state_dict(self) -> StateDict:
        """Whose turn came last on each table and when, and what co-occurring events are owed."""
        return {
            "version": self.VERSION,
            "last": dict(self.last),
            "taken": self.taken,
            "at": dict(self.at),
            "owed": self.owed,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore `state_dict`.

        Raises:
            StateError: a part is missing or unknown, or the version is of another program.
        """
        check_state(state, {"last", "taken", "at", "owed"}, self.VERSION, "turns")
        self.last = dict(state["last"])
        self.taken = int(state["taken"])
        self.at = {kind: int(number) for kind, number in state["at"].items()}
        self.owed = float(state["owed"])

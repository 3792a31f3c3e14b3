"""The role of each kind of actor: which calls the supervisor makes, and what the answers mean."""

import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from runtime.config.settings import RunSection
from runtime.reporting.figures import Counters
from runtime.reporting.run_status import RunStatus
from runtime.supervisor.metric import Metric
from runtime.supervisor.supervised_actor import SupervisedActor
from sensors.core.modalities import labelled
from sensors.core.state import StateDict

CURSOR_EVERY = 5.0
"""Seconds between two readings of a teacher's cursor: after a crash it repeats this much at most."""
TOTALS = ("inserted", "sampled", "evicted", "duplicates", "throttled", "corrupt", "torn")
"""Figures of a replay table that are totals."""


@dataclass(frozen=True)
class PlannedCall:
    """A call to make: method, arguments, seconds of work, and seconds beyond them until the actor counts as hung."""

    method: str
    arguments: tuple[Any, ...] = ()
    expected: float = 0.0
    patience: float = 60.0


class Role(ABC):
    """What one actor is for: the calls made to it, and the effect of its answers on the run's status.

    Attributes:
        needed: whether the run ends when the actor fails too often; else it goes on without it.
        metrics: Ray metrics of the figures that the role makes, apart from those of the role that it extends.
    """

    needed: ClassVar[bool] = True
    metrics: ClassVar[tuple[Metric, ...]] = ()

    def __init__(self, actor: SupervisedActor, status: RunStatus, section: RunSection) -> None:
        self.actor = actor
        self.status = status
        self.section = section
        self.todo: deque[PlannedCall] = deque(self.first_calls())

    @abstractmethod
    def first_calls(self) -> list[PlannedCall]:
        """Calls to make after every start and restart."""

    @abstractmethod
    def regular_call(self, now: float) -> PlannedCall | None:
        """The next call of regular work; None when nothing is due."""

    @abstractmethod
    def on_answer(self, method: str, value: Any, now: float) -> None:
        """Take in the answer of a call."""

    def next(self, now: float) -> PlannedCall | None:
        """The next call to make; None when nothing is due."""
        return self.todo.popleft() if self.todo else self.regular_call(now)

    def begin(self) -> None:
        """Plan the first calls again."""
        self.todo = deque(self.first_calls())

    def on_restart(self) -> None:
        """Begin again after a restart."""
        self.begin()
        if self.actor.keeps_handle:
            return  # the change of process is counted instead
        self.status.counters.add(f"restarts/{self.actor.name}", 1)

    def _plan(self, method: str, *arguments: Any, expected: float = 0.0) -> PlannedCall:
        """A call; its patience is that of a start while the actor starts."""
        patience = self.section.call_deadline if self.actor.started else self.section.start_deadline
        return PlannedCall(method, arguments, expected, patience)


class ReplayRole(Role):
    """Reads replay's figures once a tick, and detects that Ray restarted its process.

    Args:
        remark: shows a note.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("reciprocal_events_total", "events accepted by replay, by kind", "events/", "kind", counter=True),
        Metric("reciprocal_replay_inserted_total", "events inserted into replay", "replay/inserted", counter=True),
        Metric("reciprocal_replay_sampled_total", "events drawn from replay", "replay/sampled", counter=True),
        # Not a Ray counter: those are invisible while they are zero, and zero is what one wants to see here.
        Metric("reciprocal_dropped_events", "events lost or turned away so far, by reason", "dropped/", "reason"),
        Metric("reciprocal_replay_events", "events in replay, by kind", "size/", "kind"),
        Metric("reciprocal_replay_fill", "fullest table's fill, 0 to 1", "replay/fill"),
        Metric("reciprocal_events_per_second", "events accepted each second", "replay/events_per_s"),
    )

    def __init__(
        self, actor: SupervisedActor, status: RunStatus, section: RunSection, remark: Callable[[str], None]
    ) -> None:
        self._remark = remark
        self._due = 0.0
        self._process: int | None = None
        super().__init__(actor, status, section)

    def first_calls(self) -> list[PlannedCall]:
        """Ping the actor."""
        return [PlannedCall("ping", patience=self.section.start_deadline)]

    def regular_call(self, now: float) -> PlannedCall | None:
        """Read the figures when a tick has passed."""
        if now < self._due:
            return None
        self._due = now + self.section.tick / 2
        self.todo.extend((self._plan("stats"), self._plan("ping")))
        # A restart between two calls shows in the process number alone.
        return self._plan("__ray_call__", _process)

    def on_answer(self, method: str, value: Any, now: float) -> None:
        """Take in totals and fill by kind."""
        if method == "__ray_call__":
            if self._process not in (None, value):
                self._remark(f"{self.actor.name}: its process died; Ray brought it back")
                self.status.counters.add(f"restarts/{self.actor.name}", 1)
                self.status.counters.begin_anew("replay/refused")
            self._process = value
        if method == "ping":
            self.status.counters.observe("replay/refused", value["refused"])
        if method != "stats":
            return
        tables: Mapping[str, Mapping[str, float]] = value
        status = self.status
        for kind, table in tables.items():
            status.values[f"size/{kind}"] = int(table["size"])
            for name in TOTALS:
                # Replay's files keep these totals over restarts.
                status.counters.follow(f"table/{kind}/{name}", table.get(name, 0))
        totals = status.counters.totals
        for kind in tables:
            status.values[f"events/{kind}"] = totals[f"table/{kind}/inserted"]
        sums = {name: sum(totals.get(f"table/{kind}/{name}", 0) for kind in tables) for name in TOTALS}
        # Of the dropped events, only `corrupt` ones were accepted before; events lost on their way are resent.
        status.values["replay/dropped"] = status.values["dropped/corrupt"] = sums.pop("corrupt")
        status.values["dropped/malformed"] = totals.get("replay/refused", 0)
        status.values["dropped/lost"] = totals.get("teacher/lost", 0)
        status.values |= {f"replay/{name}": total for name, total in sums.items()}
        fills = {kind: table["size"] / table["capacity"] for kind, table in tables.items() if table["capacity"]}
        # Tables of labelled events are small and soon full by design, so they do not count.
        others = [fill for kind, fill in fills.items() if not labelled(kind)]
        status.values["replay/fill"] = max(others or fills.values(), default=0.0)


def settle(counters: Counters) -> None:
    """Count as dropped the events that sources had under way when they ended together with their supervisor.

    Afterwards, offered = accepted + duplicate + dropped for teachers, and likewise for sensors.
    """
    totals = counters.totals
    for offered, room, ends in (
        ("teacher/offered", "teacher/dropped/", ("teacher/accepted", "teacher/duplicate")),
        ("sensed/outbox/offered", "sensed/dropped/", ("sensed/outbox/stored", "sensed/outbox/repeated")),
    ):
        dropped = sum(total for key, total in totals.items() if key.startswith(room))
        known = dropped + sum(totals.get(key, 0) for key in ends)
        counters.add(room + "died", max(0.0, totals.get(offered, 0) - known))
    counters.begin_anew("sensed/")


class TeacherRole(Role):
    """Teaches in chunks; its cursor is read every `CURSOR_EVERY` seconds, and given back after a restart.

    At any time, and over restarts, for the totals `teacher/…` of all teachers: offered = accepted + duplicate + dropped
    (by reason) + events held, as the teachers' last answers count them.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("reciprocal_accepted_total", "events accepted of one teacher", "accepted/", "actor", counter=True),
    )

    def __init__(
        self, actor: SupervisedActor, status: RunStatus, section: RunSection, cursor: StateDict | None
    ) -> None:
        self.cursor = cursor
        self._held = 0
        self._cursor_due = 0.0
        super().__init__(actor, status, section)

    def first_calls(self) -> list[PlannedCall]:
        """Restore the cursor, describe what is taught and from which data."""
        calls = [PlannedCall(name, patience=self.section.start_deadline) for name in ("summary", "datasets")]
        if self.cursor is not None:
            calls.insert(0, PlannedCall("load_state_dict", (self.cursor,), patience=self.section.start_deadline))
        return calls

    def on_restart(self) -> None:
        """Count the events that the dead teacher held as dropped; a new one may offer them again."""
        super().on_restart()
        self.status.counters.add("teacher/dropped/died", self._held)
        self._hold(0)

    def regular_call(self, now: float) -> PlannedCall | None:
        """Teach, or read the cursor when that is due."""
        if now >= self._cursor_due:
            self._cursor_due = now + CURSOR_EVERY
            return self._plan("state_dict")
        return self._plan("run", self.section.chunk, expected=self.section.chunk)

    def on_answer(self, method: str, value: Any, now: float) -> None:
        """Take in the totals of events offered, and the cursor."""
        if method == "summary":
            self.status.facts[self.actor.name] = list(value)
        elif method == "datasets":
            self.status.datasets |= value
        elif method == "state_dict":
            self.cursor = value
        elif method == "run":
            for name in ("offered", "accepted", "duplicate", "throttled", "lost", "batches"):
                self.status.counters.add(f"teacher/{name}", value.get(name, 0))
            self.status.counters.add(f"accepted/{self.actor.name}", value.get("accepted", 0))
            self.status.counters.add("teacher/waiting_s", value.get("waiting_s", 0.0))
            for reason, events in value.get("dropped", {}).items():
                self.status.counters.add(f"teacher/dropped/{reason}", events)
                if total := self.status.counters.totals[f"teacher/dropped/{reason}"]:
                    self.status.values[f"dropped/{reason}"] = total
            self._hold(int(value.get("held", 0)))

    def _hold(self, events: int) -> None:
        """Note how many of the teacher's events have no final answer."""
        self._held = self.status.values[f"held/{self.actor.name}"] = events


def _process(actor: Any) -> int:
    return os.getpid()

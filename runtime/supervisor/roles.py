"""The role of each kind of actor: which calls the supervisor makes, and what the answers mean."""

import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from runtime.config.settings import RunSection
from runtime.reporting.figures import Counters, Value
from runtime.reporting.run_status import RunStatus
from runtime.supervisor.supervised_actor import SupervisedActor
from sensors.core.modalities import labelled
from sensors.core.state import StateDict

FINAL_PATIENCE = 600.0
"""Seconds that the final exam may take."""
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
    """

    needed: ClassVar[bool] = True

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


class LearnerRole(Role):
    """Learns in chunks; after a restart the learner goes on from the newest checkpoint.

    Args:
        newest: finds that checkpoint; None where there is none.
    """

    def __init__(
        self, actor: SupervisedActor, status: RunStatus, section: RunSection, newest: Callable[[], Path | None]
    ) -> None:
        self._newest = newest
        self._idle = 0
        super().__init__(actor, status, section)

    def first_calls(self) -> list[PlannedCall]:
        """Restore the newest checkpoint, describe the device."""
        calls = [PlannedCall("describe", patience=self.section.start_deadline)]
        self._restored = 0
        if (checkpoint := self._newest()) is not None:
            self._restored = int(checkpoint.name.split("-")[1])
            calls.insert(0, PlannedCall("restore", (str(checkpoint),), patience=self.section.start_deadline))
        return calls

    def regular_call(self, now: float) -> PlannedCall | None:
        """Learn, given how much of the run remains; None at the end of the run, or while learning pauses."""
        if self.status.held_since is not None:
            return None
        share = self.status.share(self.section, now)
        if share is not None:
            if share >= 1.0:
                return None
            # Not waited for: an actor serves the calls of one caller in order, so it comes before the next chunk.
            self.actor.handle.set_remaining.remote(1.0 - share)
        steps = () if self.section.steps is None else (self.section.steps - self.status.step,)
        return self._plan("run", self.section.chunk, *steps, expected=self.section.chunk)

    @property
    def resting(self) -> bool:
        """Whether the learner is up and has no call under way or planned."""
        return self.actor.started and self.actor.call is None and not self.todo

    @property
    def starved(self) -> bool:
        """Whether the learner, since all sources ended, has twice in a row answered that it waits for events.

        The first answer may be from before the end.
        """
        return self._idle >= 2

    def on_answer(self, method: str, value: Any, now: float) -> None:
        """Take in step, rate, turn and losses."""
        status = self.status
        if method == "describe":
            status.facts[self.actor.name] = list(value)
            status.step = self._restored
        if method != "run":
            return
        step = int(value["step"])
        if status.first_step_at is None and step > status.steps_before:
            status.first_step_at = now
        status.counters.add("learner/steps_done", max(0, step - status.step))
        status.step = step
        status.waiting = value.get("waiting", "")
        self._idle = self._idle + 1 if status.over and status.waiting else 0
        status.values |= {
            "learner/step": step,
            "learner/turn": value["turn"],
            "learner/steps_per_s": float(value["steps_per_s"]),
            "learner/duty": float(value["duty"]),
            **{f"{name}/waiting": why for name, why in value.get("waits", {}).items()},
            **{f"loss/{name}": float(loss) for name, loss in value.get("losses", {}).items()},
            **value.get("figures", {}),
        }


class MonitorRole(Role):
    """Examines in chunks.

    Args:
        remark: shows a note.
        fresh: receives new figures.

    Attributes:
        graded: whether the final exam is done.
    """

    def __init__(
        self,
        actor: SupervisedActor,
        status: RunStatus,
        section: RunSection,
        remark: Callable[[str], None],
        fresh: dict[str, Value],
    ) -> None:
        self._remark = remark
        self._fresh = fresh
        self._final = False
        self._began: float | None = None
        self.graded = False
        super().__init__(actor, status, section)

    def first_calls(self) -> list[PlannedCall]:
        """Ping the actor."""
        return [PlannedCall("ping", patience=self.section.start_deadline)]

    def regular_call(self, now: float) -> PlannedCall | None:
        """Examine; at the end of the run once, on all test data."""
        s = self.section
        if self._final:
            if self.graded:
                return None
            self._began = now if self._began is None else self._began
            left = self._began + FINAL_PATIENCE - now
            return PlannedCall("final", (s.chunk,), s.chunk, max(left - s.chunk, 1.0))
        return PlannedCall("run", (s.chunk,), s.chunk, s.monitor_deadline)

    def conclude(self) -> None:
        """Make the final exam the next call."""
        self._final = True

    def on_answer(self, method: str, value: Any, now: float) -> None:
        """Take in grades, and show a note."""
        if method not in ("run", "final"):
            return
        if method == "final" and self._began is not None and (progress := value["progress"]):
            self.status.examined = f"{progress}, {now - self._began:.0f} s"
            return
        self.graded = method == "final"
        self.status.values |= value["figures"]
        self._fresh |= value["figures"]
        if value.get("note"):
            self._remark(str(value["note"]))


def _process(actor: Any) -> int:
    return os.getpid()

"""What each kind of actor is asked for, and what its answers mean."""

import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.board import Board
from runtime.figures import Counters, Value
from runtime.settings import RunSection
from runtime.supervisor.crew import Member
from sensors.core.modalities import labelled
from sensors.core.state import State

FINAL_PATIENCE = 600.0
"""Seconds that the final exam may take."""
CURSOR_EVERY = 5.0
"""Seconds between two readings of a teacher's cursor: what it teaches twice after a crash at most."""
TOTALS = ("inserted", "sampled", "evicted", "duplicates", "throttled", "corrupt", "torn")
"""Figures of a replay table that are totals."""


@dataclass(frozen=True)
class Ask:
    """One call to make: method, arguments, seconds it should take, seconds beyond until it counts as hung."""

    method: str
    arguments: tuple[Any, ...] = ()
    expected: float = 0.0
    patience: float = 60.0


class Role(ABC):
    """Work of one member."""

    def __init__(self, member: Member, board: Board, section: RunSection) -> None:
        self.member = member
        self.board = board
        self.section = section
        self.todo: deque[Ask] = deque(self.opening())

    @abstractmethod
    def opening(self) -> list[Ask]:
        """Calls to make first after every start and restart."""

    @abstractmethod
    def routine(self, now: float) -> Ask | None:
        """The next call of everyday work; none when nothing is due."""

    @abstractmethod
    def hear(self, method: str, value: Any, now: float) -> None:
        """Take an answer in."""

    def next(self, now: float) -> Ask | None:
        """The next call to make, if any is due."""
        return self.todo.popleft() if self.todo else self.routine(now)

    def begin(self) -> None:
        """Ask for what comes first, anew."""
        self.todo = deque(self.opening())

    def restarted(self) -> None:
        """Begin again after a restart."""
        self.begin()
        if self.member.keeps_handle:
            return  # counted by the change of process
        self.board.counters.add(f"restarts/{self.member.name}", 1)

    def _ask(self, method: str, *arguments: Any, expected: float = 0.0) -> Ask:
        """A call that waits for the actor's start, too, as long as that is allowed to take."""
        patience = self.section.call_deadline if self.member.started else self.section.start_deadline
        return Ask(method, arguments, expected, patience)


class ReplayRole(Role):
    """Tells its figures once a tick, and whether Ray brought its process back meanwhile.

    Args:
        remark: shows a note.
    """

    def __init__(self, member: Member, board: Board, section: RunSection, remark: Callable[[str], None]) -> None:
        self._remark = remark
        self._due = 0.0
        self._process: int | None = None
        super().__init__(member, board, section)

    def opening(self) -> list[Ask]:
        """Nothing but a sign of life."""
        return [Ask("ping", patience=self.section.start_deadline)]

    def routine(self, now: float) -> Ask | None:
        """Figures, when a tick has passed."""
        if now < self._due:
            return None
        self._due = now + self.section.tick / 2
        self.todo.extend((self._ask("stats"), self._ask("ping")))
        # A restart between two calls of ours shows in the process number alone.
        return self._ask("__ray_call__", _process)

    def hear(self, method: str, value: Any, now: float) -> None:
        """Totals and fill by kind."""
        if method == "__ray_call__":
            if self._process not in (None, value):
                self._remark(f"{self.member.name}: its process died; Ray brought it back")
                self.board.counters.add(f"restarts/{self.member.name}", 1)
                self.board.counters.begin_anew("replay/refused")
            self._process = value
        if method == "ping":
            self.board.counters.observe("replay/refused", value["refused"])
        if method != "stats":
            return
        tables: Mapping[str, Mapping[str, float]] = value
        board = self.board
        for kind, table in tables.items():
            board.values[f"size/{kind}"] = int(table["size"])
            for name in TOTALS:
                # Its files keep them.
                board.counters.follow(f"table/{kind}/{name}", table.get(name, 0))
        totals = board.counters.totals
        for kind in tables:
            board.values[f"events/{kind}"] = totals[f"table/{kind}/inserted"]
        sums = {name: sum(totals.get(f"table/{kind}/{name}", 0) for kind in tables) for name in TOTALS}
        # Of these only `corrupt` were accepted before; what was lost on its way is sent again.
        board.values["replay/dropped"] = board.values["dropped/corrupt"] = sums.pop("corrupt")
        board.values["dropped/malformed"] = totals.get("replay/refused", 0)
        board.values["dropped/lost"] = totals.get("teacher/lost", 0)
        board.values |= {f"replay/{name}": total for name, total in sums.items()}
        fills = {kind: table["size"] / table["capacity"] for kind, table in tables.items() if table["capacity"]}
        # Tables of labelled events are small and soon full, as they are meant to be.
        others = [fill for kind, fill in fills.items() if not labelled(kind)]
        board.values["replay/fill"] = max(others or fills.values(), default=0.0)


def settle(counters: Counters) -> None:
    """Count as dropped what sources had on its way when they ended together with their supervisor.

    After it, offered = accepted + duplicate + dropped for teachers, and likewise for sensors.
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
    """Teaches in chunks; its cursor is read now and then, and given back after a restart.

    At any time, and over restarts, the totals `teacher/…` of all teachers have offered = accepted + duplicate + dropped
    (by reason) + what their last answers said they held.
    """

    def __init__(self, member: Member, board: Board, section: RunSection, cursor: State | None) -> None:
        self.cursor = cursor
        self._held = 0
        self._cursor_due = 0.0
        super().__init__(member, board, section)

    def opening(self) -> list[Ask]:
        """Take up the cursor, tell what is taught and from which data."""
        asks = [Ask(name, patience=self.section.start_deadline) for name in ("summary", "datasets")]
        if self.cursor is not None:
            asks.insert(0, Ask("load_state_dict", (self.cursor,), patience=self.section.start_deadline))
        return asks

    def restarted(self) -> None:
        """What the dead one held is offered anew, or lost."""
        super().restarted()
        self.board.counters.add("teacher/dropped/died", self._held)
        self._hold(0)

    def routine(self, now: float) -> Ask | None:
        """Teach; read the cursor when that is due."""
        if now >= self._cursor_due:
            self._cursor_due = now + CURSOR_EVERY
            return self._ask("state_dict")
        return self._ask("run", self.section.chunk, expected=self.section.chunk)

    def hear(self, method: str, value: Any, now: float) -> None:
        """Totals of what was offered, and the cursor."""
        if method == "summary":
            self.board.facts[self.member.name] = list(value)
        elif method == "datasets":
            self.board.datasets |= value
        elif method == "state_dict":
            self.cursor = value
        elif method == "run":
            for name in ("offered", "accepted", "duplicate", "throttled", "lost", "batches"):
                self.board.counters.add(f"teacher/{name}", value.get(name, 0))
            self.board.counters.add(f"accepted/{self.member.name}", value.get("accepted", 0))
            self.board.counters.add("teacher/waiting_s", value.get("waiting_s", 0.0))
            for reason, events in value.get("dropped", {}).items():
                self.board.counters.add(f"teacher/dropped/{reason}", events)
                if total := self.board.counters.totals[f"teacher/dropped/{reason}"]:
                    self.board.values[f"dropped/{reason}"] = total
            self._hold(int(value.get("held", 0)))

    def _hold(self, events: int) -> None:
        """So many events of it have no final answer."""
        self._held = self.board.values[f"held/{self.member.name}"] = events


class LearnerRole(Role):
    """Learns in chunks; after a restart it goes on from the newest checkpoint.

    Args:
        newest: finds that checkpoint; none where there is none.
    """

    def __init__(self, member: Member, board: Board, section: RunSection, newest: Callable[[], Path | None]) -> None:
        self._newest = newest
        self._idle = 0
        super().__init__(member, board, section)

    def opening(self) -> list[Ask]:
        """Restore the newest checkpoint, tell what computes."""
        asks = [Ask("describe", patience=self.section.start_deadline)]
        self._restored = 0
        if (checkpoint := self._newest()) is not None:
            self._restored = int(checkpoint.name.split("-")[1])
            asks.insert(0, Ask("restore", (str(checkpoint),), patience=self.section.start_deadline))
        return asks

    def routine(self, now: float) -> Ask | None:
        """Learn, knowing how much of the run remains; nothing when that is none, or while it could not be saved."""
        if self.board.held_since is not None:
            return None
        share = self.board.share(self.section, now)
        if share is not None:
            if share >= 1.0:
                return None
            # Never waited for: calls of one caller are served in order, so the chunk that follows knows.
            self.member.handle.set_remaining.remote(1.0 - share)
        steps = () if self.section.steps is None else (self.section.steps - self.board.step,)
        return self._ask("run", self.section.chunk, *steps, expected=self.section.chunk)

    @property
    def resting(self) -> bool:
        """Whether it is up and at nothing."""
        return self.member.started and self.member.call is None and not self.todo

    @property
    def starved(self) -> bool:
        """Whether two answers in a row since the sources ended said that there is nothing to do.

        The first may be from before the end.
        """
        return self._idle >= 2

    def hear(self, method: str, value: Any, now: float) -> None:
        """Step, rate, turn and losses."""
        board = self.board
        if method == "describe":
            board.facts[self.member.name] = list(value)
            board.step = self._restored
        if method != "run":
            return
        step = int(value["step"])
        if board.first_step_at is None and step > board.steps_before:
            board.first_step_at = now
        board.counters.add("learner/steps_done", max(0, step - board.step))
        board.step = step
        board.waiting = value.get("waiting", "")
        self._idle = self._idle + 1 if board.over and board.waiting else 0
        board.values |= {
            "learner/step": step,
            "learner/turn": value["turn"],
            "learner/steps_per_s": float(value["steps_per_s"]),
            "learner/duty": float(value["duty"]),
            **{f"{name}/waiting": why for name, why in value.get("waits", {}).items()},
            **{f"loss/{name}": float(loss) for name, loss in value.get("losses", {}).items()},
            **value.get("figures", {}),
        }


class MonitorRole(Role):
    """Examines in chunks, while the learner is well.

    Args:
        remark: shows a note.
        fresh: takes the figures that are new.

    Attributes:
        graded: whether the final exam is done.
    """

    def __init__(
        self,
        member: Member,
        board: Board,
        section: RunSection,
        remark: Callable[[str], None],
        fresh: dict[str, Value],
    ) -> None:
        self._remark = remark
        self._fresh = fresh
        self._final = False
        self._began: float | None = None
        self.graded = False
        super().__init__(member, board, section)

    def opening(self) -> list[Ask]:
        """Nothing but a sign of life."""
        return [Ask("ping", patience=self.section.start_deadline)]

    def routine(self, now: float) -> Ask | None:
        """Examine; once, on all test data, when the run has come to its end."""
        s = self.section
        if self._final:
            if self.graded:
                return None
            self._began = now if self._began is None else self._began
            left = self._began + FINAL_PATIENCE - now
            return Ask("final", (s.chunk,), s.chunk, max(left - s.chunk, 1.0))
        return Ask("run", (s.chunk,), s.chunk, s.monitor_deadline)

    def conclude(self) -> None:
        """Let the final exam be the next work."""
        self._final = True

    def hear(self, method: str, value: Any, now: float) -> None:
        """Grades, and what there is to say."""
        if method not in ("run", "final"):
            return
        if method == "final" and self._began is not None and (progress := value["progress"]):
            self.board.examined = f"{progress}, {now - self._began:.0f} s"
            return
        self.graded = method == "final"
        self.board.values |= value["figures"]
        self._fresh |= value["figures"]
        if value.get("note"):
            self._remark(str(value["note"]))


def _process(actor: Any) -> int:
    return os.getpid()

"""The role of a teacher: which calls the supervisor makes, and what the answers mean."""

from typing import Any, ClassVar

from runtime.config.run_section import RunSection
from runtime.reporting.figures import Counters
from runtime.reporting.metric import Metric
from runtime.reporting.run_status import RunStatus
from runtime.supervisor.actors.supervised_actor import SupervisedActor
from runtime.supervisor.roles.role import PlannedCall, Role
from sensors.core.state import StateDict

CURSOR_EVERY = 5.0
"""Seconds between two readings of a teacher's cursor: after a crash it repeats this much at most."""


def settle(counters: Counters) -> None:
    """Count as dropped the events that sources had under way when they ended together with their supervisor.

    Afterwards, offered = accepted + duplicate + dropped for teachers, and likewise for sensors.
    """
    totals = counters.totals
    for offered, prefix, ends in (
        ("teacher/offered", "teacher/dropped/", ("teacher/accepted", "teacher/duplicate")),
        ("sensed/outbox/offered", "sensed/dropped/", ("sensed/outbox/stored", "sensed/outbox/repeated")),
    ):
        dropped = sum(total for key, total in totals.items() if key.startswith(prefix))
        known = dropped + sum(totals.get(key, 0) for key in ends)
        counters.add(prefix + "died", max(0.0, totals.get(offered, 0) - known))
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
        self._under_way = 0
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
        self.status.counters.add("teacher/dropped/died", self._under_way)
        self._note_under_way(0)

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
            self._note_under_way(int(value.get("held", 0)))

    def _note_under_way(self, events: int) -> None:
        """Note how many of the teacher's events have no final answer."""
        self._under_way = self.status.values[f"held/{self.actor.name}"] = events

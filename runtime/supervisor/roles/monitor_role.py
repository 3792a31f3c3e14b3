"""The role of the monitor: which calls the supervisor makes, and what the answers mean."""

from collections.abc import Callable
from typing import Any, ClassVar

from runtime.config.run_section import RunSection
from runtime.reporting.figures import Value
from runtime.reporting.metric import Metric
from runtime.reporting.phrases import clock
from runtime.reporting.run_status import RunStatus
from runtime.supervisor.actors.supervised_actor import SupervisedActor
from runtime.supervisor.roles.role import PlannedCall, Role

FINAL_PATIENCE = 600.0
"""Seconds that the final exam may take."""
SURE = 2.0
"""Seconds of a stage of the final exam after which its pace is known."""


class MonitorRole(Role):
    """Examines in chunks.

    Args:
        remark: shows a note.
        fresh: receives new figures.

    Attributes:
        graded: whether the final exam is done.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("reciprocal_exam_accuracy", "exam accuracy, 0 to 1", "exam/", "exam"),
        Metric("reciprocal_self_consistency", "self-consistency exams without labels, by figure", "self/", "figure"),
        Metric("reciprocal_retrieval", "share of test samples that find their concept, 0 to 1", "retrieval/", "exam"),
        Metric("reciprocal_retrieval_chance", "what guessing reaches there, 0 to 1", "retrieval_chance/", "exam"),
        Metric("reciprocal_judge_accuracy", "a judge's own test accuracy, 0 to 1", "judge/", "judge"),
    )

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
        # The stage of the final exam, when it began, and how much of it was done then.
        self._stage: tuple[str, float, float] = ("", 0.0, 0.0)
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
            parts = [
                progress,
                f"{clock(now - self._began)} so far",
                self._to_go(str(value["stage"]), value["share"], now),
            ]
            self.status.examined = ", ".join(filter(None, parts))
            return
        self.graded = method == "final"
        self.status.values |= value["figures"]
        self._fresh |= value["figures"]
        if value.get("note"):
            self._remark(str(value["note"]))

    def _to_go(self, stage: str, share: float | None, now: float) -> str:
        """How long the stage will take at its pace so far, for people; empty before that can be told."""
        if share is None:
            return ""
        if stage != self._stage[0]:
            self._stage = stage, now, share
        _, began, at = self._stage
        if share <= at or now - began < SURE:
            return ""
        return f"about {clock((now - began) * (1 - share) / (share - at))} to go"

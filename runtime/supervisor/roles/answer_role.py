"""The role of the actor that answers questions: which calls the supervisor makes, and what the answers mean."""

from collections.abc import Callable
from typing import Any, ClassVar

from runtime.config.run_section import RunSection
from runtime.reporting.metric import Metric
from runtime.reporting.run_status import RunStatus
from runtime.supervisor.actors.supervised_actor import SupervisedActor
from runtime.supervisor.roles.role import PlannedCall, Role

AGENT = "agent"
"""Name of the actor; other programs find it by this name."""


class AnswerRole(Role):
    """Responds in chunks, with the newest weights; other programs ask the actor questions beside that.

    Args:
        remark: shows a note.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("reciprocal_answers", "questions, responses, and how long answers take, by figure", "answer/", "figure"),
        Metric("reciprocal_speaker_sounds", "sounds played, and not played by reason, so far", "speaker/", "outcome"),
    )

    def __init__(
        self, actor: SupervisedActor, status: RunStatus, section: RunSection, remark: Callable[[str], None]
    ) -> None:
        self._remark = remark
        super().__init__(actor, status, section)

    def first_calls(self) -> list[PlannedCall]:
        """Describe where responses go."""
        return [PlannedCall("describe", patience=self.section.start_deadline)]

    def regular_call(self, now: float) -> PlannedCall | None:
        """Respond."""
        return self._plan("run", self.section.chunk, expected=self.section.chunk)

    def on_answer(self, method: str, value: Any, now: float) -> None:
        """Take in figures, and show a note."""
        if method == "describe":
            self.status.facts[self.actor.name] = list(value)
        if method != "run":
            return
        self.status.values |= value["figures"]
        if value["note"]:
            self._remark(value["note"])

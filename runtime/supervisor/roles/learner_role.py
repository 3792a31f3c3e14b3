"""The role of the learner: which calls the supervisor makes, and what the answers mean."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from runtime.config.run_section import RunSection
from runtime.reporting.metric import Metric
from runtime.reporting.run_status import RunStatus
from runtime.supervisor.actors.supervised_actor import SupervisedActor
from runtime.supervisor.roles.role import PlannedCall, Role


class LearnerRole(Role):
    """Learns in chunks; after a restart the learner goes on from the newest checkpoint.

    Args:
        newest: finds that checkpoint; None where there is none.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("reciprocal_learner_step", "learner steps so far", "learner/step"),
        Metric("reciprocal_learner_steps_per_second", "learner steps each second", "learner/steps_per_s"),
        Metric("reciprocal_learner_duty", "share of time that the learner computes, 0 to 1", "learner/duty"),
        Metric(
            "reciprocal_learner_held_seconds",
            "seconds that learning waited to be saved, or was paused",
            "learner/held_s",
        ),
        Metric(
            "reciprocal_checkpoint_stall_ms",
            "milliseconds of learning that the last checkpoint took",
            "learner/checkpoint_stall_ms",
        ),
        Metric("reciprocal_loss", "losses, by term", "loss/", "term"),
    )

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
        if self.status.suspended_since is not None:
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

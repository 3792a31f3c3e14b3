"""The status of a run, shared by all roles of its actors."""

from dataclasses import dataclass, field

from runtime.config.run_section import RunSection
from runtime.reporting.figures import Counters, Value


@dataclass
class RunStatus:
    """The status of a run, shared by all roles.

    Attributes:
        step: learner steps.
        steps_before: those of earlier parts of a resumed run.
        first_step_at: monotonic time of the first step of this part; None before it.
        learned_before: seconds of learning in earlier parts.
        counters: totals.
        values: latest figures.
        facts: printable lines in which actors describe themselves, by actor.
        datasets: what the teachers teach, by the setting of `data` that chooses it, each as `choice:fingerprint`.
        waiting: why the learner does not step; empty when it does.
        examined: how far the final exam is; empty before it.
        over: whether all sources have ended and replay has their events: no more can come.
        resting_since: monotonic time since when the learner rests for the final exam; None before.
        suspended_since: monotonic time since when learning pauses, as it could not be saved or a person paused it; None
            while it goes on.
        paused: whether a person has paused learning.
        checkpoint_wanted: whether a person asks for a checkpoint now.
    """

    step: int = 0
    steps_before: int = 0
    first_step_at: float | None = None
    learned_before: float = 0.0
    counters: Counters = field(default_factory=Counters)
    values: dict[str, Value] = field(default_factory=dict)
    facts: dict[str, list[str]] = field(default_factory=dict)
    datasets: dict[str, str] = field(default_factory=dict)
    waiting: str = ""
    examined: str = ""
    over: bool = False
    resting_since: float | None = None
    suspended_since: float | None = None
    paused: bool = False
    checkpoint_wanted: bool = False

    def learned(self, now: float) -> float:
        """Seconds of learning, earlier parts included."""
        now = min(at for at in (now, self.suspended_since, self.resting_since) if at is not None)
        return self.learned_before + (0.0 if self.first_step_at is None else now - self.first_step_at)

    def suspend(self, suspended: bool, now: float) -> None:
        """Pause learning, or let it go on; the pause does not count as time of learning."""
        if suspended and self.suspended_since is None:
            self.suspended_since = now
        elif not suspended and self.suspended_since is not None and self.first_step_at is not None:
            self.counters.add("learner/held_s", now - self.suspended_since)
            self.first_step_at += now - self.suspended_since
            self.suspended_since = None

    def share(self, section: RunSection, now: float) -> float | None:
        """Part of the run that is done, from 0 on; None when it is endless."""
        shares = []
        if section.minutes is not None:
            shares.append(self.learned(now) / (60 * section.minutes))
        if section.steps is not None:
            shares.append(self.step / section.steps)
        return max(shares) if shares else None

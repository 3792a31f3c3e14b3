"""One call to an actor, and its deadlines."""

import time
from dataclasses import dataclass
from typing import Any

import ray

LATE = 5.0
"""Seconds beyond its expected time after which a call counts as late: that is shown, and the call is waited for."""


@dataclass(frozen=True)
class Call:
    """A call under way.

    Attributes:
        answer: Ray's reference to the answer.
        method: of the actor.
        began: monotonic time at which it was made.
        asked: the same on the supervisor's clock.
        expected: seconds of work.
        patience: seconds beyond these after which the actor counts as hung.
    """

    answer: Any
    method: str
    began: float
    asked: float
    expected: float
    patience: float

    def overrun(self, now: float) -> float:
        """Seconds beyond its expected time at a time on the supervisor's clock; negative before it."""
        return now - self.asked - self.expected

    def overdue(self, now: float) -> str:
        """For how long it has had no answer, once it is beyond its deadline; empty before."""
        return f"no answer to {self.method} for {now - self.asked:.0f} s" if self.overrun(now) > self.patience else ""


def arrived(answers: list[Any], end: float) -> list[Any]:
    """The answers that arrive until the monotonic time `end`."""
    return ray.wait(answers, num_returns=len(answers), timeout=max(end - time.monotonic(), 0.0))[0] if answers else []

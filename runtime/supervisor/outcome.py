"""How a run ends."""

from dataclasses import dataclass
from pathlib import Path


class RunFailure(Exception):
    """An actor could not be kept alive, or what it does makes no sense any more."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        step: learner steps.
        learned: seconds of learning.
        checkpoint: the last one.
        problem: what went wrong, if anything.
        begun: whether any actor was made.
    """

    step: int
    learned: float
    checkpoint: Path | None
    problem: str = ""
    begun: bool = True

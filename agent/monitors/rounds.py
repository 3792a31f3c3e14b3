"""The monitor's rounds: one after another, whatever subject's exam is due, and judges' training in between."""

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from agent.exams.progress import ExamProgress
from agent.monitors.monitor import Findings

RECALL = 5.0
"""Seconds until the learner is asked again that had nothing new."""
IDLE = 0.2
"""Seconds to rest when there is nothing to do."""
TRAINING = 1.0
"""Seconds of a judge's training between two looks at the progress, once the run has come to its end."""


class Examiner(Protocol):
    """The judges and exams of one subject, such as digits or lip reading."""

    @property
    def ready(self) -> bool:
        """Whether its judges are fully trained."""

    @property
    def due(self) -> bool:
        """Whether it is time for an exam."""

    @property
    def trained(self) -> float:
        """Share of their training that is done, 0…1."""

    def train(self, seconds: float) -> Findings:
        """Train its judges for about `seconds`, or a few more where training cannot be cut."""

    def examine(self, networks: Any, whole: bool = False) -> Findings:
        """One exam of what the learner published."""

    def examining(self, networks: Any, whole: bool = False) -> Generator[ExamProgress, None, Findings]:
        """The same in pieces; yields how far it is, for people."""


@dataclass
class Round:
    """One subject, and how to get what is examined.

    Attributes:
        subject: which.
        pull: what the learner published, if it is newer than what was pulled before, or in any case when it is told so.
        asked: monotonic time at which the learner last had nothing new.
    """

    subject: Examiner
    pull: Callable[[bool], Any | None]
    asked: float = -1e9


class Rounds:
    """All subjects; each gets its turn.

    Args:
        rounds: in the order of their importance: the first one's judges are trained first.
    """

    def __init__(self, rounds: Sequence[Round]) -> None:
        self.rounds = list(rounds)
        self._last: Round | None = None
        self._final: Generator[ExamProgress, None, Findings] | None = None

    @property
    def ready(self) -> bool:
        """Whether all judges are fully trained."""
        return all(r.subject.ready for r in self.rounds)

    def run(self, seconds: float) -> Findings:
        """One exam that is due, else training for about `seconds`, else a short rest."""
        # Who was examined last goes last, so that one subject's exams never hold off another's for longer than one.
        for r in sorted(self.rounds, key=lambda r: r is self._last):
            if r.subject.due and (networks := self._pull(r)) is not None:
                self._last = r
                return r.subject.examine(networks)
        for r in self.rounds:
            if not r.subject.ready:
                return r.subject.train(seconds)
        time.sleep(min(IDLE, seconds))
        return Findings()

    def final(self) -> Generator[ExamProgress, None, Findings]:
        """Finish all judges and examine every subject on all test data, in pieces; yields how far it is, for people."""
        found = []
        for r in self.rounds:
            while not r.subject.ready:
                trained = sum(r.subject.trained for r in self.rounds) / len(self.rounds)
                yield ExamProgress(f"judges trained to {trained:.0%}", "training judges", trained)
                r.subject.train(TRAINING)
            if (networks := r.pull(True)) is not None:
                found.append((yield from r.subject.examining(networks, whole=True)))
        figures = {name: value for f in found for name, value in f.figures.items()}
        return Findings(figures, "; ".join(f.note for f in found))

    def conclude(self, seconds: float) -> tuple[ExamProgress | None, Findings]:
        """Work on the final exam for about `seconds`; to be called until it is done.

        Returns:
            How far it is, and no findings; or, once it is done, None and what it found.
        """
        end = time.monotonic() + seconds
        pieces, self._final = self._final or self.final(), None
        try:
            while True:
                progress = next(pieces)
                if time.monotonic() >= end:
                    break
        except StopIteration as done:
            return None, done.value
        self._final = pieces
        return progress, Findings()

    def _pull(self, r: Round) -> Any | None:
        if time.monotonic() - r.asked < RECALL:
            return None
        networks = r.pull(False)
        r.asked = -1e9 if networks is not None else time.monotonic()
        return networks

"""The state of a run at one moment, as the screen and the page show it, and which exams are held in it."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from runtime.reporting.figures import Value


@dataclass(frozen=True)
class Exam:
    """One path that is examined.

    Attributes:
        title: for people, as in 'image → audio'.
        exam: name of its figure, behind 'exam/'.
        judge: name of the figure of the judge that grades it, behind 'judge/'.
        crosses: whether it goes from one sense to another.
    """

    title: str
    exam: str
    judge: str
    crosses: bool


def exams_of(senses: Sequence[str], subject: str = "") -> tuple[Exam, ...]:
    """All paths between some senses, those from one sense to another first.

    Args:
        senses: that are examined, in the order of the exam set.
        subject: behind whose name its figures are; empty where there is one subject.
    """
    prefix = f"{subject}/" if subject else ""
    paths = [*itertools.permutations(senses, 2), *((sense, sense) for sense in senses)]
    return tuple(Exam(f"{subject} {a} → {b}".strip(), f"{prefix}{a}_to_{b}", f"{prefix}{b}", a != b) for a, b in paths)


@dataclass(frozen=True)
class Overview:
    """The state of a run at one moment.

    Attributes:
        time: seconds since the run began.
        learning: seconds since its first step.
        step: learner steps.
        phase: what is going on, in a few words.
        share: part of `--minutes` or `--steps` that is done, 0…1; None when endless.
        values: latest figures by key.
        actors: name -> state in a word.
        exams: that are held, or will be once the judges are trained.
    """

    time: float
    learning: float
    step: int
    phase: str
    share: float | None = None
    values: Mapping[str, Value] = field(default_factory=dict)
    actors: Mapping[str, str] = field(default_factory=dict)
    exams: Sequence[Exam] = ()

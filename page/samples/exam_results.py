"""What the monitor tells of its exams: test samples with their labels, and what the judges said of each of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from teacher.datasets import ExamSet


@dataclass(frozen=True)
class JudgedRows:
    """What a judge said of what samples evoked.

    Attributes:
        rows: (N,) int64 of the exam's part.
        judged: (N,) int64 concepts.
    """

    rows: NDArray[np.int64]
    judged: NDArray[np.int64]


@dataclass(frozen=True)
class ExaminedSubject:
    """One subject's exam.

    Attributes:
        name: of the subject; empty where it has no name of its own.
        exam: its test samples.
        step: of the newest exam; -1 before it.
        judges: sense -> the judge's own accuracy.
        verdicts: (from, to) -> what was said.
    """

    name: str
    exam: ExamSet
    step: int = -1
    judges: Mapping[str, float] = field(default_factory=dict)
    verdicts: Mapping[tuple[str, str], JudgedRows] = field(default_factory=dict)


def subjects_of(told: list[Mapping[str, Any]], known: list[ExaminedSubject]) -> list[ExaminedSubject]:
    """What the monitor told, as `agent.monitors.actor.MonitorActor.material` answers.

    Args:
        told: a mapping for each subject; exam sets that are known already are None.
        known: what it told before.
    """
    found: list[ExaminedSubject] = []
    for number, one in enumerate(told):
        exam = known[number].exam if one["exam"] is None else ExamSet.from_dict(one["exam"])
        verdicts = {
            (source, target): JudgedRows(np.asarray(rows), np.asarray(judged))
            for source, target, rows, judged in one["verdicts"]
        }
        found.append(ExaminedSubject(one["name"], exam, int(one["step"]), dict(one["judges"]), verdicts))
    return found

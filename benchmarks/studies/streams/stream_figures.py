"""Figures of streams whose concepts come and go: what is learned, what is forgotten, how soon it returns."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from teacher.config import CONCEPTS

PHASES, PHASE_CONCEPTS = 6, 2
"""Five phases bring all ten concepts; in the sixth the first two return."""
GROUPS = tuple(range(at, at + PHASE_CONCEPTS) for at in range(0, len(CONCEPTS), PHASE_CONCEPTS))
"""Concepts of each phase but the last."""
RECOVERED = 0.95
"""Share of what was once learned from which on a group that returns counts as recovered."""


def retention(exams: Sequence[Mapping[str, Any]], path: str, phase: int) -> dict[str, float | None]:
    """What became of each group of concepts.

    Args:
        exams: in order, each with `events` and, by path, the accuracy on each concept.
        path: which one.
        phase: events of one phase.

    Returns:
        `learned`: accuracy on a group at the end of its phase, mean over groups; `forgetting`: that minus the
        accuracy on the group at the end of the fifth phase, mean over the first four groups (Avalanche's
        definition); `known`: accuracy on all ten concepts at the end of the fifth phase; `before return` and
        `returned`: on the first group, before and after the sixth phase; `first events` and `return events`: how
        many it took until the first group reached 95 % of what was learned of it, the first time and when it
        returned; None where that took longer than a phase.
    """
    end = len(GROUPS) * phase
    learned = [group_accuracy(exams, path, group, (k + 1) * phase) for k, group in enumerate(GROUPS)]
    now = [group_accuracy(exams, path, group, end) for group in GROUPS]
    level = RECOVERED * learned[0]
    return {
        "learned": float(np.mean(learned)),
        "forgetting": float(np.mean(np.subtract(learned, now)[:-1])),
        "known": float(np.mean(now)),
        "before return": now[0],
        "returned": group_accuracy(exams, path, GROUPS[0], end + phase),
        "first events": _reached(exams, path, level, 0, phase),
        "return events": _reached(exams, path, level, end, end + phase),
    }


def group_accuracy(exams: Sequence[Mapping[str, Any]], path: str, group: Sequence[int], events: int) -> float:
    """Mean accuracy on a group of concepts in the first exam after so many events, or in the last one."""
    exam = next((e for e in exams if e["events"] >= events), exams[-1])
    return float(np.mean([exam[path][c] for c in group]))


def _reached(exams: Sequence[Mapping[str, Any]], path: str, level: float, start: int, end: int) -> float | None:
    for exam in exams:
        if exam["events"] >= start and np.mean([exam[path][c] for c in GROUPS[0]]) >= level:
            # The exam at the end of the phase may come a batch later.
            return float(min(exam["events"], end) - start)
        if exam["events"] >= end:
            break
    return None

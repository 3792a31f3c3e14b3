"""How right a gate is: boundaries near the truth, and frames of speech."""

import numpy as np
from numpy.typing import NDArray

from benchmarks.studies.hearing.played import Spans

NEAR = 0.05
"""Seconds within which a boundary counts as found."""


def boundaries(found: Spans, truth: Spans) -> tuple[float, float]:
    """Recall and precision of starts and ends within 50 ms, each found one counting once."""
    hits = 0
    for side in (0, 1):
        free = list(found[:, side])
        for moment in truth[:, side]:
            near = min(free, key=lambda other: abs(other - moment), default=np.inf)
            if abs(near - moment) <= NEAR:
                free.remove(near)
                hits += 1
    return hits / (2 * len(truth)), hits / max(1, 2 * len(found))


def errors(found: Spans, truth: Spans) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Seconds by which starts and ends lie after the truth, for each true stretch that a found one overlaps most."""
    off = []
    for start, end in truth:
        overlap = np.minimum(found[:, 1], end) - np.maximum(found[:, 0], start)
        if len(overlap) and overlap.max() > 0:
            off.append(found[overlap.argmax()] - (start, end))
    rows = np.array(off).reshape(-1, 2)
    return rows[:, 0], rows[:, 1]


def overlapped(found: Spans, truth: Spans) -> tuple[int, int]:
    """How many true stretches are overlapped by a found one, and how many found ones overlap no true one."""
    meet = np.minimum(found[:, None, 1], truth[None, :, 1]) > np.maximum(found[:, None, 0], truth[None, :, 0])
    return int(meet.any(axis=0).sum()), int((~meet.any(axis=1)).sum())


def frame_f1(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """F1 of frames of speech."""
    both = int((found & truth).sum())
    return 2 * both / max(1, int(found.sum()) + int(truth.sum()))

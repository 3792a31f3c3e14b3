"""How well a network knows labels that it saw and labels that it only heard of: accuracies, their trade-off, tests.

A network that trained on seen labels alone prefers them. An offset, added to the scores of all unseen labels, trades
one accuracy for the other; the curve of all offsets shows what is known irrespective of the preference.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from teacher.datasets.core.samples import Labels

Scores = NDArray[np.float32]
SMOOTHING = 0.5
"""Deviation of the Gaussian that smooths accuracy over offsets, in log-probability."""


@dataclass(frozen=True)
class _Margins:
    """What an offset decides about each row: correct among its own kind of label, and how far from the other kind."""

    seen: NDArray[np.bool_]
    correct: NDArray[np.bool_]
    margin: NDArray[np.float64]


def score(scores: Scores, labels: Labels, seen: Sequence[int], unseen: Sequence[int]) -> dict[str, float]:
    """Accuracies, all fractions.

    Args:
        scores: (M, classes) log-probabilities, or anything whose largest value is the answer.
        labels: (M,) true ones; some seen and some unseen.
        seen: labels whose target rows were trained on.
        unseen: labels whose target rows were not.

    Returns:
        `all`; `seen`, `unseen` (rows of such labels, all labels to choose from), their harmonic mean `harmonic`, the
        area under the seen-unseen curve `area`; `among_seen`, `among_unseen` (only such labels to choose from).
    """
    right = scores.argmax(1) == labels
    parts = _margins(scores, labels, seen, unseen)
    a, b = float(right[parts.seen].mean()), float(right[~parts.seen].mean())
    return {
        "all": float(right.mean()),
        "seen": a,
        "unseen": b,
        "harmonic": 2 * a * b / (a + b) if a + b else 0.0,
        "area": _area(parts),
        "among_seen": float(parts.correct[parts.seen].mean()),
        "among_unseen": float(parts.correct[~parts.seen].mean()),
    }


AIMS = ("all", "harmonic")
"""What an offset may be chosen for."""


def weighted(seen: float, unseen: float, share: float, aim: str) -> float:
    """One figure of two accuracies: their mean, `share` of it unseen, or their harmonic mean."""
    if aim == "all":
        return (1 - share) * seen + share * unseen
    return 2 * seen * unseen / (seen + unseen) if seen + unseen else 0.0


def best_offset(
    scores: Scores, labels: Labels, seen: Sequence[int], unseen: Sequence[int], share: float, aim: str
) -> tuple[float, float]:
    """The offset for unseen labels that gives the best figure, smoothed over neighbouring offsets.

    Args:
        scores: (M, classes) log-probabilities.
        labels: (M,) true ones; some seen and some unseen.
        seen: as in `score`.
        unseen: as in `score`.
        share: of unseen rows where the offset is to be used, 0…1.
        aim: one of `AIMS`.

    Returns:
        The offset, and the smoothed figure there.
    """
    parts = _margins(scores, labels, seen, unseen)
    low, high = float(parts.margin.min()), float(parts.margin.max())
    offsets = np.linspace(low - 1, high + 1, 400)
    # Each row counts where the offset puts it on its own side; a Gaussian step in place of a hard one smooths.
    passed = stats.norm.cdf((offsets[:, None] - parts.margin) / SMOOTHING)
    kept = (1 - passed[:, parts.seen]) @ parts.correct[parts.seen] / parts.seen.sum()
    won = passed[:, ~parts.seen] @ parts.correct[~parts.seen] / (~parts.seen).sum()
    figures = [weighted(a, b, share, aim) for a, b in zip(kept.tolist(), won.tolist(), strict=True)]
    k = int(np.argmax(figures))
    return float(offsets[k]), figures[k]


def add_offset(scores: Scores, unseen: Sequence[int], offset: float) -> Scores:
    """Scores with the offset on all unseen labels."""
    moved = scores.copy()
    moved[:, list(unseen)] += np.float32(offset)
    return moved


@dataclass(frozen=True)
class Comparison:
    """A paired difference over folds and seeds.

    Attributes:
        mean: of the differences.
        low: lower end of the 95 % interval.
        high: upper end.
        p: two-sided, that the mean is zero.
        runs: number of pairs.
    """

    mean: float
    low: float
    high: float
    p: float
    runs: int


def compare(first: Sequence[float], second: Sequence[float], test_share: float) -> Comparison:
    """Is the first better? Nadeau and Bengio's corrected t-test: training parts of folds and seeds overlap.

    Args:
        first: a figure for each pair of fold and seed.
        second: the other's, in the same order.
        test_share: test rows per training row, 0.25 with five folds.

    Raises:
        ValueError: lengths differ, or no pair.
    """
    if len(first) != len(second) or not first:
        raise ValueError(f"{len(first)} and {len(second)} runs cannot be paired")
    differences = np.subtract(first, second)
    mean, runs = float(differences.mean()), len(differences)
    if runs < 2:
        return Comparison(mean, -math.inf, math.inf, 1.0, runs)
    deviation = math.sqrt(float(differences.var(ddof=1)) * (1 / runs + test_share))
    if deviation == 0:
        return Comparison(mean, mean, mean, 1.0 if mean == 0 else 0.0, runs)
    reach = deviation * float(stats.t.ppf(0.975, runs - 1))
    p = 2 * float(stats.t.sf(abs(mean) / deviation, runs - 1))
    return Comparison(mean, mean - reach, mean + reach, p, runs)


def _margins(scores: Scores, labels: Labels, seen: Sequence[int], unseen: Sequence[int]) -> _Margins:
    kinds = [np.array(sorted(k), np.int64) for k in (seen, unseen)]
    best = [scores[:, kind].argmax(1) for kind in kinds]
    rows = np.arange(len(labels))
    # Of equal scores the seen label wins, as it does in argmax, where it comes first.
    tops = [scores[rows, kind[k]].astype(np.float64) for kind, k in zip(kinds, best, strict=True)]
    is_seen = np.isin(labels, kinds[0])
    if is_seen.all() or not is_seen.any():
        raise ValueError("rows of seen and of unseen labels are needed")
    answers = np.where(is_seen, kinds[0][best[0]], kinds[1][best[1]])
    return _Margins(is_seen, answers == labels, tops[0] - tops[1])


def _area(parts: _Margins) -> float:
    """Unseen accuracy integrated over seen accuracy, for all offsets."""
    offsets = np.concatenate(([-np.inf], np.unique(parts.margin), [np.inf]))
    own = [parts.margin[parts.seen & parts.correct], parts.margin[~parts.seen & parts.correct]]
    count = [parts.seen.sum(), (~parts.seen).sum()]
    kept = len(own[0]) - np.searchsorted(np.sort(own[0]), offsets, "left")
    won = np.searchsorted(np.sort(own[1]), offsets, "left")
    x, y = kept / count[0], won / count[1]
    return float(((x[:-1] - x[1:]) * (y[1:] + y[:-1]) / 2).sum())

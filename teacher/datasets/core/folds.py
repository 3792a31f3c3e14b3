"""Folds: which utterances test and which train; a fold's test part is never in its training part."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensors.core.errors import DataError
from teacher.datasets.core.samples import Labels
from teacher.datasets.core.utterances import Utterances

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Fold:
    """Row numbers of one fold.

    Attributes:
        train: (n,) int64, sorted.
        test: (m,) int64, sorted; shares no row with `train`.
        name: what tells it from the others.
    """

    train: Rows
    test: Rows
    name: str = ""


def five_folds(utterances: Utterances, seed: int) -> list[Fold]:
    """The paper's five folds, by `stratified_folds` over letters and speakers."""
    return stratified_folds(utterances.letters, utterances.speakers, seed)


def stratified_folds(labels: Labels, speakers: Labels, seed: int, count: int = 5) -> list[Fold]:
    """Folds in which every label and every speaker has its share.

    Labels are dealt exactly: their counts in two folds differ by one at most. A speaker's repetitions of one label go
    to different folds wherever there is room, and speakers are spread as evenly as this greedy deal allows. So a
    tested speaker is nearly always heard saying the same label in training: these folds do not ask for unknown
    speakers, `group_folds` do.

    Args:
        labels: (N,) int64, 0 or more.
        speakers: (N,) int64, 0 or more.
        seed: chooses among equals.
        count: of folds, at least 2.

    Raises:
        DataError: fewer than two folds, or fewer rows than folds.
    """
    if not 2 <= count <= len(labels):
        raise DataError(f"{len(labels)} utterances cannot be divided into {count} folds")
    rng = np.random.default_rng(seed)
    dealt = np.empty(len(labels), np.int64)
    totals = np.zeros(count, np.int64)
    of_speaker = np.zeros((int(speakers.max()) + 1, count), np.int64)
    for label in rng.permutation(np.unique(labels)):
        rows = rng.permutation(np.flatnonzero(labels == label))
        room = np.full(count, len(rows) // count)
        room[np.lexsort((rng.random(count), totals))[: len(rows) % count]] += 1
        of_both = np.zeros_like(of_speaker)
        for row in rows:
            who = speakers[row]
            # The last key counts most: no full fold, then one without this pair, then the speaker's emptiest.
            fold = np.lexsort((rng.random(count), -room, of_speaker[who], of_both[who], room == 0))[0]
            dealt[row] = fold
            for tally in (totals, of_speaker[who], of_both[who]):
                tally[fold] += 1
            room[fold] -= 1
    return [_fold(dealt == fold, str(fold)) for fold in range(count)]


def group_folds(groups: Labels, names: tuple[str, ...] = ()) -> list[Fold]:
    """A fold for each group, which tests what all others train.

    Args:
        groups: (N,) int64, such as speakers.
        names: by number, for the folds' names; without them the numbers serve.

    Raises:
        DataError: fewer than two groups.
    """
    found = np.unique(groups)
    if len(found) < 2:
        raise DataError(f"{len(found)} speakers: leaving one out takes two or more")
    return [_fold(groups == group, names[group] if names else str(group)) for group in found]


def _fold(test: NDArray[np.bool_], name: str) -> Fold:
    return Fold(np.flatnonzero(~test), np.flatnonzero(test), name)

"""Folds: shares of letters and speakers, and nothing of the test part in training."""

import numpy as np
import pytest

from sensors.core.errors import DataError
from teacher.datasets.core.folds import Fold, five_folds, group_folds, stratified_folds
from teacher.datasets.core.samples import Labels
from teacher.datasets.core.utterances import Utterances, make_utterances

LETTERS = np.repeat(np.arange(26), 30).astype(np.int64)
SPEAKERS = np.tile(np.repeat(np.arange(10), 3), 26).astype(np.int64)


def parts(folds: list[Fold], count: int) -> None:
    for fold in folds:
        together = np.concatenate((fold.train, fold.test))
        assert sorted(together.tolist()) == list(range(count))
        assert fold.train.dtype == fold.test.dtype == np.int64
    tested = np.concatenate([f.test for f in folds])
    assert sorted(tested.tolist()) == list(range(count))


def counts(folds: list[Fold], labels: Labels) -> "np.ndarray[tuple[int, ...], np.dtype[np.int64]]":
    return np.array([np.bincount(labels[f.test], minlength=labels.max() + 1) for f in folds])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_letter_and_speaker_has_its_share(seed: int) -> None:
    folds = stratified_folds(LETTERS, SPEAKERS, seed)
    parts(folds, 780)
    assert (counts(folds, LETTERS) == 6).all()
    assert abs(counts(folds, SPEAKERS) - 15.6).max() <= 2


def test_repetitions_of_a_pair_are_in_different_folds() -> None:
    together = counts(stratified_folds(LETTERS, SPEAKERS, 0), LETTERS * 10 + SPEAKERS)
    assert together.max() <= 2 and (together > 1).sum() <= 26


def test_a_seed_decides() -> None:
    first, again, other = (stratified_folds(LETTERS, SPEAKERS, s) for s in (3, 3, 4))
    assert all((a.test == b.test).all() for a, b in zip(first, again, strict=True))
    assert any((a.test != b.test).any() for a, b in zip(first, other, strict=True))


def test_uneven_counts_differ_by_one_at_most() -> None:
    rng = np.random.default_rng(0)
    labels, speakers = rng.integers(0, 7, 101), rng.integers(0, 4, 101)
    folds = stratified_folds(labels, speakers, 0, count=4)
    parts(folds, 101)
    assert (np.ptp(counts(folds, labels), axis=0) <= 1).all()
    assert np.ptp([len(f.test) for f in folds]) <= 1


def test_a_group_is_all_test_or_all_training() -> None:
    folds = group_folds(SPEAKERS, tuple("abcdefghij"))
    parts(folds, 780)
    assert [f.name for f in folds] == list("abcdefghij")
    for number, fold in enumerate(folds):
        assert set(SPEAKERS[fold.test].tolist()) == {number} and number not in SPEAKERS[fold.train]


def small() -> Utterances:
    count = 12
    return make_utterances(
        "toy",
        np.zeros((count, 24, 26), np.float32),
        np.zeros((count, 12, 60, 80), np.uint8),
        np.arange(count) % 2,
        ["zoe", "ann"] * 6,
        np.ones(count, np.int64),
    )


def test_utterances_folds_are_by_their_letters_and_speakers() -> None:
    utterances = small()
    parts(five_folds(utterances, 0), 12)
    by_speaker = group_folds(utterances.speakers, utterances.speaker_names)
    assert [f.name for f in by_speaker] == ["ann", "zoe"]
    assert by_speaker[0].test.tolist() == list(range(1, 12, 2))


def test_too_few_rows_or_speakers() -> None:
    with pytest.raises(DataError, match="3 utterances cannot be divided into 5 folds"):
        stratified_folds(np.zeros(3, np.int64), np.zeros(3, np.int64), 0)
    with pytest.raises(DataError, match="takes two or more"):
        group_folds(np.zeros(5, np.int64))

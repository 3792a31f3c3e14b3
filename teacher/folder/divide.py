"""Which samples of one sense train and which are examined: the parts of the folder as given, else a split."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from teacher.folder.split import TEST_SHARE, Split, split

TEST, VALIDATION = "test", "validation"
"""What exams may take."""
VALIDATION_SHARE = 0.1
"""Share of a concept's training files that is examined in place of the test part."""


@dataclass(frozen=True)
class Division:
    """Which of the samples train and which are examined.

    Attributes:
        train: (N,) mask.
        test: (N,) mask; what is in neither is not used.
        sentence: how they were told apart.
        notes: what else the user should know, one phrase each.
    """

    train: NDArray[np.bool_]
    test: NDArray[np.bool_]
    sentence: str
    notes: tuple[str, ...]


def divide(
    concepts: Sequence[str], names: Sequence[str], contents: Sequence[str], parts: Sequence[str], exam: str
) -> Division:
    """Divide the samples of one sense.

    Args:
        concepts: of each sample.
        names: path of each sample's file from its concept's folder.
        contents: hash of each file's content.
        parts: the part of the folder that each lies in: 'train', 'val' or 'test'.
        exam: what is examined: 'test', or 'validation', which is val/ or a tenth of the training part. Copies and
            speakers are kept apart in either.
    """
    is_train, is_test, given = (
        np.array([part == each for part in parts], np.bool_) for each in ("train", "test", "val")
    )
    notes: list[str] = []

    def cut(share: float = TEST_SHARE) -> Split:
        """Tell a test part from the training part, and take it out of that."""
        rows = np.flatnonzero(is_train)
        mine, own, hashed = ([values[row] for row in rows.tolist()] for values in (concepts, names, contents))
        told = split(mine, own, hashed, share)
        is_train[rows[told.test]] = False
        is_test[:] = False
        is_test[rows[told.test]] = True
        return told

    sentence = "train/ and test/ as given" if is_test.any() else cut().sentence
    if exam == VALIDATION and given.any():
        is_test, sentence = given, "train/ and val/ as given"
    elif exam == VALIDATION:
        sentence = f"validation part taken from the training part: {cut(VALIDATION_SHARE).sentence}"
    elif given.any():
        notes.append(f"{int(given.sum()):,} of val/ are kept for data.part=validation")
    copies = {contents[row] for row in np.flatnonzero(is_train).tolist()} & {
        contents[row] for row in np.flatnonzero(is_test).tolist()
    }
    if copies:
        notes.append(f"{len(copies):,} {exam} files are copies of training files")
    return Division(is_train, is_test, sentence, tuple(notes))


def lacking(concepts: Sequence[str], division: Division, exam: str) -> dict[str, str]:
    """Why a concept cannot be taught by this sense, for each of which that is so."""
    trained, tested = (
        {concepts[row] for row in np.flatnonzero(mask).tolist()} for mask in (division.train, division.test)
    )
    what = "validate" if exam == VALIDATION else "test"
    return {
        concept: f"with nothing to {'train' if concept not in trained else what} on"
        for concept in dict.fromkeys(concepts)
        if concept not in trained or concept not in tested
    }

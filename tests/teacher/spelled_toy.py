"""A toy corpus of letters in memory: every utterance can be told from every other by its samples."""

import numpy as np

from teacher.datasets.core.utterances import make_utterances
from teacher.datasets.letters import LetterData


def toy_letters(each: int = 5, test: int = 1, letters: int = 26, seed: int = 0) -> LetterData:
    """`each` utterances of every letter, of which `test` are the test part; row number in speech[0, 0]."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(letters), each)).astype(np.int64)
    speech = rng.normal(size=(len(labels), 24, 26)).astype(np.float32)
    speech[:, 0, 0] = np.arange(len(labels))
    lips = rng.integers(0, 256, (len(labels), 12, 60, 80)).astype(np.uint8)
    tested = np.zeros(len(labels), np.bool_)
    for letter in range(letters):
        tested[np.flatnonzero(labels == letter)[:test]] = True
    utterances = make_utterances("toy-letters", speech, lips, labels, ["ann"] * len(labels), np.ones_like(labels))
    return LetterData(utterances, np.flatnonzero(~tested), np.flatnonzero(tested), "toy split")

"""A corpus of spoken letters: the speech and lips of each utterance over the same 480 ms, its speaker, its letter."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensors.core.modalities import modality
from sensors.signals.lips import GREY as GREY
from sensors.signals.lips import restore_lips as restore_lips
from sensors.signals.lips import store_lips as store_lips
from teacher.datasets.core.samples import Bytes, Labels, hash_arrays

LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
"""Names by label."""
SEEN = np.arange(20, dtype=np.int64)
"""A to T: letters of which there are both speech and lips."""
UNSEEN = np.arange(20, 26, dtype=np.int64)
"""U to Z: letters that lip reading only ever hears of."""


@dataclass(frozen=True)
class Utterances:
    """Parallel utterances of letters; all arrays are read-only.

    Attributes:
        name: of the corpus, one word.
        speech: (N, 24, 26) float32, the `speech` modality: MFCC (frame, coefficient), a frame every 20 ms.
        stored_lips: (N, 12, 60, 80) uint8, the `lips` modality: difference from the utterance's mean frame in
            steps of brightness, plus `GREY` (frame, row, column), a frame every 40 ms over the same 480 ms.
        letters: (N,) int64, 0…25.
        speakers: (N,) int64, indices into `speaker_names`.
        repetitions: (N,) int64, counted from 1.
        speaker_names: sorted.
        fingerprint: hash of all arrays, 32 hex digits.
        notes: what else the user should know, one phrase each.
    """

    name: str
    speech: NDArray[np.float32]
    stored_lips: Bytes
    letters: Labels
    speakers: Labels
    repetitions: Labels
    speaker_names: tuple[str, ...]
    fingerprint: str
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.letters)

    @property
    def lips(self) -> NDArray[np.float32]:
        """(N, 12, 60, 80) float32, mean frame subtracted: -0.502…0.498 of full brightness; made anew each time."""
        return restore_lips(self.stored_lips)

    @property
    def summary(self) -> str:
        """One printable line: what it is and how much of it."""
        said, people = len(set(self.letters.tolist())), len(self.speaker_names)
        return "; ".join((f"{self.name}: {len(self):,} utterances of {said} letters by {people} speakers", *self.notes))

    def noted(self, *notes: str) -> "Utterances":
        """A copy with more notes."""
        return dataclasses.replace(self, notes=(*self.notes, *notes))


def make_utterances(
    name: str,
    speech: NDArray[np.float32],
    stored_lips: Bytes,
    letters: Labels,
    speakers: Sequence[str],
    repetitions: Labels,
    notes: tuple[str, ...] = (),
) -> Utterances:
    """Put `Utterances` together: speakers numbered by sorted name, arrays made read-only, their fingerprint.

    Raises:
        ValueError: arrays differ in length, or have the wrong shape or dtype.
    """
    names, numbers = np.unique(np.asarray(speakers, np.str_), return_inverse=True)
    people = numbers.astype(np.int64)
    expected: list[tuple[NDArray[Any], tuple[int, ...], type]] = [
        (speech, modality("speech").shape, np.float32),
        (stored_lips, modality("lips").shape, np.uint8),
        *((a, (), np.int64) for a in (letters, people, repetitions)),
    ]
    for array, shape, dtype in expected:
        if array.shape != (len(letters), *shape) or array.dtype != dtype:
            wanted = f"{(len(letters), *shape)} {np.dtype(dtype)}"
            raise ValueError(f"utterances: {array.shape} {array.dtype}, expected {wanted}")
        array.setflags(write=False)
    fingerprint = hash_arrays([array for array, _, _ in expected])
    named = tuple(names.tolist())
    return Utterances(name, speech, stored_lips, letters, people, repetitions, named, fingerprint, notes)

"""Event batches whose bytes say which event they belong to."""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensors.core.event import NO_LESSON, EventBatch
from sensors.core.modalities import modality


def sample_of(name: str, seq: NDArray[np.int64]) -> NDArray[Any]:
    """Samples that say in every element which event they belong to: `seq` mod 251."""
    m = modality(name)
    column = np.empty((len(seq), *m.shape), m.dtype)
    column[...] = (seq % 251).reshape(-1, *[1] * len(m.shape)).astype(m.dtype)
    return column


def batch_of(
    seq: "NDArray[np.int64] | range | list[int]",
    kind: str = "image",
    source: str = "teacher",
    generation: int = 0,
    lesson: "NDArray[np.int64] | None" = None,
) -> EventBatch:
    """A batch whose samples and times follow from `seq`."""
    numbers = np.array(seq, np.int64)
    return EventBatch(
        source=source,
        generation=generation,
        seq=numbers,
        start=numbers.astype(np.float64),
        end=numbers.astype(np.float64) + 0.5,
        lesson=np.full(len(numbers), NO_LESSON, np.int64) if lesson is None else lesson,
        samples={name: sample_of(name, numbers) for name in kind.split("+")},
    )


def digest(column: NDArray[Any]) -> str:
    """Equal for equal bytes."""
    return hashlib.sha256(column.tobytes()).hexdigest()

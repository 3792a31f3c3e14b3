"""Events: what one source perceived at one time, carried in columnar batches of one kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensors.core.errors import EventError
from sensors.core.modalities import kind_of, modality

MAX_EVENTS = 4096
"""Largest number of events in one batch."""
MAX_NAME = 64
"""Longest name of a source, in UTF-8 bytes."""
NO_LESSON = -1
"""Lesson number of an event that belongs to no lesson."""

_TIMES: "dict[str, np.dtype[Any]]" = {
    "seq": np.dtype(np.int64),
    "start": np.dtype(np.float64),
    "end": np.dtype(np.float64),
    "lesson": np.dtype(np.int64),
}


@dataclass(frozen=True)
class EventId:
    """Identity of an event: replay accepts each one once."""

    source: str
    generation: int
    seq: int


@dataclass(frozen=True)
class Event:
    """One event, as a person reads it; streams carry `EventBatch`.

    Attributes:
        id: `(source, generation, seq)`.
        start: monotonic time at which perceiving began, seconds.
        end: monotonic time at which it ended, seconds.
        lesson: co-occurrence group, or `NO_LESSON`. Says 'these belong together', never what they are.
        samples: one stored sample for each modality present.
    """

    id: EventId
    start: float
    end: float
    lesson: int
    samples: Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class EventBatch:
    """Events of one kind from one source, as columns of length B (1…`MAX_EVENTS`); checked when made.

    Attributes:
        source: name of the source, printable, 1…64 bytes.
        generation: counts the source's restarts with a fresh sequence, >= 0.
        seq: (B,) int64, >= 0, no value twice.
        start: (B,) float64, monotonic seconds.
        end: (B,) float64, >= start.
        lesson: (B,) int64, >= 0 or `NO_LESSON`.
        samples: modality -> (B, *shape) in the modality's stored dtype.

    Raises:
        EventError: names the field that breaks the contract.
    """

    source: str
    generation: int
    seq: NDArray[np.int64]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    lesson: NDArray[np.int64]
    samples: Mapping[str, NDArray[Any]]

    def __post_init__(self) -> None:
        # isprintable also refuses lone surrogates, which no UTF-8 can hold.
        if (
            not isinstance(self.source, str)
            or not self.source.isprintable()
            or not 1 <= len(self.source.encode()) <= MAX_NAME
        ):
            got = f"{self.source!r:.80}"
            raise EventError(f"source: expected a printable name of 1…{MAX_NAME} bytes, got {got}")
        if isinstance(self.generation, bool) or not isinstance(self.generation, int):
            raise EventError(f"generation: expected an integer, got {self.generation!r:.80}")
        if not 0 <= self.generation < 2**63:
            raise EventError(f"generation: {self.generation} is outside 0…2^63-1")
        count = len(self.seq) if isinstance(self.seq, np.ndarray) and self.seq.ndim == 1 else 0
        if not 1 <= count <= MAX_EVENTS:
            raise EventError(f"seq: expected 1…{MAX_EVENTS} events in a batch, got {count}")
        for name, dtype in _TIMES.items():
            _check_column(name, getattr(self, name), (count,), dtype)
        if self.seq.min() < 0 or len(np.unique(self.seq)) != count:
            raise EventError("seq: expected distinct numbers >= 0")
        if (self.end < self.start).any():
            raise EventError("end: an event ends before it starts")
        if self.lesson.min() < NO_LESSON:
            raise EventError(f"lesson: expected numbers >= 0, or {NO_LESSON} for none")
        if not isinstance(self.samples, Mapping) or not all(isinstance(name, str) for name in self.samples):
            raise EventError("samples: expected a mapping from modality names to arrays")
        kind_of(self.samples)
        for name, column in self.samples.items():
            m = modality(name)
            _check_column(f"samples[{name}]", column, (count, *m.shape), m.dtype)
            if m.dtype.kind == "f" and (column.min() < m.low or column.max() > m.high):
                raise EventError(f"samples[{name}]: values outside {m.low}…{m.high} ({m.unit})")

    @property
    def kind(self) -> str:
        """Modalities present, in registry order: 'audio', 'image', 'audio+image', …."""
        return kind_of(self.samples)

    def __len__(self) -> int:
        return len(self.seq)

    @property
    def nbytes(self) -> int:
        """Bytes of all samples."""
        return sum(c.nbytes for c in self.samples.values())

    def event(self, i: int) -> Event:
        """The i-th event, sharing memory with the batch."""
        samples = {name: column[i] for name, column in self.samples.items()}
        key = EventId(self.source, self.generation, int(self.seq[i]))
        return Event(key, float(self.start[i]), float(self.end[i]), int(self.lesson[i]), samples)


def _check_column(name: str, column: Any, shape: tuple[int, ...], dtype: "np.dtype[Any]") -> None:
    if not isinstance(column, np.ndarray):
        raise EventError(f"{name}: expected an array, got {type(column).__name__}")
    if column.dtype != dtype:
        raise EventError(f"{name}: expected dtype {dtype}, got {column.dtype}")
    if column.shape != shape:
        raise EventError(f"{name}: expected shape {shape}, got {column.shape}")
    if dtype.kind == "f" and not np.isfinite(column).all():
        raise EventError(f"{name}: holds values that are not finite")

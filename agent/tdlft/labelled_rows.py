"""The labelled tables as one TDLFT turn sees them: what was said, with lips and without, each thing once."""

import hashlib
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agent.tdlft.lip_networks import speech_rows
from agent.tdlft.lips import LENGTH, to_rows
from sensors.core.errors import StateError
from sensors.core.modalities import kind_of
from sensors.core.state import StateDict, check_state
from sensors.signals.mfcc import FRAMES, VALUES

SPEECH, LIPS, LETTER = "speech", "lips", "letter"
"""The senses that TDLFT learns from."""
PAIRS = kind_of((SPEECH, LIPS, LETTER))
"""The parallel corpus: X_A, X_V and Z."""
HEARD = kind_of((SPEECH, LETTER))
"""Labelled speech alone: X_A* and Y*, as far as its letters have no pair."""
_BLOCK = 128
"""Events that are taken at a time."""


class LabelledBatch(Protocol):
    """Events of a table with labels, as columns."""

    @property
    def samples(self) -> Mapping[str, NDArray[Any]]:
        """Modality -> (B, *shape) stored samples."""


class LabelledTables(Protocol):
    """What TDLFT asks of replay."""

    def kinds(self) -> list[str]:
        """Tables that exist now."""

    def inserted(self, kind: str) -> int:
        """Events that the table has taken so far."""

    def sweep(self, kind: str, count: int) -> Iterator[LabelledBatch]:
        """All events that the table holds, oldest first, some at a time."""


@dataclass(frozen=True)
class LabelledRows:
    """A snapshot of both tables, without repetitions; nothing in it changes any more.

    Attributes:
        speech: X_A, (N, 624) float32.
        lips: X_V, (N, 3600) float32, as `to_rows` makes them.
        labels: Z, (N,) int64.
        heard_speech: (M, 624) float32 speech without lips.
        heard_labels: (M,) int64.
        pair_keys: (N,) int64, what tells a pair from others: a hash of what was stored.
        heard_keys: (M,) int64.
    """

    VERSION = 1

    speech: NDArray[np.float32]
    lips: NDArray[np.float32]
    labels: NDArray[np.int64]
    heard_speech: NDArray[np.float32]
    heard_labels: NDArray[np.int64]
    pair_keys: NDArray[np.int64]
    heard_keys: NDArray[np.int64]

    @property
    def every_speech(self) -> NDArray[np.float32]:
        """All labelled speech, with lips and without: (N + M, 624) float32."""
        return np.concatenate((self.speech, self.heard_speech))

    @property
    def every_label(self) -> NDArray[np.int64]:
        """Its labels, (N + M,) int64."""
        return np.concatenate((self.labels, self.heard_labels))

    @property
    def keys(self) -> NDArray[np.int64]:
        """What tells each of them from others, (N + M,) int64."""
        return np.concatenate((self.pair_keys, self.heard_keys))

    @property
    def unpaired(self) -> tuple[int, ...]:
        """Labels that are heard and have no lips, sorted: what is to be transferred."""
        return tuple(np.setdiff1d(self.heard_labels, self.labels).tolist())

    def enough(self, pairs: int) -> bool:
        """Whether there are so many pairs, and two letters that are said twice or more."""
        return len(self.labels) >= pairs and int((np.bincount(self.labels) > 1).sum()) > 1

    def state_dict(self) -> StateDict:
        """All columns."""
        return {"version": self.VERSION} | {name: torch.from_numpy(getattr(self, name)) for name in _COLUMNS}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Rebuild from `state_dict`.

        Raises:
            StateError: parts are missing or unknown, or of another shape or dtype.
        """
        check_state(state, set(_COLUMNS), cls.VERSION, "labelled rows")
        counts = {"pair": len(state["labels"]), "heard": len(state["heard_labels"])}
        for name, (rows, width, dtype) in _COLUMNS.items():
            value, shape = state[name], (counts[rows], *width)
            if not isinstance(value, Tensor) or value.shape != shape or value.dtype != dtype:
                raise StateError(f"labelled rows: {name} must be a tensor of shape {shape} and type {dtype}")
        return cls(**{name: np.array(state[name].numpy()) for name in _COLUMNS})


_SPEECH = (FRAMES * VALUES,)
_COLUMNS: dict[str, tuple[str, tuple[int, ...], torch.dtype]] = {
    "speech": ("pair", _SPEECH, torch.float32),
    "lips": ("pair", (LENGTH,), torch.float32),
    "labels": ("pair", (), torch.int64),
    "heard_speech": ("heard", _SPEECH, torch.float32),
    "heard_labels": ("heard", (), torch.int64),
    "pair_keys": ("pair", (), torch.int64),
    "heard_keys": ("heard", (), torch.int64),
}
"""Whose rows, their shape and dtype."""


@dataclass
class _Columns:
    """What has been taken of one table."""

    speech: list[NDArray[np.float32]] = field(default_factory=lambda: [np.zeros((0, *_SPEECH), np.float32)])
    lips: list[NDArray[np.float32]] = field(default_factory=lambda: [np.zeros((0, LENGTH), np.float32)])
    labels: list[NDArray[np.int64]] = field(default_factory=lambda: [np.zeros(0, np.int64)])
    keys: dict[int, None] = field(default_factory=dict)

    def add(self, samples: Mapping[str, NDArray[Any]]) -> None:
        new = []
        for row, key in enumerate(event_keys(samples)):
            # What a teacher says again, sample for sample, teaches nothing more.
            if key not in self.keys:
                self.keys[key] = None
                new.append(row)
        self.speech.append(speech_rows(samples[SPEECH][new]))
        self.labels.append(samples[LETTER][new, 0].astype(np.int64))
        if LIPS in samples:
            self.lips.append(to_rows(samples[LIPS][new]))


def take_rows(replay: LabelledTables) -> Generator[None, None, LabelledRows]:
    """Take both tables, one yield after some events; what it returns are the rows."""
    taken = {PAIRS: _Columns(), HEARD: _Columns()}
    present = replay.kinds()
    for kind, columns in taken.items():
        for batch in replay.sweep(kind, _BLOCK) if kind in present else ():
            columns.add(batch.samples)
            yield
    pairs, heard = taken[PAIRS], taken[HEARD]
    return LabelledRows(
        np.concatenate(pairs.speech),
        np.concatenate(pairs.lips),
        np.concatenate(pairs.labels),
        np.concatenate(heard.speech),
        np.concatenate(heard.labels),
        np.array(list(pairs.keys), np.int64),
        np.array(list(heard.keys), np.int64),
    )


def changed(before: NDArray[np.int64], now: NDArray[np.int64]) -> float:
    """Share of rows that came or went between two sets of keys, 0…1."""
    return 1 - len(np.intersect1d(before, now)) / max(len(before), len(now), 1)


def event_keys(samples: Mapping[str, NDArray[Any]]) -> Iterator[int]:
    """What tells one event from another, for each row: a hash of all its samples as they are stored."""
    columns = [samples[name] for name in sorted(samples)]
    for row in range(len(columns[0])):
        digest = hashlib.blake2b(digest_size=8)
        for column in columns:
            digest.update(column[row].tobytes())
        yield int.from_bytes(digest.digest(), "little", signed=True)

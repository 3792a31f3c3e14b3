"""A small world of letters that are said and lip-read, and replay's labelled tables of them in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.tdlft.config import TdlftTurnsConfig
from agent.tdlft.labelled_rows import HEARD, PAIRS

TRAITS = ((0,), (1,), (2,), (3,), (0, 1), (2, 3), (0, 2), (1, 3))
"""What is heard and what moves, by letter: those never seen are new mixtures of what others show."""


def tiny(**changes: Any) -> TdlftTurnsConfig:
    """Turns that take a second in all."""
    values = {
        "first": 16, "second": 12, "third": 10, "pretrain_epochs": 3, "audio_epochs": 4, "video_epochs": 4,
        "tune_epochs": 3, "min_pairs": 12, "new_events": 8, "embedding": "knn",
    }  # fmt: skip
    return TdlftTurnsConfig(**{**values, **changes})


def said(labels: Sequence[int], seed: int = 0) -> dict[str, NDArray[Any]]:
    """Speech and lips of these letters, each time a little otherwise."""
    rng = np.random.default_rng(seed)
    speech = rng.normal(size=(len(labels), 24, 26)).astype(np.float32)
    lips = rng.integers(110, 146, (len(labels), 12, 60, 80), np.uint8)
    for n, label in enumerate(labels):
        for trait in TRAITS[label]:
            speech[n, :, 6 * trait : 6 * trait + 5] += 2
            lips[n, 3 * trait : 3 * trait + 3, 10:40, 20 * trait : 20 * trait + 20] += 60
    return {"speech": speech, "lips": lips, "letter": np.array(labels, np.uint16)[:, None]}


@dataclass(frozen=True)
class Swept:
    """Some events of a table."""

    samples: dict[str, NDArray[Any]]


class LetterTables:
    """The labelled tables, to which a test adds."""

    def __init__(self) -> None:
        self.batches: dict[str, list[dict[str, NDArray[Any]]]] = {}
        self.sweeps = 0

    def pairs(self, labels: Sequence[int], seed: int = 0) -> "LetterTables":
        self.batches.setdefault(PAIRS, []).append(said(labels, seed))
        return self

    def heard(self, labels: Sequence[int], seed: int = 1) -> "LetterTables":
        samples = said(labels, seed)
        self.batches.setdefault(HEARD, []).append({name: samples[name] for name in ("speech", "letter")})
        return self

    def kinds(self) -> list[str]:
        return sorted([*self.batches, "audio+image"])

    def inserted(self, kind: str) -> int:
        return sum(len(batch["letter"]) for batch in self.batches[kind])

    def sweep(self, kind: str, count: int) -> Iterator[Swept]:
        self.sweeps += 1
        for batch in list(self.batches[kind]):
            yield Swept(batch)


def world() -> LetterTables:
    """Three letters seen and heard, a fourth heard alone."""
    return LetterTables().pairs([0, 1, 2] * 6).heard([3] * 6)

"""The exam set: test samples of each sense with their labels, the only way by which labels leave a teacher."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensors.core.errors import DataError
from teacher.datasets.core.samples import Labels, Samples

MOST_CONCEPTS = 10_000
"""Most concepts of one exam."""


@dataclass(frozen=True)
class ExamPart:
    """The test samples of one sense.

    Attributes:
        name: of the dataset that they come from.
        samples: (N, *shape) in the sense's stored dtype.
        labels: (N,) int64, numbers of concepts.
    """

    name: str
    samples: NDArray[Any]
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class ExamSet:
    """Test samples of two or more senses.

    Attributes:
        parts: sense -> its test samples, in the order in which they are examined.
        concepts: names by label, 2…10,000 of them.

    Raises:
        DataError: fewer than two senses or concepts, too many concepts, a sense without samples, or a label without a
            name.
    """

    parts: Mapping[str, ExamPart]
    concepts: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.parts) < 2:
            raise DataError(f"exam: {', '.join(self.parts) or 'nothing'} is one sense; cross-modal exams need two")
        if not 2 <= len(self.concepts) <= MOST_CONCEPTS:
            raise DataError(f"exam: {len(self.concepts):,} concepts; expected 2…{MOST_CONCEPTS:,}")
        for sense, part in self.parts.items():
            if len(part.samples) != len(part.labels):
                raise DataError(f"exam: {len(part.labels)} labels for {len(part.samples)} samples of {sense}")
            if not len(part):
                raise DataError(f"exam: {part.name} has no test sample of {sense}")
            if beyond := [c for c in (part.labels.min(), part.labels.max()) if not 0 <= c < len(self.concepts)]:
                raise DataError(f"exam: {sense} has label {beyond[0]}, there are {len(self.concepts)} concepts")

    @classmethod
    def of(cls, datasets: Mapping[str, Samples], concepts: tuple[str, ...]) -> "ExamSet":
        """The exam set of the datasets' test parts."""
        return cls({m: ExamPart(d.name, d.test, d.test_labels) for m, d in datasets.items()}, concepts)

    def shorten(self, most: Mapping[str, int]) -> "ExamSet":
        """An even spread of at most so many samples of each sense, for exams while the learner learns."""
        return ExamSet({m: _spread(part, most.get(m, len(part))) for m, part in self.parts.items()}, self.concepts)

    def to_dict(self) -> dict[str, Any]:
        """Arrays and plain values, to cross a process boundary."""
        parts = {m: {"name": p.name, "samples": p.samples, "labels": p.labels} for m, p in self.parts.items()}
        return {"concepts": list(self.concepts), "parts": parts}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ExamSet":
        """Rebuild from `to_dict`."""
        parts = {m: ExamPart(p["name"], p["samples"], p["labels"]) for m, p in values["parts"].items()}
        return cls(parts, tuple(values["concepts"]))


def _spread(part: ExamPart, most: int) -> ExamPart:
    if len(part) <= most:
        return part
    rows = np.unique(np.linspace(0, len(part) - 1, most).round().astype(np.int64))
    return ExamPart(part.name, part.samples[rows], part.labels[rows])

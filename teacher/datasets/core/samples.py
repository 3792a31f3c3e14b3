"""What a loaded dataset is: prepared samples of one modality, split into training and test."""

import dataclasses
import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensors.core.errors import DataError
from teacher.datasets.core.report import NOTHING, LoadReport

Stored = NDArray[Any]
Bytes = NDArray[np.uint8]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Samples:
    """One dataset, prepared for its modality.

    Attributes:
        name: of the dataset, as `--images` and `--speech` spell it.
        train: (N, *shape) in the sense's stored dtype; read-only.
        train_labels: (N,) int64, concept numbers from 0.
        test: (M, *shape), likewise.
        test_labels: (M,) int64.
        split: how training and test were told apart, one sentence.
        fingerprint: hash of all four arrays, 32 hex digits.
        jitter: the dataset is small and its training images gain from affine jitter.
        notes: what else the user should know, one phrase each.
        report: how many recordings were taken, what was left out and why.
        instead: a line of its own, where these are embedded data in place of what a named directory lacks.
    """

    name: str
    train: Stored
    train_labels: Labels
    test: Stored
    test_labels: Labels
    split: str
    fingerprint: str
    jitter: bool = False
    notes: tuple[str, ...] = ()
    report: LoadReport = NOTHING
    instead: str = ""

    @property
    def summary(self) -> str:
        """One printable line: what it is, how much of it, how it was split, and what was left out."""
        line = f"{self.name}: {len(self.train):,} training + {len(self.test):,} test samples; {self.split}"
        return "; ".join(filter(None, (line, self.report.line, *self.notes)))

    def noted(self, *notes: str) -> "Samples":
        """A copy with more notes."""
        return dataclasses.replace(self, notes=(*self.notes, *notes))


def make_samples(
    name: str,
    train: tuple[Stored, Labels],
    test: tuple[Stored, Labels],
    split: str,
    *,
    jitter: bool = False,
    notes: tuple[str, ...] = (),
    report: LoadReport = NOTHING,
) -> Samples:
    """Put `Samples` together: contiguous, read-only arrays and their fingerprint."""
    (samples, labels), (test_samples, test_labels) = map(_frozen, (train, test))
    fingerprint = hash_arrays([samples, labels, test_samples, test_labels])
    return Samples(name, samples, labels, test_samples, test_labels, split, fingerprint, jitter, notes, report)


def hold_out(samples: Samples, count: int, seed: int, people: str = "people") -> Samples:
    """Carve a validation part out of the training part; it takes the place of the test part, which is let go.

    Concepts keep their shares. Each concept of two samples or more is in both parts, which for rare ones can
    take a few samples more than `count`.

    Args:
        samples: what to choose from.
        count: samples to hold out, below the number of training samples.
        seed: of the random choice; samples of one speaker or writer may be in both parts.
        people: the speakers or writers of the samples, as the split's sentence names them.

    Raises:
        DataError: nothing would be left to train on, or to test on.
    """
    if not 0 < count < len(samples.train):
        raise DataError(f"{samples.name}: {count} of {len(samples.train)} training samples cannot be held out")
    labels = samples.train_labels
    sizes = np.bincount(labels)
    shares = count * sizes / len(labels)
    quotas = shares.astype(np.int64)
    # The largest remainders get what rounding down left over.
    quotas[np.argsort(quotas - shares, kind="stable")[: count - quotas.sum()]] += 1
    quotas = np.clip(quotas, np.minimum(1, sizes - 1), sizes - 1).clip(0)
    rng = np.random.default_rng(seed)
    chosen = np.zeros(len(labels), np.bool_)
    for concept, quota in enumerate(quotas):
        chosen[rng.permutation(np.flatnonzero(labels == concept))[:quota]] = True
    divided = make_samples(
        samples.name,
        (samples.train[~chosen], labels[~chosen]),
        (samples.train[chosen], labels[chosen]),
        f"validation part drawn at random from the training part ({samples.split}), which is without it here but "
        f"shares its {people}",
        jitter=samples.jitter,
        notes=samples.notes,
        report=samples.report,
    )
    return dataclasses.replace(divided, instead=samples.instead)


def hash_arrays(arrays: list[NDArray[Any]]) -> str:
    """Hash of shapes, dtypes and contents, 32 hex digits."""
    digest = hashlib.blake2b(digest_size=16)
    for a in arrays:
        digest.update(f"{a.dtype.str}{a.shape}".encode())
        digest.update(np.ascontiguousarray(a).data)
    return digest.hexdigest()


def _frozen(part: tuple[Stored, Labels]) -> tuple[Stored, Labels]:
    samples, labels = np.ascontiguousarray(part[0]), np.ascontiguousarray(part[1])
    samples.setflags(write=False)
    labels.setflags(write=False)
    return samples, labels

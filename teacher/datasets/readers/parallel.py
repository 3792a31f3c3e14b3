"""Any parallel corpus for transfer: source and target rows of the same utterances, labels, speakers, unseen labels.

A folder holds one of its own:

    source.npy    (N, ...) numbers, such as speech features; row n belongs to utterance n
    target.npy    (N, ...) numbers, such as video features
                  both (N, frames, ...): runs of frames over the same time
    labels.csv    header 'label,speaker', then N lines of names, in the same order
    unseen.txt    the names of labels of which training may use the source alone, one a line
"""

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sensors.core.errors import DataError
from sensors.system.files import open_regular, read_regular, refuse_pointer
from teacher.datasets.core.samples import Labels, hash_arrays
from teacher.datasets.core.utterances import LETTERS, UNSEEN, Utterances

MOST_BYTES = 4 << 30
"""Largest array read."""
MOST_TEXT = 16 << 20
"""Largest list of names read."""
_LAYOUT = "expected source.npy, target.npy, labels.csv (label,speaker) and unseen.txt"


@dataclass(frozen=True)
class ParallelCorpus:
    """A parallel corpus as rows; arrays are read-only.

    Attributes:
        name: one word.
        source: (N, d_a) float32.
        target: (N, d_v) float32.
        labels: (N,) int64, indices into `label_names`.
        speakers: (N,) int64, indices into `speaker_names`.
        unseen: labels of which the target must never train, sorted.
        label_names: by number.
        speaker_names: by number.
        fingerprint: hash of the arrays, 32 hex digits.
        frames: of a source and of a target row, where both are runs of frames over the same time; else (0, 0).
        notes: what else the user should know.
    """

    name: str
    source: NDArray[np.float32]
    target: NDArray[np.float32]
    labels: Labels
    speakers: Labels
    unseen: tuple[int, ...]
    label_names: tuple[str, ...]
    speaker_names: tuple[str, ...]
    fingerprint: str
    frames: tuple[int, int] = (0, 0)
    notes: tuple[str, ...] = ()

    @property
    def seen(self) -> tuple[int, ...]:
        """The labels that are not `unseen`, sorted."""
        return tuple(k for k in range(len(self.label_names)) if k not in self.unseen)

    @property
    def summary(self) -> str:
        """One printable line."""
        size = (
            f"{len(self.labels):,} utterances, source {self.source.shape[1]:,}, target {self.target.shape[1]:,} values"
        )
        said = f"{len(self.label_names)} labels, {len(self.unseen)} of them unseen, {len(self.speaker_names)} speakers"
        return "; ".join((f"{self.name}: {size}; {said}", *self.notes))


def from_utterances(utterances: Utterances, blur: float = 0.0) -> ParallelCorpus:
    """Speech to lips; U to Z are unseen. Rows are flattened frames.

    Args:
        utterances: what to take.
        blur: deviation in pixels of a Gaussian over each lip frame, which forgives small shifts; 0: none.
    """
    count = len(utterances)
    lips = utterances.lips
    if blur:
        lips = ndimage.gaussian_filter(lips, (0, 0, blur, blur), mode="nearest")
    return _parallel(
        utterances.name,
        utterances.speech.reshape(count, -1),
        lips.reshape(count, -1),
        (utterances.letters, LETTERS),
        (utterances.speakers, utterances.speaker_names),
        [int(k) for k in UNSEEN],
        (utterances.speech.shape[1], utterances.stored_lips.shape[1]),
        utterances.notes,
    )


def load_folder(folder: Path) -> ParallelCorpus:
    """Read a corpus in the layout above; labels and speakers are numbered by sorted name.

    Raises:
        DataError: a file is missing, damaged, too large, pickled, or not as long as the others; a label is unseen
            but nowhere said; seen or unseen labels are fewer than two.
    """
    (source, a), (target, v) = (_read_array(folder / f"{name}.npy") for name in ("source", "target"))
    lines = _read_names(folder / "labels.csv")
    if not lines or lines[0] != ["label", "speaker"] or any(len(line) != 2 for line in lines):
        raise DataError(f"{folder / 'labels.csv'}: no lines 'label,speaker' under such a header; {_LAYOUT}")
    if not len(source) == len(target) == len(lines) - 1:
        counts = f"{len(source)} source rows, {len(target)} target rows, {len(lines) - 1} labels"
        raise DataError(f"{folder}: {counts}; expected as many of each")
    labels, speakers = (_number([line[k] for line in lines[1:]]) for k in (0, 1))
    names = [line[0] for line in _read_names(folder / "unseen.txt")]
    if absent := sorted(set(names) - set(labels[1])):
        raise DataError(f"{folder / 'unseen.txt'}: no row of labels.csv has the label {absent[0]!r}")
    unseen = sorted(labels[1].index(name) for name in set(names))
    if min(len(unseen), len(labels[1]) - len(unseen)) < 2:
        raise DataError(
            f"{folder}: {len(labels[1])} labels, {len(unseen)} of them unseen; expected two of each or more"
        )
    return _parallel(folder.name, source, target, labels, speakers, unseen, (a, v) if a and v else (0, 0))


def _parallel(
    name: str,
    source: NDArray[np.float32],
    target: NDArray[np.float32],
    labels: tuple[Labels, Sequence[str]],
    speakers: tuple[Labels, Sequence[str]],
    unseen: Sequence[int],
    frames: tuple[int, int] = (0, 0),
    notes: tuple[str, ...] = (),
) -> ParallelCorpus:
    arrays: list[NDArray[Any]] = [source, target, labels[0], speakers[0]]
    for array in arrays:
        array.setflags(write=False)
    fingerprint = hash_arrays([*arrays, np.array(unseen)])
    said, people = tuple(labels[1]), tuple(speakers[1])
    return ParallelCorpus(
        name, source, target, labels[0], speakers[0], tuple(unseen), said, people, fingerprint, frames, notes
    )


def _read_array(path: Path) -> tuple[NDArray[np.float32], int]:
    """Flattened rows, and the number of frames of each; 0 where a row is flat."""
    try:
        with open_regular(path) as file:
            refuse_pointer(path, file.read(256))
            if os.fstat(file.fileno()).st_size > MOST_BYTES:
                raise DataError(f"{path}: larger than {MOST_BYTES >> 30} GiB")
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as e:
        raise DataError(f"{path}: cannot be read ({e.strerror or e}); {_LAYOUT}") from None
    except (ValueError, EOFError) as e:
        raise DataError(f"{path}: no array of numbers ({e}); {_LAYOUT}") from None
    if not isinstance(values, np.ndarray) or values.ndim < 2 or values.dtype.kind not in "uif" or not values.size:
        raise DataError(f"{path}: expected an array of numbers, a row for each utterance; {_LAYOUT}")
    rows = np.array(values, np.float32).reshape(len(values), -1)
    if not np.isfinite(rows).all():
        raise DataError(f"{path}: row {int(np.argmin(np.isfinite(rows).all(1)))} has values that are not finite")
    return rows, values.shape[1] if values.ndim > 2 else 0


def _read_names(path: Path) -> list[list[str]]:
    try:
        text = read_regular(path, MOST_TEXT, _LAYOUT).decode("utf-8")
    except UnicodeDecodeError:
        raise DataError(f"{path}: no UTF-8 text; {_LAYOUT}") from None
    try:
        return [[word.strip() for word in line] for line in csv.reader(text.splitlines(), strict=True) if line]
    except csv.Error as e:
        raise DataError(f"{path}: no lines of names ({e}); {_LAYOUT}") from None


def _number(names: Sequence[str]) -> tuple[Labels, list[str]]:
    known, numbers = np.unique(np.array(names, np.str_), return_inverse=True)
    return numbers.astype(np.int64), known.tolist()

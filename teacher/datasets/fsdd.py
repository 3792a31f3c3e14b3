"""Free Spoken Digit Dataset: `{digit}_{speaker}_{index}`, official split by index or one speaker held out."""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sensors.errors import DataError
from teacher.datasets.cache import cached
from teacher.datasets.clips import files_key, prepare_files
from teacher.datasets.samples import Labels, Samples, make_samples

NAME = re.compile(r"(?P<digit>\d)_(?P<speaker>[A-Za-z]+)_(?P<index>\d+)\.(?:wav|flac)")
TEST_INDICES = 5
"""Recordings 0…4 of each speaker and digit are the official test set."""
FOLDERS = ("fsdd/recordings", "recordings", ".")
_FIX = "get it with --download, or name the directory that holds fsdd/recordings with --data DIR"


def find(root: Path | None) -> Path | None:
    """The folder with recordings: `root/fsdd/recordings`, `root/recordings` or `root`, else None."""
    for name in FOLDERS if root else ():
        folder = root / name if root else Path()
        if folder.is_dir() and any(NAME.fullmatch(p.name) for p in folder.iterdir()):
            return folder
    return None


def missing(root: Path | None) -> str:
    """What `find` looked for, and the fix, in one line."""
    where = f"under {root}" if root else "(no data directory given)"
    return f"fsdd: fsdd/recordings/0_*_0.wav (or .flac) not found {where}; {_FIX}"


def load(root: Path | None, held_out: str = "") -> Samples:
    """Load the recordings as log-mel samples; index 0…4 test, the rest training.

    Args:
        root: directory with datasets.
        held_out: a speaker: all recordings of that one are test, all of the others training.

    Raises:
        DataError: no recordings, no such speaker, a digit without training or test recordings, or no usable one.
    """
    folder = find(root)
    if folder is None:
        raise DataError(missing(root))
    paths, labels, test = scan(folder, held_out)

    def prepare() -> Samples:
        clips = prepare_files(paths)
        digits, tests = labels[clips.kept], test[clips.kept]
        _check_split(folder, digits, tests, held_out, clips.report.line)
        speakers = len({_speaker(p) for p in paths})
        split = f"official split by index (0…4 test), the same {speakers} speakers in both"
        if held_out:
            split = f"split by speaker, {held_out} tests, the other {speakers - 1} train"
        return make_samples(
            "fsdd",
            (clips.audio[~tests], digits[~tests]),
            (clips.audio[tests], digits[tests]),
            split,
            notes=(*filter(None, [clips.report.line]), *clips.notes),
        )

    return cached("fsdd", files_key(paths) + f".{held_out}" * bool(held_out), prepare)


def scan(folder: Path, held_out: str = "") -> tuple[list[Path], Labels, NDArray[np.bool_]]:
    """Recordings in the order of their names, their labels, and which are test.

    Raises:
        DataError: no recording is by `held_out`, or a digit has no training or no test recording.
    """
    matches = [(p, m) for p in sorted(folder.iterdir()) if (m := NAME.fullmatch(p.name))]
    labels = np.array([int(m["digit"]) for _, m in matches], np.int64)
    if held_out:
        speakers = sorted({m["speaker"] for _, m in matches})
        if held_out not in speakers:
            raise DataError(f"{folder}: no speaker {held_out!r} to hold out; there are {', '.join(speakers)}")
        test = np.array([m["speaker"] == held_out for _, m in matches], np.bool_)
    else:
        test = np.array([int(m["index"]) < TEST_INDICES for _, m in matches], np.bool_)
    _check_split(folder, labels, test, held_out)
    return [p for p, _ in matches], labels, test


def _check_split(folder: Path, labels: Labels, test: NDArray[np.bool_], held_out: str, left_out: str = "") -> None:
    names = ("training (index 5…49)", "test (index 0…4)")
    if held_out:
        names = (f"training (all but {held_out}'s)", f"test ({held_out}'s)")
    for part, chosen in zip(names, (~test, test), strict=True):
        if absent := sorted(set(range(10)) - set(labels[chosen].tolist())):
            why = f" ({left_out})" if left_out else ""
            raise DataError(f"{folder}: no {part} recording of digit {absent[0]}{why}; {_FIX}")


def _speaker(path: Path) -> str:
    return path.name.split("_")[1]

"""Free Spoken Digit Dataset: `{digit}_{speaker}_{index}`, official split by index or one speaker held out.

A speaker may have any name: the digit before it and the index behind it are told apart even where it has underscores.
"""

import dataclasses
import hashlib
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sensors.core.errors import DataError
from teacher.datasets.core.report import LoadReport
from teacher.datasets.core.samples import Labels, Samples, make_samples
from teacher.datasets.preparation.cache import cached
from teacher.datasets.preparation.clips import files_key, prepare_files
from teacher.datasets.preparation.folders import Listing, Match, list_folder, locate
from teacher.datasets.readers.recordings import sort_out

NAME = re.compile(r"(?P<digit>[0-9])_(?P<speaker>.+)_(?P<index>[0-9]+)\.(?:wav|flac)", re.IGNORECASE)
FORM = "<digit>_<speaker>_<n>"
TEST_INDICES = 5
"""Recordings 0…4 of each speaker and digit are the official test set."""
FOLDERS = ("fsdd/recordings", "recordings", ".")
_ITS_OWN = re.compile(r"recordings|.*fsdd.*|.*spoken.?digit.*", re.IGNORECASE)
"""Folders below the root in which it is sought: other sets have names of the same form."""
_FIX = "get it with --download, or name the directory that holds fsdd/recordings with --data DIR"


def find(root: Path | None) -> Path | None:
    """The folder with recordings: `root/fsdd/recordings`, `root/recordings`, `root` or one below, else None.

    Raises:
        DataError: one of the first three cannot be read.
    """
    match = where(root)
    return match.place if match is not None else None


def where(root: Path | None) -> Match[Listing] | None:
    """As `find`, with what is in the folder and a note on its place."""

    def usual(root: Path) -> Iterator[Match[Listing]]:
        for here in filter(None, (list_folder(root / name) for name in FOLDERS)):
            if any(map(NAME.fullmatch, here.files)):
                yield Match(here.path, here)

    def look(here: Listing) -> Iterator[Match[Listing]]:
        if _ITS_OWN.fullmatch(here.path.name):
            digits = {m["digit"] for name in here.files if (m := NAME.fullmatch(name))}
            if len(digits) == 10:
                yield Match(here.path, here)

    return locate(root, usual, look)


def missing(root: Path | None) -> str:
    """What `find` looked for, and the fix, in one line."""
    where = f"under {root}{unused(root)}" if root else "(no data directory given)"
    return f"fsdd: fsdd/recordings/0_*_0.wav (or .flac) not found {where}; {_FIX}"


def unused(root: Path) -> str:
    """In brackets, which sound files a folder `recordings` holds none of which is named as FSDD's; may be empty."""
    for name in FOLDERS[:-1]:
        here = list_folder(root / name)
        taken, left = sort_out(here.files if here else (), NAME, FORM)
        if left and not taken:
            return f" ({name}: {LoadReport.of(0, left).line})"
    return ""


def load(root: Path | None, held_out: str = "") -> Samples:
    """Load the recordings as log-mel samples; index 0…4 test, the rest training.

    Args:
        root: directory with datasets.
        held_out: a speaker: all recordings of that one are test, all of the others training.

    Raises:
        DataError: no recordings, no such speaker, a digit without training or test recordings, or no usable one.
    """
    match = where(root)
    if match is None:
        raise DataError(missing(root))
    folder = match.place
    paths, labels, test = scan(folder, held_out)

    def prepare() -> Samples:
        clips = prepare_files(paths)
        digits, tests = labels[clips.kept], test[clips.kept]
        _check_split(folder, digits, tests, held_out, clips.report.line)
        speakers = len({_speaker(p.name) for p in paths})
        split = f"official split by index (0…4 test), the same {speakers} speakers in both"
        if held_out:
            split = f"split by speaker, {held_out} tests, the other {speakers - 1} train"
        return make_samples(
            "fsdd",
            (clips.audio[~tests], digits[~tests]),
            (clips.audio[tests], digits[tests]),
            split,
            notes=clips.notes,
            report=clips.report,
        )

    samples = cached("fsdd", files_key(paths) + _suffix(held_out), prepare, "audio")
    # What is left out by name is no part of the entry's key.
    _, left = sort_out(match.value.files, NAME, FORM)
    report = LoadReport.of(len(paths), left).after(samples.report)
    return dataclasses.replace(samples, report=report).noted(*filter(None, [match.note]))


def scan(folder: Path, held_out: str = "") -> tuple[list[Path], Labels, NDArray[np.bool_]]:
    """Recordings in the order of their names, their labels, and which are test.

    Raises:
        DataError: no recording is by `held_out`, or a digit has no training or no test recording.
    """
    here = list_folder(folder)
    matches, left = sort_out(here.files if here is not None else (), NAME, FORM)
    labels = np.array([int(m["digit"]) for m in matches], np.int64)
    if held_out:
        spoken = [_speaker(m.string) for m in matches]
        if _plain(held_out) not in spoken:
            known = ", ".join(sorted(set(spoken)))
            raise DataError(f"{folder}: no speaker {held_out!r} to hold out; there are {known}")
        test = np.array([speaker == _plain(held_out) for speaker in spoken], np.bool_)
    else:
        test = np.array([int(m["index"]) < TEST_INDICES for m in matches], np.bool_)
    _check_split(folder, labels, test, held_out, LoadReport.of(len(matches), left).line)
    return [folder / m.string for m in matches], labels, test


def _check_split(folder: Path, labels: Labels, test: NDArray[np.bool_], held_out: str, left_out: str = "") -> None:
    names = ("training (index 5…49)", "test (index 0…4)")
    if held_out:
        names = (f"training (all but {held_out}'s)", f"test ({held_out}'s)")
    for part, chosen in zip(names, (~test, test), strict=True):
        if absent := sorted(set(range(10)) - set(labels[chosen].tolist())):
            why = f" ({left_out})" if left_out else ""
            raise DataError(f"{folder}: no {part} recording of digit {absent[0]}{why}; {_FIX}")


def _suffix(held_out: str) -> str:
    """What tells apart the cache's entries of one folder: no speaker's may begin with another's and a dash."""
    if not held_out or (held_out.isascii() and held_out.isalpha()):
        return f".{held_out}" * bool(held_out)
    return "." + hashlib.blake2b(_plain(held_out).encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


def _speaker(name: str) -> str:
    match = NAME.fullmatch(name)
    return _plain(match["speaker"] if match else name)


def _plain(speaker: str) -> str:
    """A name as it is compared: some systems write an umlaut as one character, others as two."""
    return unicodedata.normalize("NFC", speaker)

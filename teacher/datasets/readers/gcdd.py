"""Google Commands Digit Dataset: the spoken digits of Speech Commands v0.01, from a folder or the archive.

A recording is named `<speaker>_nohash_<n>`. The paper trains on the first 2,000 names of each digit in sorted
order, which may put a speaker into both parts. That needs the whole set; where less of it is there, or where it is
asked for, speakers are kept apart instead.
"""

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sensors.core.errors import DataError
from teacher.config import CONCEPTS
from teacher.datasets.core.report import LoadReport
from teacher.datasets.core.samples import Samples, make_samples
from teacher.datasets.preparation.cache import cached
from teacher.datasets.preparation.clips import Prepared, files_key, prepare_files, prepare_recordings
from teacher.datasets.readers.gcdd_files import (
    FIX,
    VERSIONS,
    ArchiveReader,
    RecordingFiles,
    archive_key,
    check_words,
    find,
    missing,
    speaker_of,
    unused,
    version_of,
)

__all__ = ["RecordingFiles", "find", "load", "missing", "split_names", "unused"]

PAPER_TRAIN = 2_000
"""Names of each digit that the paper trains on."""
TEST_PERCENT = 15
"""Speakers in a hundred that the split by speaker tests on."""


def load(root: Path | None, by_speaker: bool = False) -> Samples:
    """Load whatever digits are there as log-mel samples.

    Args:
        root: directory with the set.
        by_speaker: keep speakers apart even where the whole set is there, in place of the paper's split.

    Raises:
        DataError: nothing found, a damaged archive, or too little for a split.
    """
    found = find(root)
    if found is None:
        raise DataError(missing(root))
    suffix = ".by_speaker" * by_speaker
    if found.archive:
        samples = cached(
            "gcdd", archive_key(found.place) + suffix, lambda: _read_archive(found.place, by_speaker), "audio"
        )
        return samples.noted(*filter(None, [found.note]))
    words = [w for w in CONCEPTS for _ in found.files[w]]
    paths = [p for w in CONCEPTS for p in found.files[w]]
    names = [p.stem for p in paths]
    by_name = LoadReport.of(len(paths), found.left)
    found.check()

    def prepare() -> Samples:
        return _prepare(found.place, words, names, prepare_files(paths), by_speaker)

    samples = cached("gcdd", files_key(paths) + suffix, prepare, "audio")
    # What is left out by name is no part of the entry's key.
    samples = dataclasses.replace(samples, report=by_name.after(samples.report))
    return samples.noted(*filter(None, [found.note]))


def split_names(words: Sequence[str], names: Sequence[str], by_speaker: bool = False) -> tuple[NDArray[np.bool_], str]:
    """Tell test recordings from training recordings by their names.

    Args:
        words: digit word of each recording.
        names: `<speaker>_nohash_<n>` of each, in any order.
        by_speaker: never the paper's split.

    Returns:
        (N,) mask of the test recordings, and the split in one sentence.
    """
    by_word: dict[str, list[int]] = {}
    for i in sorted(range(len(names)), key=lambda i: names[i]):
        by_word.setdefault(words[i], []).append(i)
    test = np.zeros(len(names), np.bool_)
    whole = set(by_word) == set(CONCEPTS) and min(map(len, by_word.values())) > PAPER_TRAIN
    if whole and not by_speaker:
        for indices in by_word.values():
            test[indices[PAPER_TRAIN:]] = True
        return test, f"{_split_as(words)}, first {PAPER_TRAIN:,} names of each digit train"
    for i, name in enumerate(names):
        test[i] = _speaker_percent(name) < TEST_PERCENT
    reason = "" if whole else f" (a digit has {PAPER_TRAIN:,} recordings or fewer)"
    return test, f"split by speaker, {TEST_PERCENT} % of them test, none in both{reason}"


def _split_as(words: Sequence[str]) -> str:
    version, whole = version_of(_counts(words))
    if whole and version == "v0.01":
        return "the paper's split"
    kind = version if whole else "another set"
    return f"split as in the paper, but of {kind} ({len(words):,} recordings, the paper's has {_size('v0.01'):,})"


def _prepare(place: Path, words: Sequence[str], names: Sequence[str], clips: Prepared, by_speaker: bool) -> Samples:
    # Which part a recording is in does not depend on what becomes of others.
    test, split = split_names(words, names, by_speaker)
    test = test[clips.kept]
    version, whole = version_of(_counts(words))
    notes = [*clips.notes]
    if version and not whole:
        notes.append(f"{len(words):,} of {version}'s {_size(version):,} recordings of digits")
    if test.all() or not test.any():
        few = "; ".join(
            (
                f"{len(test)} recordings are too few for a split by speaker",
                *filter(None, (clips.report.line, *clips.notes)),
            )
        )
        raise DataError(f"gcdd: {few}; {FIX}")
    check_words(place, sorted({word for word, kept in zip(words, clips.kept, strict=True) if kept}), clips.report)
    labels = np.array([CONCEPTS.index(w) for w in words], np.int64)[clips.kept]
    audio = clips.audio
    for part, chosen in (("training", ~test), ("test", test)):
        counts = np.bincount(labels[chosen], minlength=len(CONCEPTS))
        if part == "training" and not counts.all():
            raise DataError(f"{place}: no training recording of {CONCEPTS[int(counts.argmin())]}; {FIX}")
        if counts.max() > 2 * counts.min():
            notes.append(f"{part} is uneven: " + ", ".join(f"{w} {n}" for w, n in zip(CONCEPTS, counts, strict=True)))
    parts = (audio[~test], labels[~test]), (audio[test], labels[test])
    return make_samples("gcdd", *parts, split, notes=tuple(notes), report=clips.report)


def _counts(words: Sequence[str]) -> list[int]:
    counted = Counter(words)
    return [counted[word] for word in CONCEPTS]


def _size(version: str) -> int:
    return sum(VERSIONS[version])


def _speaker_percent(name: str) -> int:
    speaker = speaker_of(name).encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.blake2b(speaker, digest_size=8).digest(), "big") % 100


def _read_archive(path: Path, by_speaker: bool) -> Samples:
    reader = ArchiveReader(path)
    clips = prepare_recordings(reader.recordings())
    if not reader.names:
        raise DataError(f"{path}: holds no digit recordings; {FIX}")
    by_name = LoadReport.of(len(reader.names), reader.left)
    check_words(path, sorted(set(reader.words)), by_name)
    samples = _prepare(path, reader.words, reader.names, clips, by_speaker)
    return dataclasses.replace(samples, report=by_name.after(samples.report))

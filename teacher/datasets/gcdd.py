"""Google Commands Digit Dataset: the spoken digits of Speech Commands v0.01, from a folder or the archive.

A recording is named `<speaker>_nohash_<n>`. The paper trains on the first 2,000 names of each digit in sorted
order, which may put a speaker into both parts. That needs the whole set; where less of it is there, or where it is
asked for, speakers are kept apart instead.
"""

import hashlib
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sensors.errors import DataError
from teacher.config import CONCEPTS
from teacher.datasets.cache import cached
from teacher.datasets.clips import Prepared, files_key, prepare_files, prepare_recordings
from teacher.datasets.samples import Samples, make_samples

ARCHIVE = "speech_commands_v0.01.tar.gz"
PAPER_TRAIN = 2_000
"""Names of each digit that the paper trains on."""
TEST_PERCENT = 15
"""Speakers in a hundred that the split by speaker tests on."""
ENOUGH = 200
"""Recordings of every digit from which `auto` takes this set."""
MAX_CLIP_BYTES = 4 << 20
_NAME = re.compile(r"(?P<stem>[0-9a-f]+_nohash_\d+)\.(?:wav|flac)")
_MEMBER = re.compile(r"(?:.*/)?(?P<word>[a-z]+)/(?P<file>[^/]+)")
_FIX = f"get it with --download, or name the directory that holds speech_commands or {ARCHIVE} with --data DIR"


@dataclass(frozen=True)
class Found:
    """Where the recordings are: a folder of word folders, or the archive; and the names of each digit."""

    place: Path
    files: Mapping[str, Sequence[Path]]

    @property
    def archive(self) -> bool:
        """The place is the archive, whose names are known only once it is read."""
        return not self.files

    @property
    def enough(self) -> bool:
        """Every digit has at least `ENOUGH` recordings (the archive is taken to be whole)."""
        return self.archive or min(len(self.files[w]) for w in CONCEPTS) >= ENOUGH

    @property
    def counts(self) -> str:
        """Recordings of each digit, printable."""
        return ", ".join(f"{w} {len(self.files.get(w, ()))}" for w in CONCEPTS)


def find(root: Path | None) -> Found | None:
    """Word folders under `root/speech_commands` or `root`, else the archive there, else None."""
    if root is None:
        return None
    places = (root / "speech_commands", root)
    for place in places:
        files = {w: _recordings(place / w) for w in CONCEPTS}
        if any(files.values()):
            return Found(place, files)
    return next((Found(p / ARCHIVE, {}) for p in places if (p / ARCHIVE).is_file()), None)


def missing(root: Path | None) -> str:
    """What `find` looked for, and the fix, in one line."""
    where = f"under {root}" if root else "(no data directory given)"
    return f"gcdd: speech_commands/zero/*.wav or {ARCHIVE} not found {where}; {_FIX}"


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
        key = _archive_key(found.place) + suffix
        return cached("gcdd", key, lambda: _prepare(*_read_archive(found.place), by_speaker))
    words = [w for w in CONCEPTS for _ in found.files[w]]
    paths = [p for w in CONCEPTS for p in found.files[w]]

    def prepare() -> Samples:
        return _prepare(words, [p.stem for p in paths], prepare_files(paths), by_speaker)

    return cached("gcdd", files_key(paths) + suffix, prepare)


def split_names(words: Sequence[str], names: Sequence[str], by_speaker: bool = False) -> tuple[NDArray[np.bool_], str]:
    """Tell test recordings from training by their names alone.

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
        return test, f"the paper's split, first {PAPER_TRAIN:,} names of each digit train"
    for i, name in enumerate(names):
        test[i] = _speaker_percent(name) < TEST_PERCENT
    reason = "" if whole else f" (a digit has {PAPER_TRAIN:,} recordings or fewer)"
    return test, f"split by speaker, {TEST_PERCENT} % of them test, none in both{reason}"


def _prepare(words: Sequence[str], names: Sequence[str], clips: Prepared, by_speaker: bool) -> Samples:
    # Which part a recording is in does not depend on what becomes of others.
    test, split = split_names(words, names, by_speaker)
    test = test[clips.kept]
    notes = [*filter(None, [clips.report.line]), *clips.notes]
    if test.all() or not test.any():
        few = "; ".join((f"{len(test)} recordings are too few for a split by speaker", *notes))
        raise DataError(f"gcdd: {few}; {_FIX}")
    labels = np.array([CONCEPTS.index(w) for w in words], np.int64)[clips.kept]
    audio = clips.audio
    for part, chosen in (("training", ~test), ("test", test)):
        counts = np.bincount(labels[chosen], minlength=len(CONCEPTS))
        if counts.max() > 2 * counts.min():
            notes.append(f"{part} is uneven: " + ", ".join(f"{w} {n}" for w, n in zip(CONCEPTS, counts, strict=True)))
    return make_samples("gcdd", (audio[~test], labels[~test]), (audio[test], labels[test]), split, notes=tuple(notes))


def _speaker_percent(name: str) -> int:
    speaker = name.split("_nohash_")[0]
    return int.from_bytes(hashlib.blake2b(speaker.encode(), digest_size=8).digest(), "big") % 100


def _recordings(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if _NAME.fullmatch(p.name)) if folder.is_dir() else []


def _archive_key(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    try:
        with path.open("rb") as f:
            while block := f.read(1 << 20):
                digest.update(block)
    except OSError as e:
        raise DataError(f"{path}: cannot be read ({e.strerror}); check its permissions") from None
    return digest.hexdigest()


def _read_archive(path: Path) -> tuple[list[str], list[str], Prepared]:
    words: list[str] = []
    names: list[str] = []

    def recordings() -> Iterator[tuple[str, bytes]]:
        with tarfile.open(path, "r|gz") as archive:
            for member in archive:
                place = _MEMBER.fullmatch(member.name)
                name = _NAME.fullmatch(place["file"]) if place else None
                if not member.isfile() or place is None or name is None or place["word"] not in CONCEPTS:
                    continue
                stream = archive.extractfile(member)
                if member.size > MAX_CLIP_BYTES or stream is None:
                    raise DataError(f"{path}: {member.name} has {member.size:,} bytes, no short clip; {_FIX}")
                words.append(place["word"])
                names.append(name["stem"])
                yield f"{place['word']}/{place['file']}", stream.read()

    try:
        clips = prepare_recordings(recordings())
    except (tarfile.TarError, EOFError, zlib.error, OSError) as e:
        raise DataError(f"{path}: damaged archive ({e}); {_FIX}") from None
    if not names:
        raise DataError(f"{path}: holds no digit recordings; {_FIX}")
    return words, names, clips

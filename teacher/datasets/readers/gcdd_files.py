"""Where the recordings of Speech Commands are: a folder of word folders, or an archive; v0.01, v0.02 or a part."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sensors.core.errors import DataError
from sensors.system.files import open_regular, refuse_pointer
from teacher.config import CONCEPTS
from teacher.datasets.core.report import LoadReport
from teacher.datasets.preparation.archives import read_members
from teacher.datasets.preparation.folders import Listing, Match, list_folder, locate
from teacher.datasets.readers.recordings import sort_out

FORM = "<speaker>_nohash_<n>"
PACKED = (".tar.gz", ".tar", ".tgz")
ARCHIVES = tuple(f"speech_commands_{version}{end}" for version in ("v0.01", "v0.02") for end in PACKED)
VERSIONS: Mapping[str, Sequence[int]] = {
    "v0.01": (2376, 2370, 2373, 2356, 2372, 2357, 2369, 2377, 2352, 2364),
    "v0.02": (4052, 3890, 3880, 3727, 3728, 4052, 3860, 3998, 3787, 3934),
}
"""Recordings of each digit, zero to nine, in the versions of the set."""
ENOUGH = 200
"""Recordings of every digit from which `auto` takes this set."""
MAX_CLIP_BYTES = 4 << 20
FIX = f"get it with --download, or name the directory that holds speech_commands or {ARCHIVES[0]} with --data DIR"
_NAME = re.compile(r"(?P<stem>(?P<speaker>.+)_nohash_[0-9]+)\.(?:wav|flac)", re.IGNORECASE)
_STEM = re.compile(r"(?P<speaker>.+)_nohash_[0-9]+", re.IGNORECASE)
_MEMBER = re.compile(r"(?:.*/)?(?P<word>[a-z]+)/(?P<file>[^/]+)", re.IGNORECASE)


@dataclass(frozen=True)
class RecordingFiles:
    """Where the recordings are.

    Attributes:
        place: the folder of word folders, or the archive.
        files: recordings of each digit, by its word; empty of an archive, whose names are known once it is read.
        left: name and reason of what is left out by its name.
        note: a phrase on the place, for the summary; may be empty.
    """

    place: Path
    files: Mapping[str, Sequence[Path]]
    left: tuple[tuple[str, str], ...] = ()
    note: str = ""

    @property
    def archive(self) -> bool:
        """The place is an archive."""
        return not self.files

    @property
    def has_all_digits(self) -> bool:
        """Every digit has a recording (an archive is taken to be whole)."""
        return self.archive or all(self.files[word] for word in CONCEPTS)

    @property
    def enough(self) -> bool:
        """Every digit has at least `ENOUGH` recordings (an archive is taken to be whole)."""
        return self.archive or min(len(self.files[w]) for w in CONCEPTS) >= ENOUGH

    @property
    def counts(self) -> str:
        """Recordings of each digit, printable."""
        return ", ".join(f"{w} {len(self.files.get(w, ()))}" for w in CONCEPTS)

    def check(self) -> None:
        """Refuse a folder that lacks a digit; an archive is checked once it is read.

        Raises:
            DataError: a digit has no recording.
        """
        if not self.archive:
            words = [word for word, paths in self.files.items() if paths]
            check_words(self.place, words, LoadReport.of(sum(map(len, self.files.values())), self.left))


def check_words(place: Path, words: Sequence[str], report: LoadReport) -> None:
    """Refuse to train on some of the digits as if they were all.

    Args:
        place: of the recordings.
        words: the digits of which there are any.
        report: what was left out.

    Raises:
        DataError: a digit is not among them.
    """
    if absent := [word for word in CONCEPTS if word not in words]:
        why = f" ({report.line})" if report.left else ""
        raise DataError(
            f"gcdd: {place}: no recordings of {', '.join(absent)}{why}; add them, or choose other speech with --speech"
        )


def find(root: Path | None) -> RecordingFiles | None:
    """Where the set is, else None.

    In this order: word folders of all digits in `root/speech_commands` and in `root`; the archive of v0.01 there; word
    folders there that lack a digit, as an interrupted unpacking leaves them; word folders below; other archives there
    and below.

    Raises:
        DataError: `root`, `root/speech_commands` or a word folder there cannot be read.
    """

    def usual(root: Path) -> Iterator[Match[RecordingFiles]]:
        places = [here for p in (root / "speech_commands", root) if (here := list_folder(p)) is not None]
        for here in places:
            yield from (match for match in _words(here) if match.value.has_all_digits)
        for here in places:
            yield from _archives(here, ARCHIVES[:1])
        for here in places:
            yield from _words(here)

    def nowhere(root: Path) -> Iterable[Match[RecordingFiles]]:
        return ()

    match = locate(root, usual, _words) or locate(root, nowhere, _archives)
    return replace(match.value, note=match.note) if match is not None else None


def missing(root: Path | None) -> str:
    """What `find` looked for, and the fix, in one line."""
    where = f"under {root}{unused(root)}" if root else "(no data directory given)"
    return f"gcdd: speech_commands/zero/*.wav or {ARCHIVES[0]} not found {where}; {FIX}"


def unused(root: Path) -> str:
    """In brackets, which sound files are in word folders none of which is named as the set's; may be empty."""
    for here in filter(None, (list_folder(root / "speech_commands"), list_folder(root))):
        _, left = _sorted_words(here)
        if left:
            return f" ({here.path.name}: {LoadReport.of(0, left).line})"
    return ""


def version_of(counts: Sequence[int]) -> tuple[str, bool]:
    """Which version of the set a part belongs to, by the recordings of each digit, and whether it is the whole."""
    for version, whole in VERSIONS.items():
        if all(n <= most for n, most in zip(counts, whole, strict=True)):
            return version, tuple(counts) == tuple(whole)
    return "", False


def speaker_of(stem: str) -> str:
    """The speaker of a recording, by its name without the ending: the same in any capitals and spelling of umlauts."""
    match = _STEM.fullmatch(stem)
    return unicodedata.normalize("NFC", match["speaker"] if match else stem).casefold()


def archive_key(path: Path) -> str:
    """Hash of an archive's content, 32 hex digits.

    Raises:
        DataError: it cannot be read.
    """
    digest = hashlib.blake2b(digest_size=16)
    try:
        with open_regular(path) as file:
            refuse_pointer(path, file.read(256))
            file.seek(0)
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the disk, or copy it anew") from None
    return digest.hexdigest()


class ArchiveReader:
    """Reads an archive's recordings of digits once.

    Attributes:
        words: of the recordings read so far.
        names: of the recordings read so far, without the ending.
        left: name and reason of what is left out by its name.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.words: list[str] = []
        self.names: list[str] = []
        self.left: list[tuple[str, str]] = []

    def recordings(self) -> Iterator[tuple[str, bytes]]:
        """Name and content of each recording, in the archive's order.

        Raises:
            DataError: the archive is damaged, which may be known only at its end.
        """
        for member, data in read_members(self._path, MAX_CLIP_BYTES, self._wanted, FIX):
            place = _MEMBER.fullmatch(member)
            name = _NAME.fullmatch(place["file"]) if place is not None else None
            if place is not None and name is not None:
                self.words.append(place["word"].lower())
                self.names.append(name["stem"])
                yield f"{place['word']}/{place['file']}", data

    def _wanted(self, member: str) -> bool:
        place = _MEMBER.fullmatch(member)
        if place is None or place["word"].lower() not in CONCEPTS:
            return False
        taken, left = sort_out([place["file"]], _NAME, FORM)
        self.left += [(f"{place['word']}/{name}", reason) for name, reason in left]
        return bool(taken)


def _words(here: Listing) -> Iterator[Match[RecordingFiles]]:
    files, left = _sorted_words(here)
    if any(files.values()):
        yield Match(here.path, RecordingFiles(here.path, files, tuple(left)))


def _sorted_words(here: Listing) -> tuple[dict[str, list[Path]], list[tuple[str, str]]]:
    files: dict[str, list[Path]] = {}
    left: list[tuple[str, str]] = []
    for word in CONCEPTS:
        files[word] = []
        # As spelled first; folders in other capitals are of the same word.
        for name in sorted((n for n in here.folders if n.lower() == word), key=lambda n: (n != word, n)):
            folder = list_folder(here.path / name)
            taken, others = sort_out(folder.files if folder is not None else (), _NAME, FORM)
            files[word] += [here.path / name / match.string for match in taken]
            left += [(f"{name}/{other}", reason) for other, reason in others]
    return files, left


def _archives(here: Listing, names: Sequence[str] = ARCHIVES) -> Iterator[Match[RecordingFiles]]:
    if (path := here.file(*names)) is not None:
        yield Match(path, RecordingFiles(path, {}))

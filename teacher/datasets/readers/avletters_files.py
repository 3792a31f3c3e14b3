"""Where AV-Letters is, and which files are its utterances."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sensors.core.errors import DataError
from teacher.datasets.core.report import LoadReport
from teacher.datasets.preparation.folders import Listing, Match, list_folder, locate

FOLDERS = ("avletters", ".")
LIPS_FOLDER, SPEECH_FOLDER = Path("Lips"), Path("Audio/mfcc/Clean")
NAME = re.compile(r"(?P<letter>[A-Z])(?P<repetition>[1-9])_(?P<speaker>.+)", re.IGNORECASE)
"""An utterance's name, without the ending of its two files."""
FIX = "put the original distribution there, with Lips/ and Audio/mfcc/Clean/, and name its folder with --data DIR"


@dataclass(frozen=True)
class Corpus:
    """The files of the corpus.

    Attributes:
        lips: the film of each utterance, by its name such as 'A1_Anya'.
        speech: the same of speech.
        left: name and reason of what is left out by its name.
        note: a phrase on the place, for the summary; may be empty.
    """

    lips: dict[str, Path]
    speech: dict[str, Path]
    left: tuple[tuple[str, str], ...] = ()
    note: str = ""


def find(root: Path | None) -> Path | None:
    """The folder of the corpus: `root/avletters`, `root` or one below, else None.

    Raises:
        DataError: one of the first two cannot be read.
    """
    match = _where(root)
    return match.place if match is not None else None


def _where(root: Path | None) -> Match[Listing] | None:
    def usual(root: Path) -> Iterator[Match[Listing]]:
        for here in filter(None, (list_folder(root / name) for name in FOLDERS)):
            if any(_within(here, path) for path in (LIPS_FOLDER, SPEECH_FOLDER)):
                yield Match(here.path, here)

    def look(here: Listing) -> Iterator[Match[Listing]]:
        if all(_within(here, path) for path in (LIPS_FOLDER, SPEECH_FOLDER)):
            yield Match(here.path, here)

    return locate(root, usual, look)


def _within(here: Listing, path: Path) -> Listing | None:
    """The folder `path` below `here`, in any capitals."""
    for part in path.parts:
        folder = here.folder(part)
        below = list_folder(folder) if folder is not None else None
        if below is None:
            return None
        here = below
    return here


def missing(root: Path | None) -> str:
    """What `find` looked for, and the fix, in one line."""
    where = f"under {root}" if root else "(no data directory given)"
    return f"avletters: avletters/Lips and avletters/Audio/mfcc/Clean not found {where}; {FIX}"


def corpus(root: Path | None) -> Corpus:
    """Names and places of all utterances; each has both files.

    Raises:
        DataError: no corpus, no utterance, or one without its lips or its speech.
    """
    match = _where(root)
    if match is None:
        raise DataError(missing(root))
    have: list[dict[str, Path]] = []
    left: list[tuple[str, str]] = []
    for place, end in ((LIPS_FOLDER, "-lips.mat"), (SPEECH_FOLDER, ".mfcc")):
        folder = _within(match.value, place)
        found: dict[str, Path] = {}
        for name in folder.files if folder is not None else ():
            if folder and name.lower().endswith(end) and NAME.fullmatch(name[: -len(end)]):
                found[name[: -len(end)]] = folder.path / name
            elif name.lower().endswith(end[-4:]) and not name.startswith("."):
                left.append((f"{place.name}/{name}", f"not named <letter><n>_<speaker>{end}"))
        have.append(found)
    lips, speech = have
    for name in sorted(lips.keys() ^ speech.keys())[:1]:
        path = match.place / (LIPS_FOLDER / f"{name}-lips.mat" if name in speech else SPEECH_FOLDER / f"{name}.mfcc")
        count = len(lips.keys() ^ speech.keys())
        raise DataError(f"{path}: missing, its partner is there ({count} without a partner); {FIX}")
    if not lips:
        why = f" ({LoadReport.of(0, left).line})" if left else ""
        raise DataError(f"{match.place}: no utterances such as Lips/A1_Anya-lips.mat{why}; {FIX}")
    return Corpus(lips, speech, tuple(left), match.note)

"""Which files a folder of things holds: by part, sense and concept folder, in an order that no disk decides.

A file may lie any number of folders below its concept's folder. Links are followed; one that leads back to a folder
above it is left out, as is all that is hidden or that its sense cannot read.
"""

import os
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sensors.core.errors import DataError
from teacher.datasets.preparation.folders import Listing, list_folder
from teacher.folder.layout import FILE, FOLDER, PARTS, Left, refused, some

DEPTH = 16
"""Most folders between a concept's folder and a file."""
LOOSE = "in no concept's folder"
"""Why a file is left out that lies beside the folders of concepts."""
MOST_FILES = 1_000_000
"""Most files of one folder of things."""


@dataclass(frozen=True)
class File:
    """One file of a concept.

    Attributes:
        path: where it is.
        name: its path from the concept's folder, in composed Unicode (NFC).
        part: 'train', 'val' or 'test', as the folder above says.
    """

    path: Path
    name: str
    part: str


@dataclass
class FolderContents:
    """What a folder of things holds.

    Attributes:
        files: sense -> folder of a concept, in composed Unicode -> its files, sorted by part and name.
        parts: those of `PARTS` that have a folder; empty where the senses lie at the top.
        left: all that was left out.
    """

    files: dict[str, dict[str, list[File]]] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    left: list[Left] = field(default_factory=list)


def composed(name: str) -> str:
    """A name in composed Unicode (NFC): some file systems keep 'é' as one character, others as two."""
    return unicodedata.normalize("NFC", name)


def scan(root: Path, endings: Mapping[str, tuple[str, ...]]) -> FolderContents:
    """List what can be taught.

    Args:
        root: the folder.
        endings: sense -> lower-case endings of the files that it reads, as in '.jpg'.

    Raises:
        DataError: the folder is not there or cannot be read, lies in no layout that is known, or holds more than a
            million files.
    """
    top = _top(root)
    parts = {part: name for name in reversed(top.folders) if (part := composed(name).casefold()) in PARTS}
    senses = [name for name in top.folders if composed(name).casefold() in endings]
    if parts and senses:
        raise refused(
            root, f"{some(senses)} beside {some(sorted(parts.values()))}, so what is to be taught is not clear"
        )
    if parts and "train" not in parts:
        raise refused(root, f"has {some(sorted(parts.values()))} and no train")
    found = FolderContents(parts=tuple(part for part in PARTS if part in parts))
    found.left += [Left(FOLDER, name, _why(name)) for name in top.folders if parts and name not in parts.values()]
    every = tuple(sorted({ending for some in endings.values() for ending in some}))
    found.left += [Left(FILE, name, LOOSE) for name in top.files if name.lower().endswith(every)]
    count = 0
    for part, listing in _parts(root, top, parts):
        for name in listing.folders:
            where = f"{parts[part]}/{name}" if parts else name
            sense = composed(name).casefold()
            if sense in endings:
                count += _sense(listing.path / name, where, sense, part, endings[sense], found)
            else:
                found.left.append(Left(FOLDER, where, _why(name)))
            if count > MOST_FILES:
                raise refused(root, f"holds more than {MOST_FILES:,} files", "name a smaller folder")
    if not found.files:
        there = [name for name in top.folders if not name.startswith(".")]
        raise refused(
            root,
            f"holds no folder of a sense ({', '.join(endings)})" + (f"; there are {some(there)}" if there else ""),
        )
    for concepts in found.files.values():
        for files in concepts.values():
            files.sort(key=lambda file: (PARTS.index(file.part), file.name, str(file.path)))
    return found


def _top(root: Path) -> Listing:
    try:
        listing = list_folder(root)
    except DataError as error:
        raise DataError(f"--teach {error}") from None
    if listing is None:
        what = "is no directory" if os.path.lexists(root) else "no such directory"
        raise refused(root, what)
    return listing


def _parts(root: Path, top: Listing, parts: Mapping[str, str]) -> list[tuple[str, Listing]]:
    if not parts:
        return [("train", top)]
    found = []
    for part in PARTS:
        if part in parts:
            listing = list_folder(root / parts[part])
            if listing is not None:
                found.append((part, listing))
    return found


def _sense(place: Path, where: str, sense: str, part: str, endings: tuple[str, ...], found: FolderContents) -> int:
    """Take one sense's folder in; the number of files."""
    listing = _listed(place, where, found)
    if listing is None:
        return 0
    concepts = found.files.setdefault(sense, {})
    # A note may lie beside the concepts; a sample that is in none of them is told.
    loose = [name for name in listing.files if name.lower().endswith(endings)]
    found.left += [Left(FILE, f"{where}/{name}", LOOSE) for name in loose]
    count = 0
    for name in listing.folders:
        if name.startswith("."):
            found.left.append(Left(FOLDER, f"{where}/{name}", "hidden"))
        elif not _spellable(name):
            found.left.append(Left(FOLDER, f"{where}/{name}", "whose name is no printable text"))
        else:
            files = concepts.setdefault(composed(name), [])
            before = len(files)
            _concept(place / name, f"{where}/{name}", "", part, endings, files, found, [])
            count += len(files) - before
    return count


def _concept(
    place: Path,
    where: str,
    below: str,
    part: str,
    endings: tuple[str, ...],
    files: list[File],
    found: FolderContents,
    above: list[tuple[int, int]],
) -> None:
    """Take the files of a concept's folder in, and those of the folders in it."""
    try:
        status = os.stat(place)
    except OSError:
        found.left.append(Left(FOLDER, where, "that cannot be read"))
        return
    here = (status.st_dev, status.st_ino)
    if here in above or len(above) > DEPTH:
        found.left.append(Left(FOLDER, where, "that leads back to one above" if here in above else "too deep"))
        return
    listing = _listed(place, where, found)
    for name in listing.files if listing else ():
        told = f"{where}/{name}"
        if name.startswith("."):
            found.left.append(Left(FILE, told, "hidden"))
        elif not name.lower().endswith(endings):
            found.left.append(Left(FILE, told, f"not {', '.join(endings[:3])}{', …' * (len(endings) > 3)}"))
        else:
            files.append(File(place / name, composed(below + name), part))
    for name in listing.folders if listing else ():
        if name.startswith("."):
            found.left.append(Left(FOLDER, f"{where}/{name}", "hidden"))
        else:
            _concept(place / name, f"{where}/{name}", f"{below}{name}/", part, endings, files, found, [*above, here])


def _listed(place: Path, where: str, found: FolderContents) -> Listing | None:
    try:
        return list_folder(place)
    except DataError:
        found.left.append(Left(FOLDER, where, "that cannot be read"))
        return None


def _why(name: str) -> str:
    return "hidden" if name.startswith(".") else "of no sense"


def _spellable(name: str) -> bool:
    return name.isprintable() and bool(name.strip())

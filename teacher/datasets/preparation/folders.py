"""Folders that others made: listed with the true cause where that fails, and searched within bounds.

Each dataset has places of its own, which are looked at first. Where it is in none of them it is searched for below the
root, folder by folder, the nearer ones and those first by name before others. So the order never depends on the disk.
"""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from sensors.core.errors import DataError

DEPTH = 4
"""How many levels below the root are searched."""
MOST_FOLDERS, MOST_ENTRIES = 1_000, 100_000
"""A search goes into no further folder once it has been in so many, or has seen so many names."""

T = TypeVar("T")


@dataclass(frozen=True)
class Listing:
    """The entries of a folder, by name.

    Attributes:
        path: of the folder.
        files: names of all that is no folder, sorted.
        folders: names of folders, also of those that links lead to, sorted.
    """

    path: Path
    files: tuple[str, ...]
    folders: tuple[str, ...]

    def file(self, *names: str) -> Path | None:
        """The first of `names` that is among the files: as spelled, else in other capitals."""
        return self._first(self.files, names)

    def folder(self, *names: str) -> Path | None:
        """The first of `names` that is among the folders: as spelled, else in other capitals."""
        return self._first(self.folders, names)

    def _first(self, there: tuple[str, ...], names: tuple[str, ...]) -> Path | None:
        spelled = next((name for name in names if name in there), None)
        if spelled is None:
            folded = {name.lower(): name for name in reversed(there)}
            spelled = next((folded[name.lower()] for name in names if name.lower() in folded), None)
        return self.path / spelled if spelled is not None else None


@dataclass(frozen=True)
class Match(Generic[T]):
    """Where a dataset was found.

    Attributes:
        place: the folder or archive.
        value: what its loader needs.
        note: a phrase for the summary on where that is, and which other places hold such data, too; may be empty.
    """

    place: Path
    value: T
    note: str = ""


def list_folder(folder: Path) -> Listing | None:
    """The entries of a folder; None where there is no such folder.

    Raises:
        DataError: it must not be read or searched, or is a broken link.
    """
    try:
        if not stat.S_ISDIR(folder.stat().st_mode):
            return None
        with os.scandir(folder) as entries:
            kinds = {entry.name: _is_folder(entry) for entry in entries}
        # Names can be listed without the permission to reach what they name.
        os.stat(os.path.join(folder, "."))
    except FileNotFoundError:
        if folder.is_symlink():
            raise DataError(f"{folder}: a broken link ({os.readlink(folder)}); repair or remove it") from None
        return None
    except NotADirectoryError:
        return None
    except PermissionError as error:
        raise DataError(
            f"{folder}: the folder cannot be read ({error.strerror}); its owner can allow it with chmod a+rx"
        ) from None
    except (OSError, ValueError) as error:
        raise DataError(f"{folder}: the folder cannot be read ({getattr(error, 'strerror', error)})") from None
    names = sorted(kinds)
    return Listing(folder, tuple(n for n in names if not kinds[n]), tuple(n for n in names if kinds[n]))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to where nobody may look, or to itself
        return False


def walk(root: Path, closed: list[Path] | None = None, beyond: list[Path] | None = None) -> Iterator[Listing]:
    """The folders below `root` that can be read, breadth first, without hidden ones; within the bounds above.

    Args:
        root: where to begin.
        closed: takes the folders that cannot be read.
        beyond: takes the folders that are not looked into, as a bound is reached.

    Raises:
        DataError: `root` itself cannot be read.
    """
    first = list_folder(root)
    level = [first] if first is not None else []
    folders, entries = 0, 0
    for depth in range(DEPTH + 1):
        below: list[Listing] = []
        for here in level:
            yield here
            for name in here.folders if depth < DEPTH else ():
                if name.startswith("."):
                    continue
                if folders >= MOST_FOLDERS or entries >= MOST_ENTRIES:
                    if beyond is not None:
                        beyond.append(here.path / name)
                    continue
                try:
                    found = list_folder(here.path / name)
                except DataError:
                    # What nobody named may be closed; a usual place that is closed is told by its loader.
                    if closed is not None:
                        closed.append(here.path / name)
                    continue
                if found is not None:
                    folders, entries = folders + 1, entries + len(found.files) + len(found.folders)
                    below.append(found)
        level = below


def locate(
    root: Path | None,
    usual: Callable[[Path], Iterable[Match[T]]],
    look: Callable[[Listing], Iterable[Match[T]]],
) -> Match[T] | None:
    """Where a dataset is: the first of its usual places that has it, else the first that a search finds.

    Args:
        root: directory with datasets; None finds nothing.
        usual: matches in the usual places, in their order.
        look: matches in one folder.

    Raises:
        DataError: a usual place cannot be read.
    """
    if root is None:
        return None
    for match in usual(root):
        return match
    found = [match for here in walk(root) for match in look(here)]
    if not found:
        return None
    first, others = found[0], [str(match.place.relative_to(root)) for match in found[1:4]]
    note = f"found in {first.place.relative_to(root)}"
    if others:
        note += f", not taken from {', '.join(others)}" + ", …" * (len(found) > 4)
    return Match(first.place, first.value, note)

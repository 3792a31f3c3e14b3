"""What a path that the user names holds to be played: a file or folder that a reader owns, or a folder of such."""

import re
from pathlib import Path

from sensors.core.errors import SourceError
from sensors.files.contract import OpenFile, Part, reader_of, readers

_NUMBERS = re.compile(r"(\d+)")


def parts_of(path: Path) -> list[Part]:
    """The parts of what is at a path, in the order in which they are played.

    A folder that no reader owns is searched for files and folders that one does, not deeper. They follow each other in
    the order of their names, numbers by their value. One of them that cannot be read is told of when its turn comes.

    Raises:
        SourceError: nothing is there, nothing there can be played, or what reads it is not installed.
    """
    if not path.exists():
        raise SourceError(f"{path}: no such file or folder; check the path")
    if (reader := reader_of(path)) is not None:
        return list(reader.parts(path))
    known = "; ".join(reader.about for reader in readers().values())
    if not path.is_dir():
        raise SourceError(f"{path}: cannot be played; these can: {known}")
    try:
        found = sorted((each for each in path.iterdir() if not each.name.startswith(".")), key=_natural)
    except OSError as error:
        raise SourceError(f"{path}: cannot be listed ({error.strerror}); check its permissions") from None
    parts: list[Part] = []
    failed: list[SourceError] = []
    for each in found:
        if (reader := reader_of(each)) is not None:
            try:
                parts += reader.parts(each)
            except SourceError as error:
                failed.append(error)
                parts.append(_unreadable(each.name, error))
    if failed and len(failed) == len(parts):
        raise failed[0]
    if not parts:
        raise SourceError(f"{path}: holds no recording, and nothing else that can be played; these can: {known}")
    return parts


def _unreadable(name: str, error: SourceError) -> Part:
    def fail() -> OpenFile:
        raise error

    return Part(name, fail)


def _natural(path: Path) -> list[tuple[bool, int, str]]:
    return [(text.isdigit(), int(text) if text.isdigit() else 0, text) for text in _NUMBERS.split(path.name.lower())]

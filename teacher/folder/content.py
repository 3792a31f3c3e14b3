"""Hashes of files' contents, remembered while the files stay as they are.

Every process of a run asks for them, at each start. A file counts as unchanged while its size, times and place on the
disk are the same; an overwritten file has another time of change even where its time of modification was set back.
"""

import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sensors.core.errors import DataError
from sensors.system.files import open_regular
from teacher.datasets.preparation.cache import cache_root
from teacher.folder.progress import ProgressBar

VERSION = 1
SETTLED = 2.0
"""Seconds for which a file must not have changed before it is read: a later change has another time for certain then,
as some disks keep times in steps of two seconds."""
UNREAD = "unread: "
"""How it begins where there is no hash, as the file cannot be read."""
_PIECE = 64

Mark = tuple[int, int, int, int]
"""What changes whenever a file does: size, time of modification, time of change, and inode."""


def hashes(name: str, paths: Sequence[Path], show: bool) -> list[str]:
    """Hash of each file's content and the ending of its name; of one that cannot be read, why.

    Args:
        name: of the sense.
        paths: of the files.
        show: whether to show how far it is.
    """
    pieces = [paths[at : at + _PIECE] for at in range(0, len(paths), _PIECE)]
    place = _place(name, paths)
    known = _read(place)
    fresh: dict[str, tuple[Mark, str]] = {}
    found: list[str] = []

    def look(piece: Sequence[Path]) -> list[str]:
        told = []
        for path in piece:
            content, mark = _content(path, known.get(str(path)))
            if mark is not None:
                fresh[str(path)] = mark, content
            told.append(content)
        return told

    pool = ThreadPoolExecutor(len(os.sched_getaffinity(0)))
    try:
        with ProgressBar(f"looking at {name}", len(paths), show) as progress:
            for piece in pool.map(look, pieces):
                found += piece
                progress.reach(len(found))
    finally:
        pool.shutdown(cancel_futures=True)
    if fresh != known:
        with contextlib.suppress(OSError):
            _write(place, fresh)
    return found


def _content(path: Path, known: tuple[Mark, str] | None) -> tuple[str, Mark | None]:
    """The hash of a file's content, and what to remember it by; None where it may change unseen, or is no hash."""
    digest = hashlib.blake2b(path.suffix.lower().encode("utf-8", "surrogateescape"), digest_size=16)
    try:
        if known is not None and known[0] == _mark(os.stat(path)):
            return known[1], known[0]
        # The times of files are those of the clock on the wall.
        began = time.time()
        with open_regular(path) as file:
            before = os.fstat(file.fileno())
            while block := file.read(1 << 20):
                digest.update(block)
            after = os.fstat(file.fileno())
    except (DataError, OSError) as error:
        return f"{UNREAD}{type(error).__name__} {getattr(error, 'errno', '')}", None
    settled = max(before.st_mtime, before.st_ctime) < began - SETTLED and _mark(before) == _mark(after)
    return digest.hexdigest(), _mark(before) if settled else None


def _mark(status: os.stat_result) -> Mark:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _place(name: str, paths: Sequence[Path]) -> Path:
    above = os.path.commonpath(paths) if paths else ""
    key = hashlib.blake2b(os.fsencode(above), digest_size=16).hexdigest()
    return cache_root() / "contents" / f"{name}-{key}.json"


def _read(place: Path) -> dict[str, tuple[Mark, str]]:
    try:
        kept = json.loads(place.read_text("utf-8"))
        if kept["version"] != VERSION:
            return {}
        return {
            path: ((size, at, changed, inode), told) for path, (size, at, changed, inode, told) in kept["files"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _write(place: Path, known: dict[str, tuple[Mark, str]]) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    kept = {"version": VERSION, "files": {path: [*mark, content] for path, (mark, content) in known.items()}}
    handle, stage = tempfile.mkstemp(prefix=".stage-", dir=place.parent)
    try:
        with open(handle, "w", encoding="utf-8") as file:
            json.dump(kept, file)
        os.replace(stage, place)
    except BaseException:
        os.unlink(stage)
        raise

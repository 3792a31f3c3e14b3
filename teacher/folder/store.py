"""Prepared samples of earlier preparations: a file that is the same is not read again, and what nobody uses is removed.

Each preparation is an entry of the cache (`teacher.datasets.preparation.cache`), which is never changed: a killed
process leaves no half of one, and two processes may prepare at once. An entry's `meta.json` says which files it is of,
by the hashes of their contents. Each use of an entry sets its time of modification.
"""

import contextlib
import json
import os
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from teacher.datasets.core.samples import hash_arrays
from teacher.datasets.preparation.cache import VERSION, cache_root
from teacher.folder.content import UNREAD
from teacher.folder.pool import passing

UNUSED_DAYS = 30
"""Days for which an entry is kept that is not used."""
MOST_KEPT = 8 << 30
"""Bytes of all entries, above which those are removed that were not used for longest."""
IN_USE = 3600.0
"""Seconds since its last use for which an entry is kept in any case: a run may be starting with it."""
UNFINISHED = 86_400.0
"""Seconds after which an unfinished entry is one that a killed process left."""
_DAMAGED = (OSError, ValueError, KeyError, TypeError, EOFError, IndexError, AttributeError)


def described(form: str, contents: Sequence[str]) -> dict[str, Any]:
    """What an entry's `meta.json` says so that `reuse` finds its samples.

    Args:
        form: hash of all that the samples depend on beside the files.
        contents: hashes of the files.
    """
    return {"form": form, "contents": list(contents)}


def reuse(
    name: str, form: str, contents: Sequence[str], samples: NDArray[Any], reasons: list[str]
) -> NDArray[np.bool_]:
    """Take the samples of files that earlier preparations have read, from the entry that was used last first.

    Args:
        name: of the sense.
        form: as in `described`.
        contents: hashes of the files.
        samples: (N, *shape), written where a file was taken.
        reasons: (N), written where a file was left out for a reason that lies in the file.

    Returns:
        (N,) which files need not be read.
    """
    known = np.zeros(len(contents), np.bool_)
    wanted: dict[str, list[int]] = defaultdict(list)
    for at, content in enumerate(contents):
        if not content.startswith(UNREAD):
            wanted[content].append(at)
    places = _root().glob(f"folder-{name}-*") if wanted else ()
    for place in sorted(places, key=_used, reverse=True):
        if not wanted:
            break
        with contextlib.suppress(*_DAMAGED):
            found = _matching(place, form, wanted)
            if not found:
                continue
            stored = np.load(place / "samples.npy", mmap_mode="r", allow_pickle=False)
            meta, taken = _meta(place), _taken(place)
            if meta["fingerprint"] != hash_arrays([stored, taken]):
                continue
            for content, (row, reason) in found.items():
                for at in wanted.pop(content):
                    known[at], reasons[at] = True, reason
                    if not reason:
                        samples[at] = stored[row]
    return known


def use(name: str, key: str) -> None:
    """Note that an entry is used."""
    for place in _root().glob(f"folder-{name}-{key}-*"):
        with contextlib.suppress(OSError):
            os.utime(place)


def tidy() -> str:
    """Remove entries of folders that were not used for long or take too much space, and what killed processes left.

    Returns:
        A line that says what was removed; empty where nothing was.
    """
    now, root = time.time(), _root()
    left = [place for place in root.glob(".stage-*") if now - _used(place) > UNFINISHED]
    entries = sorted((place for place in root.glob("folder-*") if place.is_dir()), key=_used, reverse=True)
    old, large, total = list[Path](), list[Path](), 0
    for place in entries:
        idle, size = now - _used(place), _size(place)
        total += size
        if idle > UNUSED_DAYS * 86_400:
            old.append(place)
        elif idle > IN_USE and total > MOST_KEPT:
            large.append(place)
    told, freed = list[str](), 0
    for places, why in (
        (old, f"not used for {UNUSED_DAYS} days"),
        (large, f"used least recently, as {MOST_KEPT / 2**30:g} GiB are kept"),
        (left, "left unfinished by a killed process"),
    ):
        sizes = [size for size in map(_remove, places) if size is not None]
        freed += sum(sizes)
        told += [f"{len(sizes):,} {why}"] if sizes else []
    if not told:
        return ""
    return f"removed from the cache: prepared samples, {freed / 2**20:,.1f} MiB: {', '.join(told)}"


def _root() -> Path:
    return cache_root() / "prepared"


def _used(place: Path) -> float:
    """When an entry was used last, in seconds since 1970; long ago where it is gone."""
    try:
        return place.stat().st_mtime
    except OSError:
        return 0.0


def _size(place: Path) -> int:
    try:
        return sum(file.stat().st_size for file in place.iterdir())
    except OSError:
        return 0


def _remove(place: Path) -> int | None:
    """Take an entry away, first as a whole, so that nobody meets a part of it; its bytes, or None where this fails."""
    try:
        size = _size(place)
        stage = Path(tempfile.mkdtemp(prefix=".stage-", dir=place.parent))
        try:
            place.rename(stage / "removed")
        finally:
            shutil.rmtree(stage, ignore_errors=True)
        (place.parent / f".{place.name}.lock").unlink(missing_ok=True)
    except OSError:
        return None
    return size


def _meta(place: Path) -> dict[str, Any]:
    meta: dict[str, Any] = json.loads((place / "meta.json").read_text("utf-8"))
    return meta


def _taken(place: Path) -> NDArray[np.bool_]:
    taken: NDArray[np.bool_] = np.load(place / "taken.npy", allow_pickle=False)
    return taken


def _matching(place: Path, form: str, wanted: dict[str, list[int]]) -> dict[str, tuple[int, str]]:
    """Content -> its row in an entry's samples, or why the file is left out; of those that are wanted."""
    meta = _meta(place)
    if meta["version"] != VERSION or meta["form"] != form:
        return {}
    found = {}
    row, reasons = 0, iter(meta["reasons"])
    for content, taken in zip(meta["contents"], _taken(place), strict=True):
        reason = "" if taken else next(reasons)
        if content in wanted and not passing(reason):
            found[content] = row, reason
        row += bool(taken)
    return found

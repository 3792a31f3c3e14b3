"""Prepared datasets kept on disk, so that the next start maps them instead of preparing them again.

An entry is a directory of `.npy` files and a `meta.json` with the fingerprint of the arrays. It is written
beside its place and renamed into it, never changed afterwards, and checked in full whenever it is read: an
entry that fails the check is removed and prepared anew. Its name holds a hash of the code that prepares, so
that other code never reads it. A cache that cannot be written costs time, no run.
"""

import contextlib
import fcntl
import functools
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from teacher.datasets.samples import Samples, hash_arrays

VERSION = 1
LONGEST_WAIT = 120.0
"""Seconds to wait for another process that prepares the same entry."""
_PREPARING = ("frames", "sound", "spectrogram")
_ARRAYS = ("train", "train_labels", "test", "test_labels")


def cache_root() -> Path:
    """The user's cache directory: `RECIPROCAL_CACHE`, or `reciprocal` under the platform's usual place."""
    if own := os.environ.get("RECIPROCAL_CACHE"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reciprocal"


def cached(name: str, key: str, prepare: Callable[[], Samples]) -> Samples:
    """Return the entry `name`-`key`, preparing and keeping it when it is absent or damaged.

    Args:
        name: dataset name, for people who look into the cache.
        key: changes whenever the sources change; no other key of that name may begin with it and a dash, or
            preparing this entry would remove the other.
        prepare: makes the samples; its errors pass through.
    """
    place = cache_root() / "prepared" / f"{name}-{key}-{_code()}"
    with _alone(place):
        found = _read(place)
        if found is not None:
            return found
        samples = prepare()
        with contextlib.suppress(OSError):
            _write(place, samples)
            for outdated in place.parent.glob(f"{name}-{key}-*"):
                if outdated != place:
                    shutil.rmtree(outdated, ignore_errors=True)
            # The mapped copy shares its pages with every other process that reads the same dataset.
            return _read(place) or samples
        return samples


@functools.cache
def _code() -> str:
    """Hash of the source that prepares samples."""
    here = Path(__file__).parent
    sources = [*here.glob("*.py"), *(here.parents[1] / "sensors" / f"{m}.py" for m in _PREPARING)]
    digest = hashlib.blake2b(digest_size=4)
    for source in sorted(sources):
        digest.update(source.read_bytes())
    return digest.hexdigest()


@contextlib.contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Let one process prepare an entry while the others wait for it; past `LONGEST_WAIT` each is on its own."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context((place.parent / f".{place.name}.lock").open("w"))
            deadline = time.monotonic() + LONGEST_WAIT
            while time.monotonic() < deadline:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    time.sleep(0.05)
        yield


def _read(place: Path) -> Samples | None:
    try:
        meta = json.loads((place / "meta.json").read_text("utf-8"))
        arrays = [np.load(place / f"{a}.npy", mmap_mode="r", allow_pickle=False) for a in _ARRAYS]
        if meta["version"] == VERSION and hash_arrays(arrays) == meta["fingerprint"]:
            return Samples(
                meta["name"],
                arrays[0],
                arrays[1],
                arrays[2],
                arrays[3],
                split=meta["split"],
                fingerprint=meta["fingerprint"],
                jitter=meta["jitter"],
                notes=tuple(meta["notes"]),
            )
    except FileNotFoundError:
        if not place.exists():
            return None
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        pass
    shutil.rmtree(place, ignore_errors=True)
    return None


def _write(place: Path, samples: Samples) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(prefix=".stage-", dir=place.parent))
    try:
        for a in _ARRAYS:
            np.save(stage / f"{a}.npy", getattr(samples, a), allow_pickle=False)
        meta = {
            "version": VERSION,
            "name": samples.name,
            "split": samples.split,
            "fingerprint": samples.fingerprint,
            "jitter": samples.jitter,
            "notes": list(samples.notes),
        }
        (stage / "meta.json").write_text(json.dumps(meta), "utf-8")
        # Another process may have put the same entry there first: then the rename fails and theirs serves.
        with contextlib.suppress(OSError):
            stage.rename(place)
    finally:
        shutil.rmtree(stage, ignore_errors=True)

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
import inspect
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from sensors.core.modalities import modality
from sensors.senses.settings import has_default_form
from sensors.system.places import caches
from sensors.system.rooms import HOME
from teacher.datasets.core.report import LoadReport
from teacher.datasets.core.samples import Samples, hash_arrays

VERSION = 1
LONGEST_WAIT = 120.0
"""Seconds to wait for another process that prepares the same entry."""
_PREPARING = ("frames", "lips", "mfcc", "mixer", "sound", "sound_containers", "spectrogram")

T = TypeVar("T")
Content = tuple[dict[str, NDArray[Any]], dict[str, Any]]
"""What an entry holds: arrays by name, and JSON values by name."""


def cache_root() -> Path:
    """The user's cache directory.

    `RECIPROCAL_CACHE`; else `reciprocal` under the first that can be written of `XDG_CACHE_HOME`, `~/.cache`, and
    `cache` in a directory of this user alone under `TMPDIR`.

    Raises:
        StorageError: none of them can be written.
    """
    if own := os.environ.get("RECIPROCAL_CACHE"):
        return Path(own).expanduser()
    return caches() / "reciprocal"


@dataclass(frozen=True)
class Form(Generic[T]):
    """How one kind of dataset lies in an entry.

    Attributes:
        arrays: names of its arrays, in the order of its fingerprint.
        pack: takes it apart; the JSON values hold its `fingerprint`.
        unpack: puts it together.
    """

    arrays: tuple[str, ...]
    pack: Callable[[T], Content]
    unpack: Callable[[Content], T]


def cached(name: str, key: str, prepare: Callable[[], Samples], sense: str) -> Samples:
    """Return the entry `name`-`key`, preparing and keeping it when it is absent or damaged.

    Args:
        name: dataset name, for people who look into the cache.
        key: changes whenever the sources change; no other key of that name may begin with it and a dash, or
            preparing this entry would remove the other.
        prepare: makes the samples; its errors pass through.
        sense: of the samples. Where its settings give samples another form than by default, the form is part of the
            key, so that samples of several forms are kept side by side.
    """
    return kept(name, key + _form_of_samples(sense), prepare, _SAMPLES)


def _form_of_samples(sense: str) -> str:
    return "" if has_default_form(sense) else "." + "x".join(map(str, modality(sense).shape))


def kept(
    name: str, key: str, prepare: Callable[[], T], form: Form[T], renew: Callable[[T], T] = lambda found: found
) -> T:
    """As `cached`, for any kind of dataset that has a form, and whose samples have one form whatever the settings.

    Args:
        name: dataset name, for people who look into the cache.
        key: as in `cached`.
        prepare: makes the dataset; its errors pass through.
        form: how it lies in the cache.
        renew: is given what the cache has. What it returns takes the entry's place if it is another object.
    """
    place = cache_root() / "prepared" / f"{name}-{key}-{_code()}"
    with _alone(place):
        found = _read(place, form)
        made = prepare() if found is None else renew(found)
        if made is found:
            return made
        if found is not None:
            shutil.rmtree(place, ignore_errors=True)
        with contextlib.suppress(OSError):
            _write(place, form.pack(made))
            for outdated in place.parent.glob(f"{name}-{key}-*"):
                if outdated != place:
                    shutil.rmtree(outdated, ignore_errors=True)
            # The mapped copy shares its pages with every other process that reads the same dataset.
            return _read(place, form) or made
        return made


@functools.cache
def _code() -> str:
    """Hash of the source that prepares samples."""
    signals = HOME / "sensors" / "signals"
    sources = [*(HOME / "teacher" / "datasets").rglob("*.py"), *(signals / f"{module}.py" for module in _PREPARING)]
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


def _read(place: Path, form: Form[T]) -> T | None:
    try:
        meta = json.loads((place / "meta.json").read_text("utf-8"))
        arrays = {a: np.load(place / f"{a}.npy", mmap_mode="r", allow_pickle=False) for a in form.arrays}
        if meta["version"] == VERSION and hash_arrays(list(arrays.values())) == meta["fingerprint"]:
            return form.unpack((arrays, meta))
    except FileNotFoundError:
        if not place.exists():
            return None
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        pass
    shutil.rmtree(place, ignore_errors=True)
    return None


def _write(place: Path, content: Content) -> None:
    arrays, values = content
    place.parent.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(prefix=".stage-", dir=place.parent))
    try:
        for name, array in arrays.items():
            np.save(stage / f"{name}.npy", array, allow_pickle=False)
        (stage / "meta.json").write_text(json.dumps({"version": VERSION, **values}), "utf-8")
        # Another process may have put the same entry there first: then the rename fails and theirs serves.
        with contextlib.suppress(OSError):
            stage.rename(place)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def form_of(kind: type[T], arrays: tuple[str, ...]) -> Form[T]:
    """The form of a dataclass whose fields are `arrays`, JSON values and reports; its tuples come back as tuples."""
    values = [name for name in inspect.signature(kind).parameters if name not in arrays]

    def pack(made: T) -> Content:
        return {a: getattr(made, a) for a in arrays}, {v: _plain(getattr(made, v)) for v in values}

    def unpack(content: Content) -> T:
        return kind(**content[0], **{v: _restored(v, content[1][v]) for v in values})

    return Form(arrays, pack, unpack)


def _plain(value: Any) -> Any:
    return value.to_dict() if isinstance(value, LoadReport) else value


def _restored(field: str, value: Any) -> Any:
    if field == "report":
        return LoadReport.from_dict(value)
    return tuple(value) if isinstance(value, list) else value


_SAMPLES = form_of(Samples, ("train", "train_labels", "test", "test_labels"))

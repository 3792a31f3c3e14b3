"""Files that never surprise: space is taken when they are made, and text files change in one piece."""

import contextlib
import errno
import fcntl
import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from sensors.core.errors import NoRoomError, StorageError

RESERVE = 64 << 20
"""Bytes of the disk that replay never takes."""


def make_directory(path: Path) -> None:
    """Make a directory and its parents.

    Raises:
        StorageError: it cannot be made or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{path}: cannot be made ({error.strerror}); choose another directory") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise StorageError(f"{path}: no permission to write there; choose another run directory")


def check_space(directory: Path, nbytes: int) -> None:
    """Refuse to start what the disk cannot hold.

    Raises:
        NoRoomError: fewer than `nbytes` + `RESERVE` bytes are free.
    """
    free = shutil.disk_usage(directory).free
    if free < nbytes + RESERVE:
        raise NoRoomError(
            f"{directory}: {free / 1e6:.0f} MB free, {(nbytes + RESERVE) / 1e6:.0f} MB needed; free some "
            "space or lower replay.capacity"
        )


def allocate(path: Path, nbytes: int) -> None:
    """Make a file of zeros whose blocks are taken now.

    A write through a mapping to a full disk would kill the process (SIGBUS) where this raises an error.

    Raises:
        StorageError: the disk is full, or the file cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, nbytes)
        finally:
            os.close(descriptor)
    except OSError as error:
        path.unlink(missing_ok=True)
        if error.errno == errno.ENOSPC:
            raise NoRoomError(f"{path}: no space for {nbytes / 1e6:.0f} MB; lower replay.capacity") from None
        raise StorageError(f"{path}: cannot be made ({error.strerror})") from None


def sync(*paths: Path) -> None:
    """Have the disk take what was written to these files, through mappings too; returns when it has.

    Raises:
        StorageError: it does not; what it holds of them is not known.
    """
    for path in paths:
        try:
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise StorageError(f"{path}: the disk does not accept the data ({error.strerror})") from None


def sync_directory(path: Path) -> None:
    """Have the disk take the names in this directory; returns when it has.

    Raises:
        StorageError: it does not.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StorageError(f"{path}: the disk does not accept the data ({error.strerror})") from None


def map_array(path: Path, dtype: DTypeLike, shape: Sequence[int], writable: bool) -> NDArray[Any]:
    """Map a whole file as an array that shares its pages with every other process that maps it.

    Raises:
        StorageError: the file is missing, unreadable, or not exactly as large as the array.
    """
    wanted = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    try:
        if path.stat().st_size != wanted:
            raise StorageError(f"{path}: {path.stat().st_size} bytes, expected {wanted}; the file is damaged")
        mapped = np.memmap(path, dtype=dtype, mode="r+" if writable else "r", shape=tuple(shape))
    except OSError as error:
        raise StorageError(f"{path}: cannot be opened ({error.strerror})") from None
    return mapped.view(np.ndarray)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        StorageError: it is missing, unreadable or not a JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StorageError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError:
        raise StorageError(f"{path}: is not JSON; the file is damaged") from None
    if not isinstance(value, dict):
        raise StorageError(f"{path}: expected a JSON object; the file is damaged")
    return value


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object so that a reader, even after a crash, finds the old or the new one.

    Raises:
        StorageError: it cannot be written.
    """
    stage = path.with_name(path.name + ".new")
    try:
        stage.touch(0o600)
        with stage.open("w", encoding="utf-8") as file:
            json.dump(value, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        stage.replace(path)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written ({error.strerror})") from None


def lock(path: Path, patience: float = 0.0) -> int | None:
    """Take the exclusive lock `path`; it is released when its descriptor closes or its process dies.

    Args:
        path: the lock file, made when missing.
        patience: seconds to keep trying.

    Returns:
        The descriptor that holds the lock, or None when somebody else does.

    Raises:
        StorageError: the file cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StorageError(f"{path}: cannot be made ({error.strerror})") from None
    deadline = time.monotonic() + patience
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        if time.monotonic() >= deadline:
            os.close(descriptor)
            return None
        time.sleep(0.02)

"""The directory of a new run: one that may be taken or made, with enough free space."""

import contextlib
import errno
import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from runtime.run_folder.own_files import CONFIG, LOCK, foreign_files
from sensors.core.errors import StorageError

ANOTHER = "name another directory with --run-dir"
"""What helps where a run cannot be written."""


def check_space(path: Path, needed: int) -> None:
    """Refuse a place with less free space than `needed` bytes.

    Raises:
        StorageError: says how much is free and how much is wanted.
    """
    there = path
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free
    if free < needed:
        raise StorageError(
            f"{path}: {free / 2**20:.0f} MiB free, this run wants {needed / 2**20:.0f} MiB;\n"
            "make room, name another --run-dir, or lower replay's capacities with --set"
        )


def claim(path: Path) -> tuple[Path, bool]:
    """Make the directory of a new run, or take one that may be empty; whether it was made here."""
    _make_parents(path)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if not path.is_dir():
            raise StorageError(f"{path}: is a file, expected a directory for the run") from None
    else:
        return path, True
    if (path / CONFIG).exists():
        raise taken(path)
    # Before the lock: nothing is left in what belongs to somebody else. The lock is the first file of a run and the
    # last to be removed. So files without it are not ours, even if they have names that a run uses.
    lock = path / LOCK
    ours = lock.is_file() and not lock.is_symlink()
    if foreign_files(path) or (not ours and any(path.iterdir())):
        raise not_empty(path)
    return path, False


def claim_first_free(path: Path) -> tuple[Path, bool]:
    """Make `path`, or the first of `path-2`, `path-3`, … that nobody has made."""
    _make_parents(path)
    for number in itertools.count(1):
        place = path if number == 1 else path.with_name(f"{path.name}-{number}")
        with contextlib.suppress(FileExistsError):
            place.mkdir(mode=0o700)
            return place, True
    raise AssertionError("unreachable")


def _make_parents(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), error.filename) from None


def taken(path: Path) -> StorageError:
    """The user's mistake: another run is there."""
    return StorageError(f"{path}: already holds a run; continue it with --resume or name another --run-dir")


def not_empty(path: Path) -> StorageError:
    """The user's mistake: files are there that no run made."""
    return StorageError(f"{path}: is not empty; name an empty or new directory with --run-dir")


@contextlib.contextmanager
def storage_errors(path: Path, done: str, fix: str) -> Iterator[None]:
    """Tell errors of the operating system as the user's.

    Args:
        path: of the run, named where the error names no file.
        done: what could not be done to it, such as `written`.
        fix: what helps.

    Raises:
        StorageError: in place of an `OSError`.
    """
    try:
        yield
    except OSError as error:
        done = "written" if error.errno == errno.EROFS else done
        what = "no space left" if error.errno == errno.ENOSPC else f"cannot be {done} ({error.strerror})"
        where = error.filename if isinstance(error.filename, str) else path
        raise StorageError(f"{where}: {what}; {fix}") from error

"""A user's files, opened so that nothing but a regular file is ever waited for or read."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from sensors.core.errors import DataError

LFS_POINTER = b"version https://git-lfs.github.com/spec/"
"""How the small text begins that Git LFS leaves in a file's place until its content is fetched."""
_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def open_regular(path: str | Path) -> BinaryIO:
    """Open a file to read its bytes.

    Opening a FIFO without a writer blocks, and a device may never end: both are refused at once.

    Raises:
        DataError: names the file that is missing, must not be read, or is no regular file.
    """
    try:
        # Without O_NONBLOCK the opening of a FIFO waits for its writer.
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        cause = "a broken link; repair or remove it" if os.path.islink(path) else "no such file; check the path"
        raise DataError(f"{path}: {cause}") from None
    except PermissionError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check its permissions") from None
    except (OSError, ValueError) as error:  # a socket cannot be opened at all; a path may hold a null byte
        what = f"is {kind}" if (kind := _kind_at(path)) else f"cannot be read ({getattr(error, 'strerror', error)})"
        raise DataError(f"{path}: {what}; give a regular file, or remove it") from None
    kind = _kind(os.fstat(file).st_mode)
    if kind:
        os.close(file)
        raise DataError(f"{path}: is {kind}; give a regular file, or remove it")
    return os.fdopen(file, "rb")


def read_regular(path: str | Path, most: int | None = None, otherwise: str = "") -> bytes:
    """The bytes of a file.

    Args:
        path: of the file.
        most: largest size that is read, bytes; None reads any.
        otherwise: what a larger file is, and the fix, to end the message.

    Raises:
        DataError: it is larger, a pointer of Git LFS, or cannot be read, as in `open_regular`.
    """
    try:
        with open_regular(path) as file:
            if most is not None and os.fstat(file.fileno()).st_size > most:
                raise DataError(f"{path}: larger than {most >> 20} MiB, {otherwise}")
            data = file.read()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the disk, or copy it anew") from None
    refuse_pointer(path, data)
    return data


def refuse_pointer(path: str | Path, start: bytes) -> None:
    """Tell a file's content from the pointer that Git LFS leaves in its place.

    Args:
        path: of the file.
        start: its first bytes, or all of them.

    Raises:
        DataError: it is such a pointer.
    """
    if start.startswith(LFS_POINTER):
        raise DataError(f"{path}: a Git LFS pointer, not the file itself; run git lfs pull where it was cloned")


def _kind(mode: int) -> str:
    """What a file is that is not a regular one; empty for a regular one."""
    return "" if stat.S_ISREG(mode) else next((name for fits, name in _KINDS if fits(mode)), "no regular file")


def _kind_at(path: str | Path) -> str:
    try:
        return _kind(os.stat(path).st_mode)
    except (OSError, ValueError):
        return ""

"""The disk is full: learning that cannot be saved pauses until there is free space, and says so."""

import errno
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from sensors.core.errors import NoRoomError

RETRY = 3.0
"""Seconds between two tries to write what could not be written."""
SPARE = 16 * 2**20
"""Bytes asked for beyond what is to be written: figures and logs go on beside it."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the kernel says of a disk, a quota or a limit that is used up."""


class Shortage:
    """What cannot be written at present, and when to try again.

    Args:
        path: the run directory.
        remark: shows a note.
    """

    def __init__(self, path: Path, remark: Callable[[str], None]) -> None:
        self._path, self._remark = path, remark
        self._missing: dict[str, int] = {}
        self._why = ""
        self._next = 0.0

    def __bool__(self) -> bool:
        """Whether anything cannot be written."""
        return bool(self._missing)

    def __contains__(self, what: str) -> bool:
        return what in self._missing

    def note(self, what: str, error: BaseException, needed: int = 0) -> None:
        """Something could not be written.

        Args:
            what: 'checkpoint', 'figures' or an actor's name.
            error: why.
            needed: bytes that it takes, as far as is known.
        """
        self._next = time.monotonic() + RETRY
        known = what in self._missing
        self._missing[what] = needed
        self._why = "disk is full" if full(error) else " ".join(str(error).split())
        if not known:
            self._remark(f"{what} cannot be written: {self.waiting}; learning pauses until it can be")

    def clear(self, what: str) -> None:
        """It was written after all."""
        if what in self._missing:
            del self._missing[what]
            if not self._missing:
                self._remark(f"{what} can be written again: learning goes on")

    def may_try(self) -> bool:
        """Whether it is time to try again, and there seems to be free space."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + RETRY
        return self._free() >= self._needed()

    @property
    def waiting(self) -> str:
        """What learning waits for, in words; empty when it does not wait."""
        if not self._missing:
            return ""
        if self._why != "disk is full":
            return self._why
        megabytes = f"{self._needed() / 1e6:.0f} MB needed, {self._free() / 1e6:.0f} MB free"
        return f"disk is full: {megabytes} at {self._path}"

    def _needed(self) -> int:
        return max(self._missing.values(), default=0) + SPARE

    def _free(self) -> int:
        try:
            return shutil.disk_usage(self._path).free
        except OSError:
            return 0


def full(error: BaseException | None) -> bool:
    """Whether an error says that the disk is full; one from another process may be only text."""
    while error is not None:
        if isinstance(error, NoRoomError):
            return True
        if isinstance(error, OSError) and error.errno in FULL:
            return True
        if any(os.strerror(number) in str(error) for number in FULL):
            return True
        error = error.__cause__
    return False

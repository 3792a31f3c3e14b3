"""Ends of a process at every line of its code, and cuts of the power with any part of the unflushed pages kept."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

ROOM = str(Path(__file__).parents[2] / "replay")
PAGE = 4_096


class Cut(BaseException):
    """What nobody catches, in place of SIGKILL: nothing more of the work is done."""


def cut_at(line: int, work: Callable[[], object]) -> bool:
    """Run `work` until it has come to its `line`-th line within replay; False when it was done before."""
    left = line

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        if not frame.f_code.co_filename.startswith(ROOM):
            return None
        if event == "line":
            left -= 1
            if left < 0:
                raise Cut
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    except Cut:
        return True
    finally:
        sys.settrace(before)
    return False


class Disk:
    """What of a directory's files was flushed; put in place of `os.fdatasync` and `os.fsync`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._flushed: dict[str, bytes] = {}
        self.flushes = 0

    def flush(self, descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if path.is_file() and path.is_relative_to(self._directory):
            self._flushed[str(path.stat().st_ino)] = path.read_bytes()
            self.flushes += 1

    def cut(self, to: Path, rng: np.random.Generator) -> int:
        """What the disk holds after a cut: each page that was not flushed arrived, or did not.

        Returns:
            Pages that did not arrive.
        """
        shutil.copytree(self._directory, to)
        lost = 0
        for path in self._directory.rglob("*.[cl]o[lg]"):
            now = path.read_bytes()
            flushed = self._flushed.get(str(path.stat().st_ino), bytes(len(now)))
            pages = range(0, len(now), PAGE)
            share = rng.choice([0.0, 0.5, 1.0])
            kept = bytearray(now)
            for at in pages:
                if now[at : at + PAGE] != flushed[at : at + PAGE] and rng.random() >= share:
                    kept[at : at + PAGE] = flushed[at : at + PAGE]
                    lost += 1
            (to / path.relative_to(self._directory)).write_bytes(kept)
        return lost

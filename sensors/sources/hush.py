"""When this machine itself makes a sound: its microphone must not take that for something said.

What plays notes when it does so in a small mapped file of the run; what listens looks there. An agent that heard
itself would pair what it imagined with what it sees, and learn its own mistakes.
"""

import dataclasses
import mmap
import os
import time
from pathlib import Path

import numpy as np

from sensors.core.errors import StorageError
from sensors.sources.source import Chunk

NAME = "hush"
"""Of the file in a run directory."""
KEPT = 16
"""Intervals that are remembered: sound that is looked at late still meets its own."""
TAIL = 0.4
"""Seconds by which a sound outlasts its playing: buffers of sound servers, and the room."""


class Hush:
    """Intervals of monotonic seconds in which this machine makes a sound; one process notes, any number look.

    Args:
        path: of the file, made if it is not there.

    Raises:
        StorageError: it cannot be made or mapped.
    """

    def __init__(self, path: Path) -> None:
        size = KEPT * 2 * 8
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                if os.fstat(descriptor).st_size < size:
                    os.ftruncate(descriptor, size)
                self._map = mmap.mmap(descriptor, size)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise StorageError(f"{path}: cannot be mapped ({error.strerror or error}); check the folder") from None
        self._kept = np.frombuffer(self._map, np.float64).reshape(KEPT, 2)
        self._next = 0

    def covers(self, start: float, end: float) -> bool:
        """Whether this machine made a sound at any time from `start` to `end`."""
        return bool(((self._kept[:, 0] < end) & (self._kept[:, 1] > start)).any())

    def begin(self, longest: float) -> None:
        """A sound begins now and is over within `longest` seconds."""
        now = time.monotonic()
        # The end first: whoever looks in between sees too long an interval rather than none.
        self._kept[self._next, 1] = now + longest + TAIL
        self._kept[self._next, 0] = now

    def end(self) -> None:
        """It is over."""
        self._kept[self._next, 1] = time.monotonic() + TAIL
        self._next = (self._next + 1) % KEPT

    def close(self) -> None:
        """Let go of the file; again is harmless."""
        if not self._map.closed:
            del self._kept
            self._map.close()


class Ear:
    """Passes on what a microphone hears, without what this machine itself says.

    Args:
        hush: when it says something.

    Attributes:
        own: chunks that were its own sound.
    """

    def __init__(self, hush: Hush) -> None:
        self.own = 0
        self._hush = hush
        self._gap = False

    def observe(self, chunk: Chunk) -> Chunk | None:
        """The chunk, or none; what follows a sound of its own begins after a gap, which no utterance spans."""
        if self._hush.covers(chunk.start, chunk.end):
            self.own += 1
            self._gap = True
            return None
        gap, self._gap = self._gap, False
        return dataclasses.replace(chunk, gap=True) if gap else chunk

"""When this machine itself plays a sound: its microphone must not take that for speech.

The speaker writes the times of playback into a small mapped file of the run, and the microphone's side reads them. An
agent that heard itself would pair sounds that it evoked with what it sees, and learn its own mistakes.
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
"""The file in a run directory. Its name is that of earlier versions, whose runs resume."""
KEPT = 16
"""Intervals that are remembered, so that sound that is processed late still finds its interval."""
TAIL = 0.4
"""Seconds for which a sound is heard after its playback: buffers of sound servers, and echo of the room."""


class OwnPlayback:
    """Intervals of monotonic seconds in which this machine plays a sound; one process writes, any number read.

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
        """Whether this machine played a sound at any time from `start` to `end`."""
        return bool(((self._kept[:, 0] < end) & (self._kept[:, 1] > start)).any())

    def begin(self, longest: float) -> None:
        """Note that a sound begins now and ends within `longest` seconds."""
        now = time.monotonic()
        # The end first: a reader in between sees too long an interval, never a missing one.
        self._kept[self._next, 1] = now + longest + TAIL
        self._kept[self._next, 0] = now

    def end(self) -> None:
        """Note that the sound has ended."""
        self._kept[self._next, 1] = time.monotonic() + TAIL
        self._next = (self._next + 1) % KEPT

    def close(self) -> None:
        """Close the file; may be repeated."""
        if not self._map.closed:
            del self._kept
            self._map.close()


class PlaybackFilter:
    """Passes on a microphone's chunks, except those in which this machine plays a sound.

    Args:
        playback: the intervals of playback.

    Attributes:
        own: chunks left out.
    """

    def __init__(self, playback: OwnPlayback) -> None:
        self.own = 0
        self._playback = playback
        self._gap = False

    def observe(self, chunk: Chunk) -> Chunk | None:
        """The chunk, or None during playback; the first chunk afterwards has a gap, which no utterance spans."""
        if self._playback.covers(chunk.start, chunk.end):
            self.own += 1
            self._gap = True
            return None
        gap, self._gap = self._gap, False
        return dataclasses.replace(chunk, gap=True) if gap else chunk

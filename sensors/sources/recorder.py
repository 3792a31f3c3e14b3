"""Records a session: what the sources gave, with its times, is written by a thread of the recorder's own.

A recording is a directory: `recording.json` (what it is and, once it is closed, how many samples of each source it
has) and, for each source, `NN-SSSS.rec`: segments whose first line (JSON) names the source and the kind of its
readings, which follow as checked records. Records are appended whole and at once, so a process that is killed leaves at
most one cut-off record in each, which playing back leaves out and reports. Other stores may write other files.

Packing and writing are done by the recorder's thread: a disk that takes seconds delays no source.
"""

import threading
import time
from collections import Counter, deque
from pathlib import Path
from typing import Protocol, Self

from sensors.core.percept import Reading
from sensors.sources.segments import ABOUT, MOST_SOURCES, PICTURES, VERSIONS, Segments

__all__ = ["ABOUT", "MOST_SOURCES", "PICTURES", "VERSIONS", "Recorder", "Store", "free_directory"]

QUEUE = 128 * 2**20
"""Bytes of readings that wait for the disk at most: 10 s of sound and of a camera's pictures in colour."""
DRAIN = 3.0
"""Longest that closing waits for the disk, seconds."""
_WAIT = 1.0


class Store(Protocol):
    """Where a recorder writes; used by the recorder's thread alone."""

    def store(self, source: str, sample: Reading) -> str:
        """Append a sample; returns why it cannot be, as `Recorder.dropped` names it, or nothing."""

    def rest(self) -> None:
        """Called where nothing has come for a second."""

    def finish(self) -> int:
        """Called once, at the end; returns how many samples that it took the disk has not taken."""


class Recorder:
    """Writes what sources give to a new recording; safe to call from several threads.

    Nothing it meets ends a run or holds it up: what cannot be written any more is dropped and counted.

    Args:
        directory: made if it is not there; must not hold a recording yet.
        limit: bytes of the whole recording at most.
        pictures: bytes a second of each source's colour pictures; their quality as JPEG is chosen by it.
        store: where to write instead of there.

    Raises:
        SourceError: the directory holds a recording, or cannot be written to.
    """

    def __init__(
        self,
        directory: str | Path,
        limit: int = 4096 * 2**20,
        pictures: float = PICTURES,
        store: Store | None = None,
    ) -> None:
        self._written, self._dropped = 0, Counter[str]()
        self._changed = threading.Condition()
        self._queue: deque[tuple[str, Reading]] = deque()
        self._queued = 0  # bytes
        self._closed = False
        self._store: Store = store or Segments(Path(directory), limit, pictures, time.time())
        # A disk that hangs must not keep a process from ending.
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    @property
    def written(self) -> int:
        """Samples that were written to files."""
        return self._written

    @property
    def dropped(self) -> Counter[str]:
        """Samples that were not, by reason; a copy.

        `late` (too many waited for the disk), `full` (the limit), `disk` (the disk refused), `unfit` (a sample that no
        record holds), `sources` (from more sources than a recording has), `closed` (offered afterwards).
        """
        with self._changed:
            return Counter(self._dropped)

    def write(self, source: str, sample: Reading) -> bool:
        """Have what `source` gave appended; says whether it is going to be tried. Returns at once."""
        size = sample.nbytes
        with self._changed:
            if self._closed or (self._queued + size > QUEUE and self._queue):
                self._dropped["closed" if self._closed else "late"] += 1
                return False
            self._queue.append((source, sample))
            self._queued += size
            self._changed.notify_all()
        return True

    def close(self) -> None:
        """Finish, within three seconds; what the disk has not taken by then is dropped."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(DRAIN)
        with self._changed:
            if self._queue:
                self._dropped["late"] += len(self._queue)
                self._queue.clear()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closed, _WAIT)
                waiting = self._queue.popleft() if self._queue else None
                if waiting is None and self._closed:
                    break
            if waiting is None:
                self._store.rest()
                continue
            source, sample = waiting
            reason = self._store.store(source, sample)
            with self._changed:
                self._queued -= sample.nbytes
                if reason:
                    self._dropped[reason] += 1
                else:
                    self._written += 1
        lost = self._store.finish()
        with self._changed:
            self._written -= lost
            if lost:
                self._dropped["disk"] += lost

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def free_directory(path: str | Path) -> Path:
    """`path`, or where that holds a recording already, the first of `path-2`, `path-3`, … that does not."""
    place, number = Path(path), 1
    while (place / ABOUT).exists():
        number += 1
        place = Path(f"{path}-{number}")
    return place

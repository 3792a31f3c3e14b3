"""Writes a session to disk: what the sources gave, with its times.

A recording is a directory: `recording.json` (what it is and, once it is closed, how many samples of each source it
has) and, for each source, `NN-SSSS.rec`: segments whose first line (JSON) names the source and the kind of its
readings, which follow as checked records. Records are appended whole and at once, so a process that is killed leaves at
most one cut-off record in each, which playing back leaves out and reports.

Packing and writing are done by a thread of the recorder's own: a disk that takes seconds delays no source.
"""

import contextlib
import json
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

from sensors.core.errors import SourceError
from sensors.core.percept import Reading
from sensors.signals.jpeg import JpegBudget
from sensors.signals.records import needs, pack

SEGMENT = 64 * 2**20
"""Bytes after which a source's next segment begins."""
MOST_SOURCES = 64
"""Sources of one recording."""
QUEUE = 128 * 2**20
"""Bytes of readings that wait for the disk at most: 10 s of sound and of a camera's pictures in colour."""
PICTURES = 20 * 2**20 / 60
"""Bytes a second that the pictures of one source take, unless another budget is given."""
DRAIN = 3.0
"""Longest that closing waits for the disk, seconds."""
VERSIONS = (1, 2)
"""Of the layout on disk: 1 has sound and grey pictures alone, 2 says what else is needed to read it."""
ABOUT = "recording.json"
"""File that makes a directory a recording."""
_WAIT = 1.0


@dataclass(eq=False)
class _OpenSegment:
    """One source's open segment."""

    index: int
    kind: str
    budget: JpegBudget
    segments: int = 0
    size: int = 0
    file: IO[bytes] | None = None


class Recorder:
    """Writes what sources give to a new recording; safe to call from several threads.

    Nothing it meets ends a run or holds it up: what cannot be written any more is dropped and counted.

    Args:
        directory: made if it is not there; must not hold a recording yet.
        limit: bytes of the whole recording at most.
        pictures: bytes a second of each source's colour pictures; their quality as JPEG is chosen by it.

    Raises:
        SourceError: the directory holds a recording, or cannot be written to.
    """

    def __init__(self, directory: str | Path, limit: int = 4096 * 2**20, pictures: float = PICTURES) -> None:
        self._directory, self._limit, self._pictures = Path(directory), limit, pictures
        self._written, self._dropped = 0, Counter[str]()
        self._tracks: dict[str, _OpenSegment] = {}
        self._samples = Counter[str]()
        self._needs = set[str]()
        self._size = 0
        self._changed = threading.Condition()
        self._queue: deque[tuple[str, Reading]] = deque()
        self._queued = 0  # bytes
        self._closed = False
        self._begun = time.time()
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            if (self._directory / ABOUT).exists():
                raise SourceError(f"{directory}: holds a recording already; choose another folder")
            self._tell(None)
        except OSError as error:
            raise SourceError(f"{directory}: cannot record there ({error.strerror}); choose another folder") from None
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
                if not self._changed.wait_for(lambda: self._queue or self._closed, _WAIT):
                    continue
                if not self._queue:
                    break
                source, sample = self._queue.popleft()
            reason = self._store(source, sample)
            with self._changed:
                self._queued -= sample.nbytes
                if reason:
                    self._dropped[reason] += 1
                else:
                    self._written += 1
        for track in self._tracks.values():
            if track.file is not None:
                track.file.close()
                track.file = None
        # A recording that does not say it is played as one whose end may be missing.
        with contextlib.suppress(OSError):
            self._tell(self._samples)

    def _tell(self, samples: Mapping[str, int] | None) -> None:
        """Write what this recording is; `samples` of each source, None while it goes on."""
        about = self._directory / ABOUT
        beside = about.with_suffix(".new")
        told: dict[str, Any] = {"version": VERSIONS[bool(self._needs)], "begun": self._begun, "samples": samples}
        if self._needs:
            told["needs"] = sorted(self._needs)
        beside.write_text(json.dumps(told) + "\n")
        beside.replace(about)

    def _store(self, source: str, sample: Reading) -> str:
        """Append a sample; why it cannot be, or nothing."""
        track = self._tracks.get(source)
        budget = JpegBudget(self._pictures) if track is None else track.budget
        try:
            record = pack(sample, budget)
        except ValueError:
            return "unfit"
        if self._size + len(record) > self._limit:
            return "full"
        if track is None:
            if len(self._tracks) == MOST_SOURCES:
                return "sources"
            track = self._tracks[source] = _OpenSegment(len(self._tracks), sample.kind, budget)
        if track.kind != sample.kind:
            return "unfit"
        try:
            if not (needed := needs(sample)) <= self._needs:
                # Said before the first such record: programs that cannot read it refuse the recording as a whole.
                self._needs |= needed
                self._tell(None)
            if track.file is None or track.size + len(record) > SEGMENT:
                self._turn(track, source)
            assert track.file is not None
            track.file.write(record)
        except OSError:
            self._drop_tail(track)
            return "disk"
        track.size += len(record)
        self._samples[source] += 1
        self._size += len(record)
        return ""

    def _turn(self, track: _OpenSegment, source: str) -> None:
        """Close the track's segment and begin the next."""
        if track.file is not None:
            os.fsync(track.file.fileno())
            track.file.close()
            track.file = None
        path = self._directory / f"{track.index:02d}-{track.segments:04d}.rec"
        file = path.open("xb", buffering=0)
        line = json.dumps({"source": source, "kind": track.kind}).encode() + b"\n"
        file.write(line)
        track.file, track.size = file, len(line)
        track.segments += 1

    def _drop_tail(self, track: _OpenSegment) -> None:
        """Cut off what a full disk let through of a record, so that later ones can follow."""
        if track.file is not None:
            try:
                track.file.truncate(track.size)
                track.file.seek(track.size)
            except OSError:
                track.file.close()
                track.file = None

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

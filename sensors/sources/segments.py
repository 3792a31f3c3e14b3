"""The folder of a recording: what is written where, and how much of it."""

import contextlib
import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from sensors.core.errors import SourceError
from sensors.core.percept import Reading
from sensors.signals.jpeg import JpegBudget
from sensors.signals.records import needs, pack

SEGMENT = 64 * 2**20
"""Bytes after which a source's next segment begins."""
MOST_SOURCES = 64
"""Sources of one recording."""
PICTURES = 20 * 2**20 / 60
"""Bytes a second that the pictures of one source take, unless another budget is given."""
VERSIONS = (1, 2)
"""Of the layout on disk: 1 has sound and grey pictures alone, 2 says what else is needed to read it."""
ABOUT = "recording.json"
"""File that makes a directory a recording."""


@dataclass(eq=False)
class _OpenSegment:
    """One source's open segment."""

    index: int
    kind: str
    budget: JpegBudget
    segments: int = 0
    size: int = 0
    file: IO[bytes] | None = None


class Segments:
    """A recording as a directory of checked records. One thread writes it.

    Args:
        directory: made if it is not there; must not hold a recording yet.
        limit: bytes of the whole recording at most.
        pictures: bytes a second of each source's colour pictures.
        begun: second since 1970 at which the recording begins.

    Raises:
        SourceError: the directory holds a recording, or cannot be written to.
    """

    def __init__(self, directory: Path, limit: int, pictures: float, begun: float) -> None:
        self._directory, self._limit, self._pictures, self._begun = directory, limit, pictures, begun
        self._tracks: dict[str, _OpenSegment] = {}
        self._samples = Counter[str]()
        self._needs = set[str]()
        self._size = 0
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            if (self._directory / ABOUT).exists():
                raise SourceError(f"{directory}: holds a recording already; choose another folder")
            self._tell(None)
        except OSError as error:
            raise SourceError(f"{directory}: cannot record there ({error.strerror}); choose another folder") from None

    def store(self, source: str, sample: Reading) -> str:
        """Append a sample; see `Store.store`."""
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

    def rest(self) -> None:
        """Every record is written at once."""

    def finish(self) -> int:
        """Close the files, and say what is in them; see `Store.finish`."""
        for track in self._tracks.values():
            if track.file is not None:
                track.file.close()
                track.file = None
        # A recording that does not say it is played as one whose end may be missing.
        with contextlib.suppress(OSError):
            self._tell(self._samples)
        return 0

    def _tell(self, samples: Mapping[str, int] | None) -> None:
        """Write what this recording is; `samples` of each source, None while it goes on."""
        about = self._directory / ABOUT
        beside = about.with_suffix(".new")
        told: dict[str, Any] = {"version": VERSIONS[bool(self._needs)], "begun": self._begun, "samples": samples}
        if self._needs:
            told["needs"] = sorted(self._needs)
        beside.write_text(json.dumps(told) + "\n")
        beside.replace(about)

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

"""Recorded sessions: sources that give again what `sensors.recorder` wrote, bit for bit and with its timing."""

import json
import threading
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, cast

from sensors.errors import SourceError
from sensors.loop import LoopSource
from sensors.recorder import ABOUT, VERSION, Kind
from sensors.records import Damaged, unpack
from sensors.source import Chunk, Ended, Frame, T

_LONGEST_LINE = 4096


class Recording:
    """A recorded session; its sources share one clock, which starts when the first of them is connected.

    Args:
        directory: that a `Recorder` wrote.
        speed: how many times faster than it was recorded it is played; times keep their recorded distances.
        shift: move the times so that the recording begins when it is first connected; False leaves every bit.

    Attributes:
        damaged: why segments ended early, each with its name; grows while they are played.

    Raises:
        SourceError: no recording is there, or one of another version; a damaged segment's beginning.
    """

    def __init__(self, directory: str | Path, speed: float = 1.0, shift: bool = True) -> None:
        self.directory = Path(directory)
        self.damaged: list[str] = []
        self._speed, self._shift = speed, shift
        self._lock = threading.Lock()
        self._began: float | None = None
        _check_about(self.directory)
        self._segments: dict[str, tuple[Kind, list[Path]]] = {}
        for path in sorted(self.directory.glob("*.rec")):
            source, kind = _label(path)
            self._segments.setdefault(source, (kind, []))[1].append(path)
        firsts = [next(self._play(name), None) for name in self._segments]
        times = [time_of(sample) for sample in firsts if sample is not None]
        if not times:
            raise SourceError(f"{directory}: the recording is empty; record again, or give another folder")
        self._origin = min(times)

    @property
    def names(self) -> tuple[str, ...]:
        """The sources that were recorded."""
        return tuple(self._segments)

    def sounds(self) -> "list[RecordedSource[Chunk]]":
        """A source for each recorded one of sound."""
        return [RecordedSource[Chunk](self, name) for name, (kind, _) in self._segments.items() if kind == "sound"]

    def pictures(self) -> "list[RecordedSource[Frame]]":
        """A source for each recorded one of pictures."""
        return [RecordedSource[Frame](self, name) for name, (kind, _) in self._segments.items() if kind == "pictures"]

    def samples(self, name: str) -> Generator[Chunk | Frame]:
        """What one source gave, at once and with its recorded times."""
        return self._play(name)

    def _play(self, name: str) -> Generator[Chunk | Frame]:
        kind, paths = self._segments[name]
        wanted = Chunk if kind == "sound" else Frame
        for path in paths:
            with path.open("rb") as file:
                file.readline(_LONGEST_LINE)
                try:
                    while (sample := unpack(cast(BinaryIO, file))) is not None:
                        if not isinstance(sample, wanted):
                            raise Damaged("a record is of another kind than its file")
                        yield sample
                except Damaged as damage:
                    text = f"{path.name}: {damage}"
                    if text not in self.damaged:
                        self.damaged.append(text)

    def due(self, recorded: float) -> float:
        """The monotonic second at which what was recorded at `recorded` is given; the first call starts the clock."""
        with self._lock:
            if self._began is None:
                self._began = time.monotonic()
            return self._began + (recorded - self._origin) / self._speed

    def shifted(self, sample: Chunk | Frame) -> Chunk | Frame:
        """The sample as it is given: moved to now, unless the recording keeps its times."""
        if not self._shift or self._began is None:
            return sample
        offset = self._began - self._origin
        if isinstance(sample, Chunk):
            return replace(sample, start=sample.start + offset)
        return replace(sample, time=sample.time + offset)

    def __repr__(self) -> str:
        return f"Recording({str(self.directory)!r}, {', '.join(self.names)})"


class RecordedSource(LoopSource[T]):
    """A source that gives what was recorded, when it is due; waits for its reader, so that nothing is lost."""

    def __init__(self, recording: Recording, name: str, capacity: int = 256, timeout: float = 2.0) -> None:
        self.recording = recording
        super().__init__(
            name, lambda: _Tape(recording, name), capacity=capacity, timeout=timeout, stall=None, patient=True
        )

    def __str__(self) -> str:
        return f"{self.name} of {str(self.recording.directory)!r} ({self.state})"


class _Tape:
    """The driver of a recorded source."""

    def __init__(self, recording: Recording, name: str) -> None:
        self._recording = recording
        self._samples = recording.samples(name)
        self._next: Chunk | Frame | None = next(self._samples, None)

    def read(self, timeout: float) -> Any:  # a Chunk or a Frame: what the source's own type says
        if self._next is None:
            raise Ended("the recording is at its end")
        wait = self._recording.due(time_of(self._next)) - time.monotonic()
        if wait > 0:
            time.sleep(min(wait, timeout))
        if wait > timeout:
            return None
        sample, self._next = self._next, next(self._samples, None)
        return self._recording.shifted(sample)

    def close(self) -> None:
        self._samples.close()


def time_of(sample: Chunk | Frame) -> float:
    """When a sample began, monotonic seconds."""
    return sample.start if isinstance(sample, Chunk) else sample.time


def _check_about(directory: Path) -> None:
    try:
        with (directory / ABOUT).open("rb") as file:
            about = json.loads(file.read(_LONGEST_LINE))
        version = about["version"]
    except (OSError, ValueError, KeyError, TypeError):
        raise SourceError(f"{directory}: holds no recording; give a folder that --record wrote") from None
    if version != VERSION:
        raise SourceError(f"{directory}: a recording of version {version!r}; this program reads version {VERSION}")


def _label(path: Path) -> tuple[str, Kind]:
    try:
        with path.open("rb") as file:
            label = json.loads(file.readline(_LONGEST_LINE))
        source, kind = label["source"], label["kind"]
    except (OSError, ValueError, KeyError, TypeError):
        raise SourceError(f"{path}: the beginning is damaged; remove the file to play the others") from None
    if not isinstance(source, str) or kind not in ("sound", "pictures"):
        raise SourceError(f"{path}: no recording of sound or pictures; remove the file to play the others")
    return source, kind

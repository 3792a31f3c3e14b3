"""Recorded sessions: sources that give again what `sensors.sources.recorder` wrote, bit for bit and with its timing."""

import dataclasses
import json
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from types import NoneType
from typing import Any

from sensors.core.errors import SourceError
from sensors.core.percept import Reading
from sensors.signals.readings import Chunk, Frame, Values
from sensors.signals.records import NEEDS, read_samples
from sensors.sources.loop import AT_ITS_END, LoopSource
from sensors.sources.recorder import ABOUT, MOST_SOURCES, VERSIONS
from sensors.sources.source import Counts, Ended, T
from sensors.system.files import open_regular

_LONGEST_LINE = 4096
_STORED: tuple[type[Reading], ...] = (Chunk, Frame, Values)
"""Classes whose records have a form of their own; readings of their subclasses are recorded in these forms."""
_SEGMENT_NUMBER = re.compile(r"-(\d{4,})\.rec$")
_MOST_DAMAGED = 1000  # damaged places that are told one by one; all are counted


class Recording:
    """A recorded session; its sources share one clock, which starts when the first of them is connected.

    Args:
        directory: that a `Recorder` wrote.
        speed: how many times faster than it was recorded it is played; 0: as fast as it is read. Times keep their
            recorded distances.
        shift: move the times so that the recording begins when it is first connected; False leaves every bit.
        readings: classes of the readings that are wanted.

    Attributes:
        damaged: what is damaged and left out, each place with its segment's name; grows while they are played.
        on_damage: called with each of these, in the thread of the source that met it.

    Raises:
        SourceError: no recording is there, or one of another version; a damaged segment's beginning.
        DataError: a segment is no regular file, or must not be read.
    """

    def __init__(
        self,
        directory: str | Path,
        speed: float = 1.0,
        shift: bool = True,
        readings: Sequence[type[Reading]] = (Chunk, Frame),
    ) -> None:
        self.directory = Path(directory)
        self.damaged: list[str] = []
        self.on_damage: Callable[[str], None] = lambda text: None
        self._damages: Counter[str] = Counter()
        self._speed, self._shift = speed, shift
        self._lock = threading.Lock()
        self._began: float | None = None
        about = _read_about(self.directory)
        self._declared: dict[str, Any] | None = about.get("samples")
        self._unclosed = "samples" in about and self._declared is None
        self._given: Counter[str] = Counter()
        self._missing: Counter[str] = Counter()
        self._classes = {reading.kind: reading for reading in readings}
        self._segments: dict[str, tuple[str, list[Path]]] = {}
        for path in sorted(self.directory.glob("*.rec")):
            source, kind = _label(path)
            self._segments.setdefault(source, (kind, []))[1].append(path)
        firsts = [next(self._play(name), None) for name in self._segments]
        times = [sample.begin for sample in firsts if sample is not None]
        if not times:
            why = f"damaged ({self.damaged[0]})" if self.damaged else "empty"
            raise SourceError(f"{directory}: the recording is {why}; record again, or give another folder")
        self._origin = min(times)
        # They are met again, and told, when they are played.
        self.damaged.clear()
        self._damages.clear()

    @property
    def names(self) -> tuple[str, ...]:
        """The sources that were recorded."""
        return tuple(self._segments)

    @property
    def kinds(self) -> dict[str, str]:
        """Kinds of readings of the sources that were recorded, wanted or not, by the sources' names."""
        return {name: kind for name, (kind, _) in self._segments.items()}

    @property
    def origin(self) -> float:
        """Second of the recording machine's clock at which it begins."""
        return self._origin

    def declared(self, name: str) -> int | None:
        """How many samples of one source were recorded; None: the recording does not say."""
        count = (self._declared or {}).get(name)
        return count if isinstance(count, int) else None

    def sources(self, *readings: type[Reading]) -> "list[RecordedSource[Any]]":
        """A source for each recorded one that gave such readings, those of the first class first; None: all wanted."""
        wanted = readings or self._classes.values()
        return [
            RecordedSource(self, name)
            for reading in wanted
            for name, (kind, _) in self._segments.items()
            if kind == reading.kind
        ]

    def samples(self, name: str) -> Generator[Reading]:
        """What one source gave, at once and with its recorded times."""
        return self._play(name)

    def damages(self, name: str) -> int:
        """Damaged places that were met in one source."""
        return self._damages[name]

    def missing(self, name: str) -> int:
        """Samples of one source that were recorded and not found.

        Each damaged place accounts for one sample, which is not counted here.
        """
        return self._missing[name]

    def ending(self, name: str) -> str:
        """In words what one source that was played to its end has lacked; empty where it lacked nothing."""
        parts = []
        declared = (self._declared or {}).get(name)
        if self._missing[name] or self._damages[name]:
            of = f" of {declared}" if isinstance(declared, int) else ""
            parts.append(f"{self._given[name]}{of} samples")
        if places := self._damages[name]:
            parts.append(f"{places} damaged place{'s' if places > 1 else ''}")
        if self._unclosed:
            parts.append("the recorder did not close it: the last moments may be missing")
        return f"{AT_ITS_END}: {', '.join(parts)}" if parts else ""

    def _play(self, name: str) -> Generator[Reading]:
        self._given[name] = 0
        for sample in self._read(name):
            self._given[name] += 1
            yield sample
        if isinstance(declared := (self._declared or {}).get(name), int):
            self._missing[name] = max(0, declared - self._given[name] - self._damages[name])

    def _read(self, name: str) -> Generator[Reading]:
        kind, paths = self._segments[name]
        wanted = self._classes.get(kind)
        stored = None if wanted is None else next(form for form in _STORED if issubclass(wanted, form))
        expected = 0
        for path in paths:
            if number := _SEGMENT_NUMBER.search(path.name):
                for gone in range(expected, int(number[1])):
                    self._damage(name, f"{path.name[: number.start(1)]}{gone:04d}.rec: is missing")
                expected = int(number[1]) + 1

            def damaged(text: str, segment: str = path.name) -> None:
                self._damage(name, f"{segment}: {text}")

            with open_regular(path) as file:
                file.readline(_LONGEST_LINE)
                for sample in read_samples(file, damaged):
                    stored = stored or type(sample)
                    if type(sample) is not stored:
                        damaged(f"a record at {sample.begin:.3f} s is of another kind than its file")
                    elif wanted is None or wanted is stored:
                        yield sample
                    else:
                        yield wanted(*(getattr(sample, field.name) for field in dataclasses.fields(sample)))

    def _damage(self, name: str, text: str) -> None:
        if text not in self.damaged:
            self._damages[name] += 1
            if len(self.damaged) < _MOST_DAMAGED:
                self.damaged.append(text)
                self.on_damage(text)

    def due(self, recorded: float) -> float:
        """The monotonic second at which what was recorded at `recorded` is given; the first call starts the clock."""
        with self._lock:
            if self._began is None:
                self._began = time.monotonic()
            return self._began + ((recorded - self._origin) / self._speed if self._speed else 0.0)

    def shifted(self, sample: Reading) -> Reading:
        """The sample as it is given: moved to now, unless the recording keeps its times."""
        if not self._shift or self._began is None:
            return sample
        return sample.moved(self._began - self._origin)

    def __repr__(self) -> str:
        return f"Recording({str(self.directory)!r}, {', '.join(self.names)})"


class RecordedSource(LoopSource[T]):
    """A source that gives what was recorded, when it is due; waits for its reader, so that nothing is lost."""

    def __init__(self, recording: Recording, name: str, capacity: int = 256, timeout: float = 2.0) -> None:
        self.recording = recording
        super().__init__(
            name, lambda: _Tape(recording, name), capacity=capacity, timeout=timeout, stall=None, patient=True
        )

    @property
    def counts(self) -> Counts:
        """A copy of the counts so far; what the recording lacks is dropped as `damaged` and `missing`."""
        counts = super().counts
        lacks = {"damaged": self.recording.damages(self.name), "missing": self.recording.missing(self.name)}
        counts.dropped |= {reason: count for reason, count in lacks.items() if count}
        return counts

    def __str__(self) -> str:
        return f"{self.name} of {str(self.recording.directory)!r} ({self.standing})"


class _Tape:
    """The driver of a recorded source."""

    def __init__(self, recording: Recording, name: str) -> None:
        self._recording, self._name = recording, name
        self._samples = recording.samples(name)
        self._next: Reading | None = next(self._samples, None)

    def read(self, timeout: float) -> Any:  # a reading of the class that the source's own type says
        if self._next is None:
            raise Ended(self._recording.ending(self._name))
        wait = self._recording.due(self._next.begin) - time.monotonic()
        if wait > 0:
            time.sleep(min(wait, timeout))
        if wait > timeout:
            return None
        sample, self._next = self._next, next(self._samples, None)
        return self._recording.shifted(sample)

    def close(self) -> None:
        self._samples.close()


def is_recording(place: str | Path) -> bool:
    """Whether a path is the directory of a recording, whole or not."""
    return os.path.lexists(Path(place) / ABOUT)


def _read_about(directory: Path) -> dict[str, Any]:
    none = f"{directory}: holds no recording; give a folder that --record wrote"
    try:
        (directory / ABOUT).lstat()
    except (FileNotFoundError, NotADirectoryError):
        raise SourceError(none) from None
    except OSError:
        pass  # what keeps it from being read is told below
    try:
        with open_regular(directory / ABOUT) as file:
            about: dict[str, Any] = json.loads(file.read(_LONGEST_LINE * MOST_SOURCES))
        version, needed = about["version"], about.get("needs", [])
        if not isinstance(about.get("samples"), dict | NoneType) or not isinstance(needed, list):
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError):
        raise SourceError(none) from None
    if version not in VERSIONS:
        known = " and ".join(map(str, VERSIONS))
        raise SourceError(f"{directory}: a recording of version {version!r}; this program reads versions {known}")
    if unknown := [str(each) for each in needed if each not in NEEDS]:
        raise SourceError(
            f"{directory}: holds {', '.join(unknown)}, which this program cannot read; play it with a newer version"
        )
    return about


def _label(path: Path) -> tuple[str, str]:
    try:
        with open_regular(path) as file:
            label = json.loads(file.readline(_LONGEST_LINE))
        source, kind = label["source"], label["kind"]
    except (OSError, ValueError, KeyError, TypeError):
        raise SourceError(f"{path}: the beginning is damaged; remove the file to play the others") from None
    if not isinstance(source, str) or not isinstance(kind, str):
        raise SourceError(f"{path}: does not say what was recorded; remove the file to play the others")
    return source, kind

"""The contract of a reader of files: what a film, a robot's log or a dataset offers as streams of readings.

A reader registers itself with `register_reader`. The rest of the program finds it by the path that the user names and
never compares its name. Each file has a clock of its own, which all of its streams share. `sensors.files.player` maps
it to this machine's clock.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sensors.core.percept import Reading
from sensors.core.registrations import note
from sensors.signals.readings import Chunk, Frame, Values


@dataclass(frozen=True)
class FileStream:
    """A stream of readings in a file.

    Attributes:
        name: unique in its file, such as 'sound', '/camera/color/image_raw' or 'observation.state'.
        reading: class of its readings: `Chunk`, `Frame` or `Values`.
        rate: pictures or rows a second; of sound, samples a second in the file. None: not known.
        about: for people, such as '640 × 480, h264'.
        count: readings that the file declares; None: it does not say.
        refused: why no readings can be made of it; empty: they can.
        kind: of the readings that were recorded, where the file says so: senses that have another kind take them
            only where the user says so. Empty: it does not say.
    """

    name: str
    reading: type[Chunk] | type[Frame] | type[Values]
    rate: float | None
    about: str
    count: int | None = None
    refused: str = ""
    kind: str = ""


class Report(Protocol):
    """Takes what a reader has to tell while a stream is played; any thread may call it."""

    def lose(self, reason: str, count: int = 1) -> None:
        """Count what was lost: as in `sensors.sources.source.Counts.dropped`."""

    def remark(self, text: str) -> None:
        """Tell people a line."""


class OpenFile(ABC):
    """A file, or a part of one, that was opened.

    Attributes:
        streams: all that it holds, also those that are refused.
        begin: second of its own clock at which it begins. All of its streams share the clock.
    """

    streams: tuple[FileStream, ...]
    begin: float

    @abstractmethod
    def play(self, stream: str, report: Report, color: bool = False) -> Generator[Reading, None, str]:
        """The readings of one stream, with times on the file's own clock.

        Several streams are played at the same time, each by a thread of its own: every call opens what it needs.

        Args:
            stream: name of a stream that is not refused.
            report: takes what is lost or damaged.
            color: give pictures in colour; without it, grey ones.

        Yields:
            Readings in the order of their begins. Sound is mono at 16 kHz, in chunks of 10 to 200 ms.

        Returns:
            What to say at the end; empty where nothing was missing.

        Raises:
            SourceError: nothing more of the stream can be read.
        """

    def close(self) -> None:  # noqa: B027 (most files hold nothing open)
        """Let go of the file; streams that are being played go on."""


@dataclass(frozen=True)
class Part:
    """A film, a log or an episode: what is played at one stretch, on one clock.

    Attributes:
        name: for people.
        open: opens it; raises `SourceError`, in one line, where it cannot be read.
    """

    name: str
    open: Callable[[], OpenFile]


class FileReader(ABC):
    """One kind of files.

    Attributes:
        name: short and unique.
        about: for people, such as 'films with or without sound (MP4, MOV, …)'.
    """

    name: str
    about: str

    @abstractmethod
    def owns(self, path: Path) -> bool:
        """Whether a file or folder is of this kind; tells by its name or its first bytes, in milliseconds."""

    @abstractmethod
    def parts(self, path: Path) -> Sequence[Part]:
        """What is in it, in the order in which it is played; at least one.

        Raises:
            SourceError: it cannot be read by this program: why, and the fix.
        """


_READERS: dict[str, FileReader] = {}


def register_reader(reader: FileReader) -> FileReader:
    """Add a reader.

    Raises:
        ValueError: its name is taken.
    """
    if reader.name in _READERS:
        raise ValueError(f"reader of files {reader.name!r}: the name is taken")
    _READERS[reader.name] = reader
    note("reader of files", reader.name)
    return reader


def readers() -> Mapping[str, FileReader]:
    """All of them by name, in the order in which they were registered."""
    return _READERS


def reader_of(path: Path) -> FileReader | None:
    """The first reader that says that a path is its own; None: none does."""
    return next((reader for reader in _READERS.values() if reader.owns(path)), None)


def fits(stream: FileStream, reading: type[Any]) -> bool:
    """Whether a stream gives what a sense is perceived in.

    Args:
        stream: of a file.
        reading: class of the sense's readings.
    """
    return not stream.refused and issubclass(reading, stream.reading)

"""What every source keeps, of whatever sense: the same few verbs, states and counts.

A microphone, a camera and a recording are read alike; what differs is the readings that they give (see
`sensors/signals/readings.py`). All times are seconds on this machine's monotonic clock (`time.monotonic`), so sound,
pictures and others can be compared.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Generic, Literal, Self, TypeVar

from sensors.core.percept import Reading
from sensors.signals.readings import Chunk, Frame, Values

__all__ = ["Change", "Chunk", "Counts", "Ended", "Frame", "Observer", "Source", "SourceState", "T", "Values"]

SourceState = Literal["connecting", "live", "stalled", "closed"]
"""`connecting`: not yet heard from; `live`: it gives; `stalled`: it has stopped giving, or is gone, and is sought
again; `closed`: disconnected or at its end."""


@dataclass
class Counts:
    """What became of a source's samples since it was made; `Source.counts` gives a copy.

    Attributes:
        given: readings that came from the device.
        read: those handed to a reader by `read` and `async_read`.
        dropped: how many were lost, by reason: `overflow` (the reader was late and the ring full), `superseded` (a
            newer one was asked for), `device` (the device itself lost some), `stale` (came from a device that had been
            given up), `damaged` (pictures that are torn, and places of a recording that cannot be read, whatever they
            held), `missing` (what a film, a recording or the numbers of a picture sequence promise, and was not there),
            and of pictures `empty`, `unreadable` and `refused` (see `PictureError`).
        reconnects: how often the device was opened again after it had been lost.
    """

    given: int = 0
    read: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    reconnects: int = 0


@dataclass(frozen=True)
class Change:
    """One change of a source's state, or of what is known of it: what the log, the metrics and the terminal say.

    Attributes:
        source: its name.
        before: the state that it left; that in which it stays where there is another reason for it.
        after: the state that it is in.
        reason: why, for people; may be empty.
        opening: it is `stalled` only because its device takes long to open or to give its first sample.
    """

    source: str
    before: SourceState
    after: SourceState
    reason: str
    opening: bool = False

    def __str__(self) -> str:
        return f"{self.source}: {self.after}" + (f" ({self.reason})" if self.reason else "")


Observer = Callable[[Change], None]
"""Called at every change of state, in the source's own thread: return soon, raise nothing."""

T = TypeVar("T", bound=Reading)


class Ended(Exception):
    """The source is closed and everything it gave has been read; nothing will follow."""


class Source(ABC, Generic[T]):
    """A device, stream or recording that gives readings of one class, such as `Chunk` (sound) or `Frame` (pictures).

    One reader at a time. `connect` and `disconnect` may be called at any time, in any state, again and again.

    Attributes:
        name: short and unique among a run's sources, such as `microphone` or `robot-2/camera`.
        timeout: longest wait of `read`, seconds.
    """

    name: str
    timeout: float

    @abstractmethod
    def connect(self, warmup: float = 1.0) -> None:
        """Open the device and wait for its first sample; nothing happens when it is connected already.

        Args:
            warmup: longest wait for the first sample, seconds; 0 returns at once. A device that gives nothing in
                that time is left `stalled`, and sought on.

        Raises:
            SourceError: nothing that could be opened has this name; says what was looked for and the fix.
        """

    @abstractmethod
    def read(self) -> T:
        """The next unread sample, oldest first; waits up to `timeout`.

        Raises:
            TimeoutError: nothing came in time.
            Ended: the source is closed and nothing is left.
        """

    @abstractmethod
    def async_read(self, timeout: float = 0.2) -> T:
        """The newest unread sample; older unread ones are dropped and counted as `superseded`.

        Raises:
            TimeoutError: nothing new came within `timeout` seconds.
            Ended: the source is closed and nothing is left.
        """

    @abstractmethod
    def read_latest(self, max_age: float = 0.5) -> T:
        """The newest sample, read or unread, at once; it stays unread if it was.

        Raises:
            TimeoutError: it came more than `max_age` seconds ago, or there is none yet.
        """

    @abstractmethod
    def disconnect(self) -> None:
        """Close the device within a second, even while it is blocked; what is unread may still be read."""

    @property
    @abstractmethod
    def state(self) -> SourceState:
        """Where it stands now."""

    @property
    @abstractmethod
    def counts(self) -> Counts:
        """A copy of the counts so far."""

    @property
    def reached(self) -> float | None:
        """Monotonic second before which it gives nothing more; None: it cannot tell.

        Sources of files can. Their times may run ahead of this machine's clock, and are then all that is known of how
        much time has passed.
        """
        return None

    @abstractmethod
    def observe(self, observer: Observer) -> None:
        """Have `observer` called at every change of state from now on."""

    @abstractmethod
    def __str__(self) -> str: ...

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.disconnect()

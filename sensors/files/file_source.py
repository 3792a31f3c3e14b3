"""A source that gives one stream of files, part after part."""

import dataclasses
from collections.abc import Generator
from typing import Any

from sensors.core.errors import SourceError
from sensors.core.percept import Reading
from sensors.files.choice import Channel
from sensors.files.player import PlayedPart, Player
from sensors.signals.readings import Frame
from sensors.sources.loop import AT_ITS_END, LoopSource
from sensors.sources.source import Ended, T

CAPACITY = 256
"""Unread readings that are kept."""
PICTURES = 8
"""Unread pictures that are kept: those of a phone are 6 MB each."""


class FileSource(LoopSource[T]):
    """A source that gives what files hold, when it is due; waits for its reader, so that nothing is lost.

    Args:
        player: of the files.
        channel: that it gives, one of the player's.
        timeout: longest wait of `read`, seconds.
    """

    def __init__(self, player: Player, channel: Channel, timeout: float = 2.0) -> None:
        self.player, self.channel = player, channel
        capacity = PICTURES if issubclass(channel.reading, Frame) else CAPACITY
        super().__init__(
            channel.name, lambda: _Track(self), capacity=capacity, timeout=timeout, stall=None, patient=True
        )

    @property
    def reached(self) -> float:
        """Monotonic second before which it gives nothing more."""
        return self.player.reached(self.name)

    def __str__(self) -> str:
        return f"{self.name} of {self.player.name!r} ({self.standing})"


def sources_of(player: Player) -> list[FileSource[Any]]:
    """A source for each channel that a player has found a stream for."""
    return [FileSource(player, channel) for channel in player.channels]


class _Track:
    """The driver: one channel of a player."""

    def __init__(self, source: FileSource[Any]) -> None:
        self._source, self._player, self._channel = source, source.player, source.channel
        self._entry: PlayedPart | None = None
        self._readings: Generator[Reading, None, str] | None = None
        self._next: Reading | None = None
        self._ending = ""
        self._index = self._player.join(self._channel.name)

    def read(self, timeout: float) -> Any:  # a reading of the class that the channel says
        if self._readings is None and not self._enter():
            # The others are not through with the part before.
            self._player.pause(timeout)
            return None
        if self._next is None and not self._advance():
            return None
        assert self._next is not None
        if not self._player.wait(self._channel.name, self._next.begin, timeout):
            return None
        reading, self._next = self._player.given(self._next), None
        return self._wanted(reading)

    def close(self) -> None:
        if self._readings is not None:
            self._readings.close()
        self._player.part_away(self._channel.name)

    def _enter(self) -> bool:
        """Go on to the next part; whether its readings can be read now."""
        try:
            entry = self._player.enter(self._channel.name, self._index, self._source)
        except Ended:
            raise Ended(self._ending or AT_ITS_END) from None
        if entry is None:
            return False
        self._entry = entry
        if entry.file is None or entry.stream is None:
            self._leave("")
            return False
        self._readings = entry.file.play(entry.stream.name, self._source, self._channel.color)
        return True

    def _advance(self) -> bool:
        """Read the next reading; whether the part has one."""
        assert self._readings is not None
        try:
            self._next = next(self._readings)
            return True
        except StopIteration as end:
            self._leave(end.value or "")
        except Exception as error:  # whatever a library raises ends this stream of this part
            self._source.lose("unreadable", 1)
            self._leave(str(error) if isinstance(error, SourceError) else f"cannot be read on: {error}")
        return False

    def _leave(self, ending: str) -> None:
        assert self._entry is not None
        # Of a single part the source says it as it closes.
        self._ending = ending if self._player.single else ""
        if ending and not self._player.single:
            self._source.remark(f"{self._entry.part}: {ending}")
        self._index += 1
        self._readings = None
        self._player.leave(self._channel.name)

    def _wanted(self, reading: Reading) -> Reading:
        """The reading in the class that the senses want: rows of values have classes of their own."""
        wanted = self._channel.reading
        if type(reading) is wanted:
            return reading
        fields = dataclasses.fields(reading)  # type: ignore[arg-type]
        return wanted(*(getattr(reading, field.name) for field in fields))

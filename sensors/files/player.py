"""Plays files: their readings reach this machine's clock at their own pace, faster, or as fast as they are read.

The streams of a file are read by threads of their own, which `Player` keeps in step: none runs ahead of the slowest by
more than `AHEAD` seconds of the file. Where the reader of the sources is slow, all of them wait, so nothing is lost at
any speed. Parts follow each other with a pause, so that nothing is perceived across their border.
"""

import math
import threading
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from sensors.core.errors import SourceError
from sensors.core.percept import Reading
from sensors.files.choice import Channel, picked
from sensors.files.contract import FileStream, OpenFile, Part, Report
from sensors.sources.source import Ended

AHEAD = 1.0
"""Seconds of the file by which one stream may be read ahead of another."""
PAUSE = 6.5
"""Seconds between two parts: longer than what senses remember of the background, as the next may be of another room."""
SEARCHED = 32
"""Most parts that are opened beforehand in search of what the channels play."""


class PlayedPart(NamedTuple):
    """What a channel plays of a part.

    Attributes:
        part: name of the part.
        file: the part; None: it could not be opened.
        stream: of the channel; None: the part has none.
    """

    part: str
    file: OpenFile | None
    stream: FileStream | None


class Player:
    """Plays the parts of a path; its sources share one clock. Connect all of its sources, or none.

    Args:
        name: of what is played, for people.
        parts: what is played, in turn.
        channels: what is wanted of them.
        speed: how many times faster than at its own pace; 0: as fast as it is read. Times keep their distances.

    Attributes:
        channels: those for which a stream was found.

    Raises:
        SourceError: nothing can be played: all parts are damaged, or hold nothing that is wanted.
    """

    _end: float
    _began: float | None

    def __init__(self, name: str, parts: Sequence[Part], channels: Sequence[Channel], speed: float = 1.0) -> None:
        self.name, self._parts, self._speed = name, list(parts), speed
        found = _search(name, self._parts, channels)
        self.channels = [channel for channel in channels if channel.name in found]
        self._changed = threading.Condition()
        self._gone: set[str] = set()  # channels whose source was closed
        self._begin()

    @property
    def single(self) -> bool:
        """Whether there is only one part."""
        return len(self._parts) == 1

    def join(self, channel: str) -> int:
        """A channel's source is opened; where all had been closed, everything begins anew.

        Returns:
            The number of the part that it begins with.
        """
        with self._changed:
            if len(self._gone) == len(self.channels):
                self._gone.clear()
                self._begin()
            if channel in self._gone:
                # The others are under way: it goes on with their next part.
                self._gone.discard(channel)
                return self._index + 1
            return 0

    def part_away(self, channel: str) -> None:
        """A channel's source is closed: the others do not wait for it any more."""
        with self._changed:
            self._gone.add(channel)
            self._finish(channel)

    def enter(self, channel: str, index: int, report: Report) -> PlayedPart | None:
        """Go to a part, once all channels are through with the one before.

        Args:
            channel: that goes there.
            index: number of the part, from 0.
            report: takes why the part cannot be opened, and what of it is not played.

        Returns:
            What to play there; None: the others are not through yet.

        Raises:
            Ended: there is no such part.
        """
        if index >= len(self._parts):
            raise Ended
        with self._changed:
            if index > self._index:
                if len(self._through) < len(self.channels):
                    return None
                self._open(index, report)
            return PlayedPart(self._parts[index].name, self._file, self._picked.get(channel))

    def leave(self, channel: str) -> None:
        """A channel is through with the part."""
        with self._changed:
            self._finish(channel)

    def pause(self, timeout: float) -> None:
        """Wait until anything changes, `timeout` seconds at most."""
        with self._changed:
            self._changed.wait(timeout)

    def wait(self, channel: str, begin: float, timeout: float) -> bool:
        """Wait until a channel's next reading is due, and the others have come near; whether it is by then.

        Args:
            channel: of the reading.
            begin: second of the file's clock at which the reading begins.
            timeout: longest wait, seconds.
        """
        latest = time.monotonic() + timeout
        with self._changed:
            at = self._timeline(begin)
            if self._next[channel] != at:
                self._next[channel] = at
                self._changed.notify_all()
            if not self._changed.wait_for(lambda: at <= min(self._next.values()) + AHEAD, timeout):
                return False
            if self._began is None:
                self._began = time.monotonic()
            due = self._began + at / self._speed if self._speed else 0.0
        time.sleep(max(min(due, latest) - time.monotonic(), 0.0))
        return due <= latest

    def given(self, reading: Reading) -> Any:
        """A reading that is due, with its times on this machine's clock."""
        with self._changed:
            assert self._began is not None and self._file is not None
            self._end = max(self._end, self._timeline(reading.end))
            return reading.moved(self._began + self._timeline(0.0))

    def reached(self, channel: str) -> float:
        """Monotonic second before which a channel gives nothing more; -inf: not known yet."""
        with self._changed:
            if self._began is None:
                return -math.inf
            # A channel that is through with its part gives nothing before the others are.
            at = self._next[channel] if self._next[channel] < math.inf else min(self._next.values())
            return self._began + (at if at < math.inf else self._end)

    def _begin(self) -> None:
        self._index = -1
        self._file: OpenFile | None = None
        self._picked: dict[str, FileStream] = {}
        # Seconds of the timeline, on which part follows part: where this part begins, and the latest that was given.
        self._base = self._end = 0.0
        self._began = None
        # Second of the timeline at which the next reading of each channel begins, as far as that is known.
        self._next = {channel.name: -math.inf for channel in self.channels}
        self._through = {channel.name for channel in self.channels}

    def _finish(self, channel: str) -> None:
        self._next[channel] = math.inf
        self._through.add(channel)
        self._changed.notify_all()

    def _timeline(self, second: float) -> float:
        assert self._file is not None
        return self._base + second - self._file.begin

    def _open(self, index: int, report: Report) -> None:
        """Open a part; where that fails it is told and counted, and nothing of it is played."""
        if self._file is not None:
            self._file.close()
            self._base = self._end + PAUSE
        self._index, self._file, self._picked = index, None, {}
        part = self._parts[index]
        try:
            self._file = part.open()
        except SourceError as error:
            report.lose("unreadable")
            report.remark(f"{part.name} is passed over: {error}")
        else:
            self._picked, missing = picked(self.channels, self._file)
            for why in missing:
                report.lose("missing")
                report.remark(f"{part.name}: {why}")
            if index == 0:
                _tell_of_others(part.name, self._file, self._picked, report)
        for channel in self.channels:
            playing = channel.name in self._picked and channel.name not in self._gone
            self._next[channel.name] = self._base if playing else math.inf
        self._through = {channel.name for channel in self.channels if channel.name in self._gone}


def _search(name: str, parts: Sequence[Part], channels: Sequence[Channel]) -> set[str]:
    """Names of the channels that the parts have streams for.

    Raises:
        SourceError: there are none.
    """
    found = set[str]()
    held: dict[str, None] = {}
    opened, errors = 0, list[SourceError]()
    for part in parts[:SEARCHED]:
        try:
            file = part.open()
        except SourceError as error:
            errors.append(error)
            continue
        opened += 1
        streams, missing = picked(channels, file)
        errors += [SourceError(f"{part.name}: {why}") for why in missing]
        found |= set(streams)
        held |= {f"{stream.name} ({stream.refused or stream.reading.kind})": None for stream in file.streams}
        file.close()
        if len(found) == len(channels):
            return found
    topics = {channel.name for channel in channels if channel.topic is not None}
    if errors and (not opened or topics - found):
        raise errors[0]
    if not found:
        wanted = " and ".join(dict.fromkeys(channel.reading.kind for channel in channels))
        raise SourceError(
            f"{name}: this run perceives {wanted}, and it holds {', '.join(held) or 'nothing'}; name the senses that "
            "are perceived in learner.modalities, or a stream with --topic SENSE=STREAM"
        )
    return found


def _tell_of_others(part: str, file: OpenFile, played: dict[str, FileStream], report: Report) -> None:
    names = {stream.name for stream in played.values()}
    for stream in file.streams:
        if stream.name not in names:
            why = f": {stream.refused}" if stream.refused else ""
            report.remark(f"{part}: {stream.name} ({stream.about}) is not played{why}")

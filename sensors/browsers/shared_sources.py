"""The sources that a browser's messages become: a microphone and a camera like those of this machine."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from sensors.browsers.inbox import Inbox
from sensors.browsers.messages import Picture, Sound
from sensors.signals.jpeg import refuse_jpeg
from sensors.signals.pictures import PictureError, decode_picture
from sensors.signals.readings import Chunk, Frame
from sensors.sources.live_config import SensorsConfig
from sensors.sources.loop import LoopSource
from sensors.sources.timed_sound import TimedSound

BLOCK = 0.04
"""Sound in a message of a usual browser, seconds."""
PAUSES = (0.1, 0.5)
"""First and longest pause before a source looks for its browser again, seconds: looking costs nothing."""
ASTRAY = 30.0
"""Seconds between the time of a message and its arrival, beyond which the browser's clock is not believed."""
AHEAD = 0.1
"""Seconds by which a message may seem to arrive before its time."""

Clock = Callable[[], float | None]
"""Seconds to add to the browser's clock to get this machine's; None while that is not known."""


class SharedMicrophone(LoopSource[Chunk]):
    """The sound of one browser.

    Args:
        name: of the source.
        clock: of the browser.
        config: bounds and patience.
    """

    def __init__(self, name: str, clock: Clock, config: SensorsConfig) -> None:
        capacity = max(1, round(config.sound_buffer / BLOCK))
        self.inbox = Inbox[Sound](capacity)
        super().__init__(
            name,
            lambda: _SoundDriver(self.inbox, clock, self.lose),
            capacity=capacity,
            timeout=config.read_timeout,
            stall=config.stall,
            pauses=PAUSES,
        )


class SharedCamera(LoopSource[Frame]):
    """The pictures of one browser.

    Args:
        name: of the source.
        clock: of the browser.
        config: bounds and patience.
        side: longest side of a picture that is decoded, pixels.
        color: whether pictures keep their colours.
        kept: newest pictures that are kept for whoever looks back.
    """

    def __init__(self, name: str, clock: Clock, config: SensorsConfig, side: int, color: bool, kept: int = 0) -> None:
        self._recent: deque[Frame] = deque(maxlen=kept)
        self._looking = threading.Lock()
        self.inbox = Inbox[Picture](config.picture_buffer)
        super().__init__(
            name,
            lambda: _PictureDriver(self.inbox, clock, self.lose, side, color, self._keep),
            capacity=config.picture_buffer,
            timeout=config.read_timeout,
            stall=config.stall,
            pauses=PAUSES,
        )

    def recent(self) -> list[Frame]:
        """The newest pictures, oldest first."""
        with self._looking:
            return list(self._recent)

    def _keep(self, frame: Frame) -> None:
        with self._looking:
            self._recent.append(frame)


class _Driver:
    """What both have in common: one session of the browser, and its clock."""

    def __init__(self, inbox: Inbox[Any], clock: Clock, lose: Callable[[str, int], None]) -> None:
        self._inbox, self._clock, self._lose = inbox, clock, lose
        self._session = inbox.session()
        self._next: int | None = None

    def _take(self, timeout: float) -> tuple[Any, float] | None:
        """The next message, and its time on this machine's clock."""
        arrived = self._inbox.take(self._session, timeout)
        for reason, count in self._inbox.take_lost().items():
            self._lose(reason, count)
        if arrived is None:
            return None
        offset = self._clock()
        if offset is None:
            self._lose("clock", 1)
            return None
        at = arrived.message.at + offset
        if not arrived.at - ASTRAY <= at <= arrived.at + AHEAD:
            self._lose("astray", 1)
            return None
        return arrived.message, at

    def close(self) -> None:
        """Nothing is to be let go of."""


class _SoundDriver(_Driver):
    def __init__(self, inbox: Inbox[Sound], clock: Clock, lose: Callable[[str, int], None]) -> None:
        super().__init__(inbox, clock, lose)
        self._sound: tuple[int, TimedSound] | None = None

    def read(self, timeout: float) -> Chunk | None:
        """The next piece of sound."""
        taken = self._take(timeout)
        if taken is None:
            return None
        message, at = taken
        expected, rate = self._next, message.rate
        if expected is not None and message.first < expected:
            self._lose("repeated", 1)
            return None
        self._next = message.first + len(message.samples)
        if self._sound is None or self._sound[0] != rate:
            self._sound = rate, TimedSound(rate, BLOCK, self._lose)
        missing = 0 if expected is None else message.first - expected
        if missing:
            self._lose("browser", max(1, round(missing / rate / BLOCK)))
        return self._sound[1].chunk(at, message.samples, missing > 0, counted=missing > 0)


class _PictureDriver(_Driver):
    def __init__(
        self,
        inbox: Inbox[Picture],
        clock: Clock,
        lose: Callable[[str, int], None],
        side: int,
        color: bool,
        keep: Callable[[Frame], None],
    ) -> None:
        super().__init__(inbox, clock, lose)
        self._side, self._color, self._keep = side, color, keep

    def read(self, timeout: float) -> Frame | None:
        """The next picture."""
        taken = self._take(timeout)
        if taken is None:
            return None
        message, at = taken
        expected, self._next = self._next, message.first + 1
        if expected is not None and message.first < expected:
            self._lose("repeated", 1)
            return None
        if expected is not None and message.first > expected:
            self._lose("browser", message.first - expected)
        if refused := refuse_jpeg(message.data, self._side):
            self._lose(refused, 1)
            return None
        try:
            frame = Frame(at, decode_picture(message.data, self._color))
        except PictureError:
            self._lose("damaged", 1)
            return None
        self._keep(frame)
        return frame

"""A camera that serves one picture at a time: it is asked again and again."""

import time
from collections.abc import Callable

from sensors.cameras.sequence import Lose
from sensors.cameras.web import Web
from sensors.core.errors import SourceError
from sensors.signals.pictures import PictureError, decode_picture
from sensors.signals.records import LARGEST
from sensors.sources.source import Frame

MOST_DAMAGED = 3
"""After so many pictures in a row that cannot be taken, the camera counts as lost."""


class Snapshots:
    """The driver of a snapshot address; a picture that is as before is not given again.

    Args:
        web: asks the address.
        fps: how often it is asked, times a second.
        delay: how late its pictures come, seconds; taken off their times.
        timeout: longest wait for each part of an answer, seconds.
        lose: takes pictures that cannot be taken.
        idle: called when the camera has answered with nothing new.
        color: give pictures in colour; without it, grey ones.
    """

    def __init__(
        self,
        web: Web,
        fps: float,
        delay: float,
        timeout: float,
        lose: Lose,
        idle: Callable[[], None],
        color: bool = False,
    ) -> None:
        self._color = color
        self._web, self._period, self._delay, self._timeout = web, 1 / fps, delay, timeout
        self._lose, self._idle = lose, idle
        self._due = 0.0
        self._last = b""
        self._mark: dict[str, str] = {}
        self._damaged = 0

    def read(self, timeout: float) -> Frame | None:
        """The next new picture, if there is one by now.

        Raises:
            SourceError: the camera refuses, is gone, or gives nothing but damaged pictures.
        """
        wait = self._due - time.monotonic()
        if wait > 0:
            time.sleep(min(wait, timeout))
            if wait > timeout:
                self._idle()
                return None
        self._due = max(self._due + self._period, time.monotonic())
        data, headers = self._web.fetch(self._mark, self._timeout, LARGEST)
        now = time.monotonic()
        if data is None or data == self._last:
            self._damaged = 0
            self._idle()
            return None
        try:
            picture = decode_picture(data, self._color)
        except PictureError as error:
            self._lose(error.reason, 1)
            self._damaged += 1
            if self._damaged >= MOST_DAMAGED:
                why = f"gives a picture that {error}; give another address"
                raise SourceError(f"camera {self._web.shown!r}: {why}") from None
            return None
        self._damaged = 0
        # Only a good picture is remembered: a damaged one that stays the same must not pass as nothing new.
        self._last = data
        # A time of change tells only whole seconds apart; a tag tells every picture apart.
        tag = next((value for name, value in headers.items() if name.lower() == "etag"), None)
        self._mark = {"If-None-Match": tag} if tag else {}
        return Frame(now - self._delay, picture)

    def close(self) -> None:
        """Nothing is held open."""

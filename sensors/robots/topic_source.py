"""Topics of a live graph of robots' programs, such as ROS 2's, as sources."""

import queue
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sensors.core.percept import Reading
from sensors.files.ros.makers import Maker
from sensors.files.ros.stamps import stamp_of
from sensors.sources.loop import LoopSource

WAITING = 64
"""Messages of a topic that wait to be perceived; beyond, the oldest is lost and counted."""
OLD = 10.0
"""Seconds beyond which a stamp is of another clock: the time of arrival is taken then."""


class TopicSource:
    """A topic of a live graph as a source: its messages come by the graph's thread, and are read by the source's own.

    Args:
        name: of the source.
        maker: makes what turns messages into readings; None while it is not known how.

    Attributes:
        source: to be opened and read.
        messages: those that wait, each with the monotonic second at which it was measured.
    """

    def __init__(self, name: str, maker: Callable[["TopicSource"], Maker | None]) -> None:
        self.messages: queue.Queue[tuple[float, Any]] = queue.Queue(WAITING)
        self.source: LoopSource[Any] = LoopSource(name, lambda: self, capacity=256, stall=None)
        self._make = maker
        self._maker: Maker | None = None
        self._ready: list[Reading] = []
        self._lost = self._counted = 0

    def take(self, message: Any) -> None:
        """The graph's callback: keep a message with the monotonic second at which it was measured."""
        age = (time.time_ns() - (stamp_of(message) or 0)) / 1e9
        at = time.monotonic() - (age if -0.1 <= age <= OLD else 0.0)
        while True:
            try:
                return self.messages.put_nowait((at, message))
            except queue.Full:
                with suppress(queue.Empty):
                    self.messages.get_nowait()
                    self._lost += 1

    def read(self, timeout: float) -> Reading | None:
        """The next reading; see `sensors.sources.loop.Driver`."""
        if lost := self._lost - self._counted:
            self._counted += lost
            self.source.lose("overflow", lost)
        if not self._ready:
            self._maker = self._maker or self._make(self)
            try:
                at, message = self.messages.get(timeout=timeout)
            except queue.Empty:
                return None
            # Until it is known how sound is coded, it cannot be read.
            if self._maker is None:
                self.source.lose("unreadable", 1)
                return None
            self._ready = list(self._maker.take(at, message, lost > 0))
        return self._ready.pop(0) if self._ready else None

    def close(self) -> None:
        """Nothing is held open: the node ends its subscriptions."""

    def lose(self, reason: str, count: int = 1) -> None:
        """Makers count here what they cannot read."""
        self.source.lose(reason, count)

    def remark(self, text: str) -> None:
        """Makers say here what the log should say."""
        self.source.remark(text)

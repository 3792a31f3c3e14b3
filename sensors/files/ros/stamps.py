"""When a message was measured: by the stamp in its header, or where that is not set, by when it was recorded."""

from typing import Any

from sensors.files.contract import Report
from sensors.files.ros.bag import BagMessage

FAR = 60.0
"""Seconds by which a stamp may differ from the time at which its message was recorded; one that differs more is of
another clock, such as that of a simulation or of a camera that counts from its own start."""


def stamp_of(content: Any) -> int | None:
    """The stamp of a message, nanoseconds; None: messages of its type have none."""
    header = getattr(content, "header", None)
    stamp = getattr(header, "stamp", None) if header is not None else getattr(content, "timestamp", None)
    if stamp is None or not hasattr(stamp, "sec"):
        return None
    return int(stamp.sec) * 10**9 + int(stamp.nanosec)


def unusable(message: BagMessage) -> str:
    """Why a message's time is that of its recording; empty: its stamp is right."""
    stamp = stamp_of(message.content)
    if stamp is None:
        return "its messages have no stamp"
    if stamp == 0:
        return "its stamps are not set"
    if abs(stamp - message.time) > FAR * 1e9:
        return "its stamps are of another clock than the recording's"
    return ""


class Stamps:
    """Gives messages of one topic their times.

    Args:
        topic: its name, for the log.
        origin: nanosecond that is second 0.
        stamped: the topic's first message has a stamp that can be used.
        report: is told once when a later one has none.
    """

    def __init__(self, topic: str, origin: int, stamped: bool, report: Report) -> None:
        self._topic, self._origin, self._stamped, self._report = topic, origin, stamped, report
        self._told = False

    def time(self, message: BagMessage) -> float:
        """Second at which a message was measured, as far as is known."""
        stamp = stamp_of(message.content) if self._stamped else None
        if stamp is not None and (why := unusable(message)):
            if not self._told:
                self._told = True
                self._report.remark(f"{self._topic}: {why} in some messages: the times of their recording are taken")
            stamp = None
        return ((message.time if stamp is None else stamp) - self._origin) / 1e9

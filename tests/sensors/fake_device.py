"""A microphone that does what the test says: the lowest layer is the only thing that is faked."""

import threading
import time
from collections.abc import Callable

import numpy as np

from sensors.core.errors import SourceError
from sensors.sources.loop import Driver, LoopSource
from sensors.sources.source import Chunk, Ended
from tests.patience import PATIENCE

CALM = {"capacity": 8, "timeout": PATIENCE, "stall": PATIENCE, "pauses": (0.02, 0.1)}
"""Nothing counts as a stall that is only the moment in which a busy machine did something else."""


class Device:
    """A microphone at 100 chunks a second that can be unplugged, silenced, blocked and made to lose sound."""

    def __init__(self) -> None:
        self.there = True
        self.silent = False
        self.openable, self.readable = threading.Event(), threading.Event()
        self.openable.set()
        self.readable.set()
        self.loses = False
        self.last: int | None = None
        self.tried = self.opened = self.closed = 0
        self.users: set[str] = set()

    def open(self) -> "Stream":
        self.tried += 1
        self.openable.wait(PATIENCE)
        if not self.there:
            raise SourceError("microphone 'fake': unplugged")
        self.opened += 1
        return Stream(self)


class Stream:
    def __init__(self, device: Device) -> None:
        self.device = device
        self.count = 0

    def read(self, timeout: float) -> Chunk | None:
        device = self.device
        device.users.add(threading.current_thread().name)
        device.readable.wait(PATIENCE)
        if not device.there:
            raise OSError("the device is gone")
        if device.silent:
            time.sleep(timeout)
            return None
        if device.last is not None and self.count >= device.last:
            raise Ended
        time.sleep(0.01)
        self.count += 1
        gap, device.loses = device.loses, False
        return Chunk(time.monotonic(), np.full(160, self.count, np.float32), gap)

    def close(self) -> None:
        self.device.closed += 1


def source(device: Device, **changes: object) -> LoopSource[Chunk]:
    opener: Callable[[], Driver[Chunk]] = device.open
    return LoopSource("microphone", opener, **{**CALM, **changes})  # type: ignore[arg-type]  # a test's own settings

"""The supervisor's side of heartbeats, which an actor answers in a thread of its own, however long its work takes."""

from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayError

from runtime.supervisor.actors.clock import Clock

HEARTBEAT_EVERY = 0.5
"""Seconds between two heartbeats."""
FETCH = 1.0
"""Seconds for reading a heartbeat that has arrived."""


@dataclass(frozen=True)
class Heartbeat:
    """What an actor says of itself.

    Attributes:
        pid: its process number.
        node: Ray's id of the node that it is on.
        used: processor time of the process so far, in seconds.
    """

    pid: int
    node: str
    used: float


class Heartbeats:
    """Asks one actor for heartbeats, one at a time, and never waits for one.

    Args:
        clock: of the supervisor.

    Attributes:
        error: Ray's error of a failed heartbeat; None while heartbeats come.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.begin()

    def begin(self) -> None:
        """Begin with a new process."""
        self.error: RayError | None = None
        self._heard = self._next = self._clock()
        self._asked: Any = None

    @property
    def silence(self) -> float:
        """Seconds since the last heartbeat."""
        return self._clock() - self._heard

    def poll(self, handle: Any) -> Heartbeat | None:
        """Receive a heartbeat that has come, and ask for the next; None where none has come."""
        now, beat = self._clock(), None
        if self._asked is not None and ray.wait([self._asked], timeout=0)[0]:
            answer, self._asked = self._asked, None
            try:
                beat = Heartbeat(*ray.get(answer, timeout=FETCH))
                self._heard = now
            except RayError as error:
                self.error = error
        if self._asked is None and now >= self._next and self.error is None:
            self._asked, self._next = handle.heartbeat.remote(), now + HEARTBEAT_EVERY
        return beat

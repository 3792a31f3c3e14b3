"""Messages in the order of their stamps, though they were recorded in that of their arrival."""

import heapq
from collections.abc import Callable, Iterator
from typing import Generic, NamedTuple, TypeVar

WINDOW = 0.5
"""Seconds by which a message may come after a later one."""
MOST = 4096
"""Most messages that wait for earlier ones."""
LARGEST = 64 * 2**20
"""Most bytes of these messages; one is always allowed."""

M = TypeVar("M")


class _Waiting(NamedTuple):
    time: float
    number: int
    size: int
    message: object


class Order(Generic[M]):
    """Messages in, the same in the order of their times out.

    A message is given when one came that is half a second later, or when too much waits. One that comes after a later
    one was given is dropped.

    Args:
        drop: called for each message that is dropped.
    """

    def __init__(self, drop: Callable[[], None]) -> None:
        self._drop = drop
        self._waiting: list[_Waiting] = []
        self._size = self._number = 0
        self._newest = self._given = -float("inf")

    def put(self, time: float, message: M, size: int) -> Iterator[tuple[float, M]]:
        """Take a message of `size` bytes; give those whose turn has come, with their times."""
        if time < self._given:
            self._drop()
            return
        heapq.heappush(self._waiting, _Waiting(time, self._number, size, message))
        self._number += 1
        self._size += size
        self._newest = max(self._newest, time)
        while self._waiting[0].time <= self._newest - WINDOW or self._crowded():
            yield self._take()

    def flush(self) -> Iterator[tuple[float, M]]:
        """Give all that wait."""
        while self._waiting:
            yield self._take()

    def _crowded(self) -> bool:
        return len(self._waiting) > MOST or (self._size > LARGEST and len(self._waiting) > 1)

    def _take(self) -> tuple[float, M]:
        time, _, size, message = heapq.heappop(self._waiting)
        self._size -= size
        self._given = time
        return time, message  # type: ignore[return-value]

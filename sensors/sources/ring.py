"""A bounded queue of readings between the thread that gives and the one that reads; drops are counted."""

import threading
import time
from collections import Counter, deque
from typing import Generic

from sensors.sources.source import Counts, Ended, T


class Ring(Generic[T]):
    """The last `capacity` unread samples; where one is dropped, the one after it is marked.

    Args:
        capacity: unread samples that are kept; the oldest goes when another comes.
    """

    def __init__(self, capacity: int) -> None:
        self._changed = threading.Condition()
        self._unread: deque[T] = deque()
        self._capacity = capacity
        self._latest: tuple[float, T] | None = None
        self._ended = False
        self._given = self._read = 0
        self._dropped: Counter[str] = Counter()

    def put(self, sample: T) -> None:
        """Append what the device gave; the oldest unread sample makes room."""
        with self._changed:
            self._given += 1
            if len(self._unread) == self._capacity:
                self._unread.popleft()
                self._dropped["overflow"] += 1
                if self._unread:
                    self._unread[0] = self._unread[0].after_loss()
                else:
                    sample = sample.after_loss()
            self._unread.append(sample)
            self._latest = time.monotonic(), sample
            self._changed.notify_all()

    def room(self, timeout: float) -> bool:
        """Whether another sample fits without a drop, now or within `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._unread) < self._capacity, timeout)

    def lose(self, reason: str, count: int = 1) -> None:
        """Count what was lost before it could be put here."""
        with self._changed:
            self._dropped[reason] += count

    def end(self, ended: bool = True) -> None:
        """Say that nothing follows (readers get what is left, then `Ended`), or with False, that more may."""
        with self._changed:
            self._ended = ended
            self._changed.notify_all()

    def next(self, timeout: float) -> T:
        """The oldest unread sample; see `Source.read`."""
        with self._changed:
            self._wait(timeout)
            self._read += 1
            self._changed.notify_all()
            return self._unread.popleft()

    def newest(self, timeout: float) -> T:
        """The newest unread sample; see `Source.async_read`."""
        with self._changed:
            self._wait(timeout)
            sample = self._unread.pop()
            if skipped := len(self._unread):
                self._unread.clear()
                self._dropped["superseded"] += skipped
                sample = sample.after_loss()
            self._read += 1
            self._changed.notify_all()
            return sample

    def latest(self, max_age: float) -> T:
        """The newest sample, read or not; see `Source.read_latest`."""
        with self._changed:
            if self._latest is None:
                raise TimeoutError("nothing has come yet")
            came, sample = self._latest
            if (age := time.monotonic() - came) > max_age:
                raise TimeoutError(f"the newest came {age:.2f} s ago, more than {max_age:g} s")
            return sample

    def counts(self, reconnects: int) -> Counts:
        """The counts so far."""
        with self._changed:
            return Counts(self._given, self._read, dict(self._dropped), reconnects)

    def __len__(self) -> int:
        return len(self._unread)

    def _wait(self, timeout: float) -> None:
        if not self._changed.wait_for(lambda: self._unread or self._ended, timeout):
            raise TimeoutError(f"nothing came within {timeout:g} s")
        if not self._unread:
            raise Ended("the source is closed")

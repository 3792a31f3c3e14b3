"""Messages of one kind between the thread that takes them in and the one that reads them: bounded, by session."""

import threading
from collections import Counter, deque
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Arrived(NamedTuple, Generic[T]):
    """A message.

    Attributes:
        message: itself.
        at: monotonic second at which it arrived at this machine.
    """

    message: T
    at: float


class Inbox(Generic[T]):
    """Messages that wait; where there are too many, the oldest goes and is counted.

    Args:
        capacity: messages that wait at most.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._changed = threading.Condition()
        self._waiting: deque[Arrived[T]] = deque()
        self._lost: Counter[str] = Counter()
        self._session = 0
        self._closed = "no browser shares it yet"

    def begin(self) -> None:
        """Messages of a new session follow; what waits of the one before is lost."""
        with self._changed:
            self._session += 1
            self._closed = ""
            self._drop("session")
            self._changed.notify_all()

    def close(self, why: str) -> None:
        """No more messages follow for now; what waits is still read."""
        with self._changed:
            self._closed = self._closed or why
            self._changed.notify_all()

    def put(self, message: T, at: float) -> None:
        """Leave a message."""
        with self._changed:
            if len(self._waiting) == self._capacity:
                self._waiting.popleft()
                self._lost["overflow"] += 1
            self._waiting.append(Arrived(message, at))
            self._changed.notify_all()

    def lose(self, reason: str) -> None:
        """Count a message that is not taken."""
        with self._changed:
            self._lost[reason] += 1

    def take(self, session: int, timeout: float) -> Arrived[T] | None:
        """The oldest message of a session; None where none comes in time.

        Raises:
            ConnectionError: the session is over; says why.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed or self._session != session, timeout)
            if self._session != session:
                raise ConnectionError("it is shared anew")
            if self._waiting:
                return self._waiting.popleft()
            if self._closed:
                raise ConnectionError(self._closed)
            return None

    def session(self) -> int:
        """The session that goes on.

        Raises:
            ConnectionError: there is none; says why.
        """
        with self._changed:
            if self._closed:
                raise ConnectionError(self._closed)
            return self._session

    def take_lost(self) -> Counter[str]:
        """Messages that were lost since this was last asked, by reason."""
        with self._changed:
            lost, self._lost = self._lost, Counter()
            return lost

    def _drop(self, reason: str) -> None:
        if self._waiting:
            self._lost[reason] += len(self._waiting)
            self._waiting.clear()

"""Connections by which browsers share their microphone and camera: what waits for the sensors, and for each browser.

The page passes messages on and does not look into them, but for the clock. Both ways are bounded: slow or dead sensors
cost the page nothing but what it drops and counts, and a slow browser costs the sensors nothing.
"""

import secrets
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from page.access.refusals import Refused

WAITING = 4 * 2**20
"""Bytes of one connection that wait for the sensors at most: 2 s of sound and pictures."""
REPLIES = 256
"""Messages that wait for one browser at most."""
EXCHANGED = 16 * 2**20
"""Bytes that are passed on at once, at most."""


class SharedMessage(NamedTuple):
    """A message on its way to the sensors, see `sensors.browsers.browsers.Message`."""

    connection: str
    at: float
    text: bool
    data: bytes | None


class SharingConnection:
    """One connection.

    Args:
        wake: called, in any thread, when there is something to be told to the browser.

    Attributes:
        name: of the connection, made by chance.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self.name = secrets.token_hex(8)
        self._wake = wake
        self.waiting: deque[SharedMessage] = deque()
        self.nbytes = 0
        self._replies: deque[str] = deque(maxlen=REPLIES)

    def tell(self, text: str) -> None:
        """Leave a message for the browser."""
        self._replies.append(text)
        self._wake()

    def take_replies(self) -> list[str]:
        """What is to be told to the browser."""
        return [self._replies.popleft() for _ in range(len(self._replies))]


class SharingConnections:
    """All connections; used from any thread.

    Args:
        most: at one time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._connections: dict[str, SharingConnection] = {}
        self._ended: deque[SharedMessage] = deque(maxlen=1024)
        self._lost: Counter[str] = Counter()
        self._came = threading.Event()

    def __len__(self) -> int:
        return len(self._connections)

    @property
    def lost(self) -> dict[str, int]:
        """Messages that were not passed on, by reason."""
        with self._lock:
            return dict(self._lost)

    def open(self, wake: Callable[[], None]) -> SharingConnection:
        """A new connection.

        Raises:
            Refused: there are too many.
        """
        with self._lock:
            if len(self._connections) >= self._most:
                raise Refused("viewers", f"{self._most} browsers share already; close one of them")
            connection = SharingConnection(wake)
            self._connections[connection.name] = connection
            return connection

    def close(self, connection: SharingConnection) -> None:
        """The connection has ended; what waits of it is dropped."""
        with self._lock:
            self._lost["closed"] += len(connection.waiting)
            self._connections.pop(connection.name, None)
            self._ended.append(SharedMessage(connection.name, time.monotonic(), True, None))
        self._came.set()

    def put(self, connection: SharingConnection, text: bool, data: bytes) -> None:
        """A message came; where too much waits, the oldest piece of sound or picture goes."""
        message = SharedMessage(connection.name, time.monotonic(), text, data)
        with self._lock:
            connection.waiting.append(message)
            connection.nbytes += len(data)
            while connection.nbytes > WAITING:
                self._drop(connection)
        self._came.set()

    def wait(self, seconds: float) -> bool:
        """Wait for something to pass on; whether there is."""
        return self._came.wait(seconds)

    def take(self) -> list[SharedMessage]:
        """What is to be passed on."""
        found: list[SharedMessage] = []
        size = 0
        with self._lock:
            self._came.clear()
            found += self._ended
            self._ended.clear()
            for connection in self._connections.values():
                while connection.waiting and size < EXCHANGED:
                    message = connection.waiting.popleft()
                    taken = len(message.data or b"")
                    connection.nbytes -= taken
                    size += taken
                    found.append(message)
        return found

    def give(self, replies: Sequence[tuple[str, str]]) -> None:
        """Leave what the sensors say for the browsers that are still there."""
        with self._lock:
            told = [(self._connections.get(name), text) for name, text in replies]
        for connection, text in told:
            if connection is not None:
                connection.tell(text)

    def give_all(self, text: str) -> None:
        """Leave a message for every browser."""
        with self._lock:
            connections = list(self._connections.values())
        for connection in connections:
            connection.tell(text)

    def lose(self, messages: Sequence[SharedMessage], reason: str) -> None:
        """Count messages that did not reach the sensors."""
        with self._lock:
            self._lost[reason] += sum(message.data is not None for message in messages)

    def _drop(self, connection: SharingConnection) -> None:
        """Drop the oldest piece of sound or picture; texts are few and small, and go last."""
        place = next((i for i, message in enumerate(connection.waiting) if not message.text), 0)
        message = connection.waiting[place]
        del connection.waiting[place]
        connection.nbytes -= len(message.data or b"")
        self._lost["overflow"] += 1

"""Connections: how many there may be, and how long one may take to say what it wants.

The HTTP library bounds lines, headers and idle time, but neither the number of connections nor the time in which the
head of a request must arrive. Each connection therefore has a watch around the library's own protocol.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from typing import Any

from page.access.refusals import Refusals

LINGER = 1.0
"""Seconds for which what a refused client goes on sending is thrown away, so that it can read why it was refused."""
HEAD_WITHIN = 10.0
"""Seconds in which the head of a request must arrive, from the connection or from its first byte on."""


class Connections:
    """The connections of one server; used in its event loop alone.

    Args:
        refusals: counts those that are refused, as `connections`, and those that are too slow, as `too_slow`.
        most: at one time.
        each: of one address at one time.
        head_within: seconds for the head of a request.
    """

    def __init__(self, refusals: Refusals, most: int, each: int, head_within: float = HEAD_WITHIN) -> None:
        self._refusals, self._most, self._each, self.head_within = refusals, most, each, head_within
        self._open: Counter[str] = Counter()
        self._watched: dict[Any, WatchedConnection] = {}

    def __len__(self) -> int:
        return self._open.total()

    def watch(self, make: Callable[[], Any]) -> "WatchedConnection":
        """A protocol for a new connection.

        Args:
            make: the library's own protocol.
        """
        return WatchedConnection(self, make())

    def begun(self, inner: Any) -> None:
        """The head of a request has arrived on the connection of this protocol."""
        if (watched := self._watched.get(inner)) is not None:
            watched.begun()

    def ended(self, inner: Any, last: bool = False) -> None:
        """The request was answered.

        Args:
            inner: the library's protocol.
            last: whether nothing more is listened to on this connection.
        """
        if (watched := self._watched.get(inner)) is not None:
            watched.ended(last)

    def admit(self, watched: "WatchedConnection", address: str) -> bool:
        """Whether one more connection of this address may be there; it is counted."""
        if self._open.total() >= self._most or self._open[address] >= self._each:
            self._refusals.count("connections")
            return False
        self._open[address] += 1
        self._watched[watched.inner] = watched
        return True

    def release(self, watched: "WatchedConnection", address: str) -> None:
        """The connection is gone."""
        self._open[address] -= 1
        if not self._open[address]:
            del self._open[address]
        self._watched.pop(watched.inner, None)

    def slow(self) -> None:
        """A connection took too long."""
        self._refusals.count("too_slow")


class WatchedConnection(asyncio.Protocol):
    """One connection around the library's protocol.

    Attributes:
        inner: that protocol.
    """

    def __init__(self, connections: Connections, inner: Any) -> None:
        self.inner = inner
        self._connections = connections
        self._address: str | None = None
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it, or end it at once."""
        assert isinstance(transport, asyncio.Transport)
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if isinstance(peer, tuple) else ""
        if not self._connections.admit(self, address):
            transport.abort()
            return
        self._address, self._transport = address, transport
        self.inner.connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Pass on what comes."""
        if self._address is None:
            return
        if not self._busy and self._timer is None:
            self._await_head()
        self.inner.data_received(data)

    def eof_received(self) -> bool | None:
        """The other end sends no more."""
        if self._address is None:
            return None
        answer: bool | None = self.inner.eof_received()
        return answer

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it no more."""
        if self._address is None:
            return
        self._forget_timer()
        self._connections.release(self, self._address)
        self._address = None
        self.inner.connection_lost(exc)

    def pause_writing(self) -> None:
        """The other end takes nothing at the moment."""
        if self._address is not None:
            self.inner.pause_writing()

    def resume_writing(self) -> None:
        """It takes something again."""
        if self._address is not None:
            self.inner.resume_writing()

    def begun(self) -> None:
        """The head of a request has arrived."""
        self._busy = True
        self._forget_timer()

    def ended(self, last: bool) -> None:
        """The request was answered; after the `last` one the connection is closed, whatever still comes."""
        self._busy = last
        if last and self._transport is not None:
            self._forget_timer()
            self._timer = asyncio.get_running_loop().call_later(LINGER, self._abort)

    def _await_head(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._connections.head_within, self._too_slow)

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._connections.slow()
        self._abort()

    def _abort(self) -> None:
        self._timer = None
        if self._transport is not None:
            with contextlib.suppress(OSError):
                self._transport.abort()

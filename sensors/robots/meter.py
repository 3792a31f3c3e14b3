"""How much of what came in by each connection ZeroMQ still holds, and an end to connections that fill it.

ZeroMQ bounds the frames of a message and the messages of a queue, but not how many frames a message has: a peer that
never ends its message would fill this machine's memory, and nobody would be told, as half a message is never handed
out. So what the kernel has handed to ZeroMQ is compared with what ZeroMQ has handed to us; the difference is what it
holds, and where that is more than a peer of ours ever needs, its connection is cut.

Linux alone says how much came in by a connection.
"""

import contextlib
import fcntl
import os
import socket
import struct
import termios
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass

import zmq
from zmq.utils.monitor import recv_monitor_message

from sensors.core.errors import LinkError

CHECK = 0.02
"""Seconds between two looks at all connections."""
STRANGE = 1 << 16
"""Bytes that a peer which has not been welcomed may have on its way: a hello is far less."""
SLACK = 1 << 16
"""Bytes that may be anywhere between the kernel and us while both are asked."""
LIVELY = 1024
"""Bytes a second that ZeroMQ keeps for itself: signs of life."""
WATCHED = (
    zmq.Event.ACCEPTED
    | zmq.Event.DISCONNECTED
    | zmq.Event.HANDSHAKE_FAILED_NO_DETAIL
    | zmq.Event.HANDSHAKE_FAILED_PROTOCOL
)
"""Events of a socket that a meter wants to hear."""
_ENDED = zmq.Event.DISCONNECTED | zmq.Event.MONITOR_STOPPED
_ESTABLISHED = 1
_RECEIVED_AT = 128
"""Offset of `tcpi_bytes_received` in Linux's `struct tcp_info`."""


@dataclass(frozen=True)
class Allowance:
    """What a peer of ours ever needs.

    Attributes:
        message: bytes of one message that is not complete, frames and all.
        queue: bytes of all that waits to be read.
        connections: how many there may be.
    """

    message: int
    queue: int
    connections: int


@dataclass(eq=False)
class _Connection:
    """One connection: our own handle of its socket, what ZeroMQ has read from it, and what of that is accounted for."""

    handle: socket.socket
    since: float
    taken: int = 0
    settled: float = 0.0
    drains: int = -1
    cut: bool = False


class Meter:
    """Watches the connections of one listening socket, in a thread of its own; `close` it before the socket.

    Args:
        events: the socket's monitor, for `WATCHED`; belongs to the meter's thread from now on.
        port: at which the socket listens.
        allowance: what a peer ever needs.
        locked: connections have keys, which makes their frames longer.

    Attributes:
        counts: `overfull` (connections cut because ZeroMQ held too much of theirs), `crowded` (cut because there were
            too many), `handshake` (no ZeroMQ, or no keys where they are needed), `disconnected` (connections lost or
            ended).

    Raises:
        LinkError: this system does not say how much came in.
    """

    def __init__(self, events: "zmq.Socket[bytes]", port: int, allowance: Allowance, locked: bool) -> None:
        if not hasattr(socket, "TCP_INFO"):
            raise LinkError("robots can be heard on Linux alone, which says how much each of them has sent")
        self.counts: Counter[str] = Counter()
        self._events, self._port, self._allowance, self._locked = events, port, allowance, locked
        self._connections: dict[int, _Connection] = {}
        self._lock = threading.Lock()
        self._given: defaultdict[int, int] = defaultdict(int)
        self._known: dict[int, bool] = {}
        self._doomed: set[int] = set()
        self._drains = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="meter", daemon=True)
        self._thread.start()

    def observe(self, descriptor: int, nbytes: int, known: bool) -> None:
        """A message was handed out.

        Args:
            descriptor: of its connection, as ZeroMQ names it.
            nbytes: of its frames as they came in (`on_the_way` each).
            known: whether the peer is one that was welcomed.
        """
        with self._lock:
            self._given[descriptor] += nbytes
            self._known[descriptor] = known

    def drained(self) -> None:
        """Nothing waits to be handed out: what ZeroMQ holds by now are incomplete messages."""
        self._drains += 1

    def cut(self, descriptor: int) -> None:
        """End this connection, because of what came by it."""
        with self._lock:
            self._doomed.add(descriptor)

    def on_the_way(self, nbytes: int) -> int:
        """Bytes that a frame of `nbytes` takes on the wire."""
        nbytes += 33 if self._locked else 0
        return nbytes + (9 if nbytes > 255 else 2)

    def close(self) -> None:
        """Stop watching; connections go on."""
        self._stop.set()
        self._thread.join()
        for connection in self._connections.values():
            connection.handle.close()
        self._connections.clear()

    def _run(self) -> None:
        due = 0.0
        while not self._stop.is_set():
            if self._events.poll(int(CHECK * 1000)):
                self._hear()
            if (now := time.monotonic()) >= due:
                due = now + CHECK
                for descriptor in list(self._connections):
                    self._look(descriptor, now)

    def _hear(self) -> None:
        event = recv_monitor_message(self._events)
        kind, descriptor = event["event"], event["value"]
        if kind == zmq.Event.ACCEPTED:
            self._accept(descriptor)
        elif kind & _ENDED:
            self.counts["disconnected"] += kind == zmq.Event.DISCONNECTED
            self._forget(descriptor)
        else:
            self.counts["handshake"] += 1

    def _accept(self, descriptor: int) -> None:
        if (before := self._connections.pop(descriptor, None)) is not None:
            before.handle.close()
        # What was handed out already stands: messages may be quicker than the news of their connection.
        try:
            # A handle of our own: what ZeroMQ closes meanwhile may be another file by now, and must not be cut.
            handle = socket.socket(fileno=os.dup(descriptor))
        except OSError:
            return
        try:
            ours = handle.getsockname()[1] == self._port
        except (OSError, IndexError, TypeError):
            ours = False
        if not ours:
            handle.close()
            return
        self._connections[descriptor] = _Connection(handle, time.monotonic())
        if len(self._connections) > self._allowance.connections:
            self._end(self._connections[descriptor], "crowded")

    def _forget(self, descriptor: int) -> None:
        if (connection := self._connections.pop(descriptor, None)) is not None:
            connection.handle.close()
        with self._lock:
            self._given.pop(descriptor, None)
            self._known.pop(descriptor, None)
            self._doomed.discard(descriptor)

    def _look(self, descriptor: int, now: float) -> None:
        """See what ZeroMQ holds of one connection."""
        connection = self._connections[descriptor]
        try:
            state, taken = _taken(connection.handle)
        except OSError:
            state, taken = 0, 0
        if state != _ESTABLISHED:
            # It brings nothing any more.
            self._forget(descriptor)
            return
        # Asked for after that: a look that takes long finds less than there is rather than more.
        with self._lock:
            given, known = self._given.pop(descriptor, 0), self._known.get(descriptor, False)
            doomed = descriptor in self._doomed
        # What is handed out passes for what was read, and now and then a sign of life with it, but never for more.
        connection.settled = min(connection.settled, taken) + given
        if given:
            connection.settled += LIVELY * (now - connection.since)
            connection.since = now
        unread = taken - connection.settled
        # What had been read before everything complete was handed out, and was not handed out, is half a message.
        half = connection.taken - connection.settled if connection.drains != self._drains else 0.0
        connection.taken, connection.drains = taken, self._drains
        queue, message = (self._allowance.queue, self._allowance.message) if known else (STRANGE, STRANGE)
        if doomed or unread > queue + SLACK or half > message + SLACK:
            self._end(connection, "overfull")

    def _end(self, connection: _Connection, reason: str) -> None:
        if not connection.cut:
            connection.cut = True
            self.counts[reason] += 1
            with contextlib.suppress(OSError):
                connection.handle.shutdown(socket.SHUT_RDWR)


def _taken(handle: socket.socket) -> tuple[int, int]:
    """State of a connection, and bytes that were read from it so far.

    Raises:
        OSError: it is no TCP connection, or this kernel does not say.
    """
    # In this order, so that what comes in between counts as read rather than what was read as not.
    (waiting,) = struct.unpack("i", fcntl.ioctl(handle.fileno(), termios.FIONREAD, bytes(4)))
    info = handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    if len(info) < _RECEIVED_AT + 8:
        raise OSError("no count of what came in")
    return info[0], struct.unpack_from("Q", info, _RECEIVED_AT)[0] - waiting

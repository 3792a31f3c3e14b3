"""The host's end of the way from its robots: batches come in, and are acknowledged once they are stored.

    with RemoteIngest(IngestConfig(listen="tcp://127.0.0.1:5570")) as ingest:
        while True:
            received = ingest.run(0.05)
            ...store each item's batch, or `refuse` it...
            ingest.acknowledge(received)

What is not acknowledged is sent again by its robot after this end was started anew, under the same ids; whoever
stores batches passes over ids that it has. Nothing is queued here: what a robot may have under way is bounded by its
window, and what is beyond waits at the robot, or is lost and counted there. One thread may use it.

What a peer can make this machine hold is bounded, whatever it sends, by `meter.py`: 64 KiB on their way for one
that has not been welcomed, a window and a batch for a robot, of one message no more than a batch. Beyond that its
connection is cut within a few hundredths of a second. Bytes are counted as they came in: ZeroMQ needs up to 32 times as
much for a message of nothing but empty frames, up to twice as much where there are keys.
"""

import time
from collections import Counter
from collections.abc import Iterable
from math import ceil
from pathlib import Path
from types import TracebackType
from typing import Self

import zmq

from sensors.core.errors import LinkError
from sensors.robots import link
from sensors.robots.keys import check_address, known_robots, load_host_keys
from sensors.robots.meter import WATCHED, Allowance, Meter
from sensors.robots.remote_config import MIB, IngestConfig
from sensors.robots.robot_table import Answer, Received, RobotFigures, RobotTable

TURN = 64
"""Most batches that one `run` returns."""
FRAMES = 64
"""Most frames of a message; a batch comes in 35 at most."""
_ZAP = "inproc://zeromq.zap.01"
_ZERO_COPY_RECV = 10
"""Option of a context that pyzmq has no name for. It keeps a whole buffer for every small frame, however small."""
_PASSED_OVER = 10_000
"""Most frames of an endless message that are passed over at once, so that others are heard."""


class RemoteIngest:
    """Hears robots at one address.

    Args:
        config: where and how.

    Attributes:
        address: where robots are heard, with the port that was chosen where none was named.

    Raises:
        LinkError: there is no address, or it cannot be bound, needs keys, or the keys cannot be used.
    """

    def __init__(self, config: IngestConfig) -> None:
        if config.listen is None:
            raise LinkError("no address at which robots are heard: give --listen tcp://127.0.0.1:5570, or another")
        check_address(config.listen, config.keys, listens=True)
        self._keys = None if config.keys is None else Path(config.keys)
        own = None if self._keys is None else load_host_keys(self._keys)
        largest = config.batch_mib * MIB
        terms = link.Welcome(
            session=time.time_ns(),
            window=config.window,
            window_bytes=max(config.window_mib * MIB, largest),
            max_bytes=largest,
        )
        self._table = RobotTable(terms, config.robots)
        self._counts: Counter[str] = Counter()
        self._context = zmq.Context()
        self._context.set(_ZERO_COPY_RECV, 0)
        self._closed = self._amid = False
        self._meter: Meter | None = None
        try:
            # The gate is there before the door: without it, every key would be let in.
            self._gate = self._context.socket(zmq.REP)
            self._gate.bind(_ZAP)
            self._socket = self._context.socket(zmq.ROUTER)
            link.set_limits(self._socket, config.window, 2 * largest)
            self._socket.router_mandatory = True
            if own is not None:
                self._socket.curve_server = True
                self._socket.curve_secretkey = own.secret
                self._socket.zap_domain = b"reciprocal"
            self._socket.ipv6 = "[" in config.listen
            events = self._socket.get_monitor_socket(WATCHED)
            self._socket.bind(config.listen)
            self.address = self._socket.get_string(zmq.LAST_ENDPOINT)
            port = int(self.address.rpartition(":")[2])
            allowance = Allowance(largest, terms.window_bytes + 2 * largest, 4 * config.robots + 32)
            self._meter = Meter(events, port, allowance, own is not None)
        except zmq.ZMQError as error:
            self.close()
            raise LinkError(f"{config.listen}: cannot listen ({error.strerror}); choose another address") from None
        self._poller = zmq.Poller()
        for socket in (self._socket, self._gate):
            self._poller.register(socket, zmq.POLLIN)

    def run(self, seconds: float) -> list[Received]:
        """Hear robots; returns as soon as there are batches and no more messages wait, after `seconds` at the latest.

        Returns:
            At most `TURN` new batches, each robot's in its order. Each waits for `acknowledge`.
        """
        found: list[Received] = []
        end = time.monotonic() + seconds
        while len(found) < TURN:
            wait = 0.0 if found else end - time.monotonic()
            ready = dict(self._poller.poll(ceil(max(wait, 0.0) * 1000)))
            if self._gate in ready:
                self._admit()
            if self._socket in ready:
                self._hear(found)
            if time.monotonic() >= end or (found and self._socket not in ready):
                break
        return found

    def acknowledge(self, received: Iterable[Received]) -> None:
        """Tell the robots that these batches are stored for good."""
        for answer in self._table.acknowledge(received):
            self._say(answer)

    def refuse(self, received: Iterable[Received], reason: str) -> None:
        """Tell the robots that these batches will never be stored, and why, in a word."""
        for answer in self._table.refuse(received, reason):
            self._say(answer)

    @property
    def counts(self) -> dict[str, int]:
        """Messages refused since the start, by reason.

        The reasons of `RobotTable.refused` and of `Meter.counts`, and: `unknown_key` (no such robot), `unanswered`
        (answers to a robot that was gone or did not read them), `frames` (messages of more frames than the protocol
        has). Too many frames, like a frame of more than twice the cap, end the sender's connection.
        """
        counts = self._counts + self._table.refused + (self._meter.counts if self._meter is not None else Counter())
        return {name: count for name, count in counts.items() if count}

    def take_notes(self) -> list[str]:
        """Lines for people, see `RobotTable.take_notes`."""
        return self._table.take_notes()

    def robots(self) -> dict[str, RobotFigures]:
        """Figures of each robot, by name."""
        return self._table.robots(time.monotonic())

    def close(self) -> None:
        """Stop hearing; robots send unacknowledged batches again to the next host. A second call is harmless."""
        if not self._closed:
            self._closed = True
            if self._meter is not None:
                self._meter.close()
                self._socket.disable_monitor()
            self._context.destroy(linger=link.LINGER)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __str__(self) -> str:
        return f"RemoteIngest({self.address}, {'with' if self._keys else 'without'} keys)"

    def _hear(self, found: list[Received]) -> None:
        """Take in what waits, up to a turn."""
        assert self._meter is not None
        for _ in range(TURN):
            try:
                frames = self._message()
            except zmq.Again:
                self._meter.drained()
                return
            if not frames:
                return
            peer, user = frames.pop(0), None
            if self._keys is not None:
                # Set by the gate when it let this connection in.
                user = str(frames[0].get("User-Id")) if frames else ""
            received, answers = self._table.observe(
                peer.bytes, user, [frame.buffer for frame in frames], time.monotonic()
            )
            self._weigh(peer, frames)
            for answer in answers:
                self._say(answer)
            if received is not None:
                found.append(received)
                if len(found) == TURN:
                    return

    def _message(self) -> list[zmq.Frame]:
        """The next message, its sender first; nothing where it was none of ours.

        Raises:
            zmq.Again: there is none.
        """
        frames: list[zmq.Frame] = []
        more, count = True, 0
        while more and count < _PASSED_OVER:
            frame = self._socket.recv(zmq.NOBLOCK, copy=False)
            more, count = frame.more, count + 1
            if len(frames) <= FRAMES and not self._amid:
                frames.append(frame)
            elif not self._amid:
                self._amid = True
                self._counts["frames"] += 1
                if self._meter is not None:
                    self._meter.cut(frame.get(zmq.SRCFD))
        if self._amid:
            self._amid, frames = more, []
        return frames

    def _weigh(self, peer: zmq.Frame, frames: list[zmq.Frame]) -> None:
        """Tell the meter what was handed out."""
        if frames and self._meter is not None:
            nbytes = sum(self._meter.on_the_way(len(frame)) for frame in frames)
            self._meter.observe(frames[0].get(zmq.SRCFD), nbytes, self._table.knows(peer.bytes))

    def _say(self, answer: Answer) -> None:
        peer, frames = answer
        try:
            self._socket.send_multipart([peer, *frames], zmq.NOBLOCK)
        except zmq.ZMQError:
            self._counts["unanswered"] += 1

    def _admit(self) -> None:
        """Answer ZeroMQ's question whether a connection's key is known (its ZAP protocol, version 1.0)."""
        version, request, _domain, _address, _identity, mechanism, *credentials = self._gate.recv_multipart()
        name = None
        if self._keys is not None and mechanism == b"CURVE" and len(credentials) == 1:
            # Read at every handshake: robots come and go without a new start.
            name = known_robots(self._keys).get(credentials[0])
        if name is None:
            self._counts["unknown_key"] += 1
            self._gate.send_multipart([version, request, b"400", b"unknown key", b"", b""])
        else:
            self._gate.send_multipart([version, request, b"200", b"OK", name.encode(), b""])

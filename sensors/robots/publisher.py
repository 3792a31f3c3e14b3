"""A robot's end of the way to its host: batches are kept until the host has stored them.

    with Publisher(PublisherConfig(to="tcp://127.0.0.1:5570"), "kitchen", generation) as publisher:
        while True:
            for batch in ...:
                publisher.publish(batch)
            publisher.run(0.02)

`run` is to be called at least every half second; nothing happens in between. One thread may use it.

With a journal, what is kept outlives the robot's process: the next start sends it, under the ids that it has.
"""

import time
from collections import Counter, deque
from collections.abc import Sequence
from math import ceil
from types import TracebackType
from typing import Self

import zmq
from zmq.utils.monitor import recv_monitor_message

from sensors.core import wire
from sensors.core.clock import ClockEstimator
from sensors.core.errors import LinkError, WireError
from sensors.core.event import EventBatch
from sensors.robots import link
from sensors.robots.keys import RobotKeys, check_address, check_name, load_robot_keys
from sensors.robots.link import BatchStamp, Buffer, Hello, Welcome
from sensors.robots.remote_config import MIB, PublisherConfig
from sensors.robots.robot_journal import RobotJournal
from sensors.robots.robot_window import RobotWindow
from sensors.sources.source import Change, Observer, SourceState

ASK = 0.5
"""Seconds between two questions for the time, or two hellos."""
SILENT = 1.5
"""Seconds without a word from the host after which it counts as `stalled`."""
MAX_MESSAGE = 1 << 20
"""Largest frame that a host may send, bytes."""
TURN = 1000
"""Most messages taken in at once."""
REWRITE = 2.0
"""Seconds between two tries to write to the journal what the disk did not take."""
REFUSALS = {
    "sense": "the host does not know one of this robot's senses; give it the same --plugin",
    "form": "samples of a sense have another form at the host; give both the same settings of the sense",
    "kind": "the host's run learns nothing from events of these senses; name them in its learner.modalities",
}
"""Why a host refuses events for good, and what helps; told once for each reason."""
_UNKNOWN_KEY = zmq.Event.HANDSHAKE_FAILED_AUTH
_FAILED = zmq.Event.HANDSHAKE_FAILED_PROTOCOL | zmq.Event.HANDSHAKE_FAILED_NO_DETAIL


class Publisher:
    """Sends one source's batches to its host, and keeps them until they are stored there.

    Args:
        config: where to, and how much is kept.
        name: the robot's name, and the source of its batches.
        generation: theirs; a greater one at each start, so that ids are never used twice.
        journal: of this robot, with what earlier starts have left; the caller closes it. None: memory alone.

    Attributes:
        clock: the host's clock as seen from here.
        state: `connecting` (not welcomed yet), `live`, `stalled` (no word for 1.5 s) or `closed`.

    Raises:
        LinkError: the address, the name or the keys cannot be used.
    """

    def __init__(
        self, config: PublisherConfig, name: str, generation: int, journal: RobotJournal | None = None
    ) -> None:
        check_address(config.to, config.keys, listens=False)
        keys = None if config.keys is None else load_robot_keys(config.keys)
        self.config = config
        self.name = check_name(name)
        self.generation = generation
        self.clock = ClockEstimator()
        self.state: SourceState = "connecting"
        self._reason = ""
        self._observers: list[Observer] = []
        self._terms: Welcome | None = None
        self._window = RobotWindow(config.keep, config.keep_mib * MIB, journal)
        self._window.restore()
        self._counts: Counter[str] = Counter()
        self._told = set[str]()
        self._asked: deque[float] = deque(maxlen=16)
        self._heard = self._next_word = self._next_rewrite = 0.0
        self._quiet_since: float | None = None
        self._blocked = False
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        link.set_limits(self._socket, TURN, MAX_MESSAGE)
        # What was written for a lost connection is not for the next: the host that hears it may be another.
        self._socket.immediate = True
        self._socket.reconnect_ivl, self._socket.reconnect_ivl_max = 500, 10_000
        self._socket.ipv6 = "[" in config.to
        _lock(self._socket, keys)
        self._events = self._socket.get_monitor_socket(_UNKNOWN_KEY | _FAILED)
        try:
            self._socket.connect(config.to)
        except zmq.ZMQError as error:
            self.close()
            raise LinkError(f"{config.to}: cannot connect ({error.strerror})") from None

    def publish(self, batch: EventBatch) -> None:
        """Keep a batch until it is stored; where there is no room, the oldest that is not under way is dropped.

        Its arrays may not be changed afterwards: they are sent from where they are.

        Raises:
            LinkError: the batch is another source's or generation's.
        """
        if (batch.source, batch.generation) != (self.name, self.generation):
            raise LinkError(
                f"batch of {batch.source} ({batch.generation}): expected {self.name} ({self.generation}); "
                "a robot sends only its own"
            )
        self._window.add(len(batch), wire.encode(batch))

    def run(self, seconds: float) -> None:
        """Send what may go and hear what the host says, for `seconds`, or until it has said something."""
        end = time.monotonic() + seconds
        while True:
            heard = self._hear()
            now = time.monotonic()
            if self.state == "live" and now - self._heard > SILENT:
                self._quiet_since = self._heard
                self._change("stalled", "the host is silent")
            if now >= self._next_rewrite:
                self._next_rewrite = now + REWRITE
                self._window.rewrite()
            self._speak(now)
            # Without a connection there is nothing to say, and the socket tells when there is one.
            wait = (end if self._blocked else min(end, self._next_word)) - time.monotonic()
            if heard or end <= time.monotonic():
                return
            self._socket.poll(ceil(max(wait, 0.0) * 1000), zmq.POLLIN | (zmq.POLLOUT if self._blocked else 0))

    def flush(self, seconds: float) -> bool:
        """Run until nothing is kept, for `seconds` at most; whether all is stored."""
        end = time.monotonic() + seconds
        while self._window and (left := end - time.monotonic()) > 0:
            self.run(min(left, 0.1))
        return not self._window

    def observe(self, observer: Observer) -> None:
        """Have `observer` called at every change of state, from within `run` and `close`."""
        self._observers.append(observer)

    @property
    def kept(self) -> int:
        """Events that are not known to be stored."""
        return self._window.events

    @property
    def unjournaled(self) -> int:
        """Events kept in memory alone though there is a journal, as its disk does not take them."""
        return self._window.unjournaled

    @property
    def room(self) -> int:
        """Batches that may still be published before one is dropped, going by their number."""
        return self.config.keep - len(self._window)

    @property
    def counts(self) -> dict[str, int]:
        """Counts since the start; published + restored = acknowledged + dropped_… + refused_… + `kept`.

        Events: `published`, `restored` (of earlier starts, from the journal), `acknowledged`, `dropped_overflow` (the
        host was away for too long), `dropped_oversized` (more than the host takes), `refused_REASON`. Batches: `sent`,
        `sent_again`, `journal_damaged` (set aside), `journal_unread`. Messages: `malformed`. `welcomes`: how often a
        host let this robot in.
        """
        return dict(self._counts + self._window.counts)

    def close(self) -> None:
        """Say goodbye and let go of the socket; what is kept is left to the journal. Again is harmless."""
        if self.state != "closed":
            self._send([link.BYE])
            self._change("closed", "")
            self._socket.disable_monitor()
            self._context.destroy(linger=link.LINGER)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __str__(self) -> str:
        return f"Publisher({self.name} to {self.config.to}, {self.state})"

    def _hear(self) -> bool:
        """Take in what waits; whether there was anything."""
        while self._events.poll(0):
            event = recv_monitor_message(self._events)["event"]
            self._greet(f"{self.config.to} {self._turned_away(event)}", time.monotonic() + ASK)
        for i in range(TURN):
            try:
                frames = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return i > 0
            try:
                self._take_in(frames, time.monotonic())
            except WireError:
                self._counts["malformed"] += 1
        return True

    def _turned_away(self, event: int) -> str:
        """Why a connection came to nothing."""
        if event & _UNKNOWN_KEY:
            return "does not know this robot's key"
        if self._terms is not None:
            # It has let this robot in before: it is what lies between that ends the connection, a tunnel say.
            return "ends the connection"
        if self.config.keys is None:
            return "ends the connection: no host is behind it, or one that wants --keys"
        return "ends the connection: no host is behind it, or it and this robot do not have each other's keys"

    def _take_in(self, frames: Sequence[bytes], now: float) -> None:
        kind = frames[0]
        if kind == link.WELCOME:
            self._welcomed(link.unpack_welcome(frames))
        elif kind == link.TIME:
            asked, came, answered = link.unpack_time(frames, 3)
            if asked in self._asked:
                self._asked.remove(asked)
                self.clock.observe(asked, came, answered, now)
                if not self.clock.ready:
                    self._next_word = now
        elif kind == link.TAKEN:
            for serial in link.unpack_taken(frames):
                self._window.settle(serial, "acknowledged")
        elif kind == link.REFUSED:
            serial, reason = link.unpack_refused(frames)
            if reason == "window":
                self._window.recall(serial, now + ASK)
            else:
                self._window.settle(serial, f"refused_{reason}")
                if reason in REFUSALS and reason not in self._told:
                    self._told.add(reason)
                    self._change(self.state, f"events are refused: {REFUSALS[reason]}")
        elif kind == link.WHO:
            self._greet("the connection is new to the host", now)
        elif kind == link.AWAY and len(frames) == 2:
            self._greet(link.unpack_reason(frames[1]), now + ASK)
        else:
            raise WireError("message: unknown")
        self._heard = now
        if self.state == "stalled":
            self._change("live", f"the host was silent for {self._silence(now)}")

    def _welcomed(self, terms: Welcome) -> None:
        if terms.protocol != link.PROTOCOL:
            raise WireError(
                f"protocol mismatch: the host speaks version {terms.protocol}, this robot version {link.PROTOCOL}"
            )
        reason = ""
        if self._terms is None or self._terms.session != terms.session:
            self.clock.reset()
            reason = "" if self._terms is None else "the host was started anew"
        elif self._quiet_since is not None:
            reason = f"the link was down for {self._silence(time.monotonic())}"
        self._terms, self._next_word = terms, 0.0
        self._asked.clear()
        self._counts["welcomes"] += 1
        self._window.recall_all(terms.max_bytes)
        if self.state != "live":
            self._quiet_since = None
            self._change("live", reason)

    def _silence(self, now: float) -> str:
        """How long nothing was heard of the host."""
        seconds = now - (now if self._quiet_since is None else self._quiet_since)
        return f"{seconds:.0f} s" if seconds >= 9.5 else f"{seconds:.1f} s"

    def _greet(self, reason: str, when: float) -> None:
        """Start over with a hello at that time, unless one is on its way."""
        if self.state != "connecting" or when > self._next_word:
            self._next_word = when
        if self.state == "live":
            self._quiet_since = self._heard
        self._change("connecting", reason)

    def _speak(self, now: float) -> None:
        """Say what is due: a hello, or the time and batches."""
        self._blocked = False
        if now >= self._next_word:
            if self.state == "connecting":
                word = link.pack_hello(Hello(self.name, self.generation))
            else:
                word = link.pack_time(now)
                self._asked.append(now)
            if not self._send(word):
                self._blocked = True
                return
            self._next_word = now + ASK
        if self.state == "connecting" or self._terms is None or not self.clock.ready:
            return
        offset, error = self.clock.offset(), self.clock.error(now)
        for parcel in self._window.due(now, self._terms.window, self._terms.window_bytes):
            stamp = link.pack_stamp(BatchStamp(parcel.serial, offset, error))
            if not self._send([link.EVENTS, stamp, *parcel.frames]):
                self._blocked = True
                return
            self._counts["sent" if parcel.sent_at is None else "sent_again"] += 1
            self._window.sent(parcel, now)

    def _send(self, frames: Sequence[Buffer]) -> bool:
        try:
            self._socket.send_multipart(frames, zmq.NOBLOCK, copy=False)
        except zmq.Again:
            return False
        return True

    def _change(self, state: SourceState, reason: str) -> None:
        if (state, reason) != (self.state, self._reason):
            change = Change(self.name, self.state, state, reason)
            self.state, self._reason = state, reason
            for observer in self._observers:
                observer(change)


def _lock(socket: "zmq.Socket[bytes]", keys: RobotKeys | None) -> None:
    if keys is not None:
        socket.curve_secretkey, socket.curve_publickey = keys.own.secret, keys.own.public
        socket.curve_serverkey = keys.host

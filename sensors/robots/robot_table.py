"""The host's table of robots: their names, their batches under way, and which batches were refused and why.

The table has no sockets: `sensors.robots.ingest` gives it messages and times, and sends its answers.
"""

import dataclasses
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from sensors.core import wire
from sensors.core.errors import EventError, LinkError, WireError
from sensors.core.event import EventBatch
from sensors.robots import link
from sensors.robots.keys import check_name
from sensors.robots.link import Buffer, Welcome
from sensors.sources.source import SourceState

SILENT = 2.0
"""Seconds of silence after which a robot is `stalled`; robots ask for the time every half second."""
FORGET = 60.0
"""Seconds of silence after which a robot in a full table may be replaced by another."""
REMEMBERED = 4096
"""Serials known to be stored, kept for each robot; older ones are refused as stale."""

NOTES = 64
"""Most notes that are kept until they are read; beyond, the oldest are lost."""
MOST_TOLD = 8
"""Most notes about one robot."""
ADVICE = {
    "sense": "give this run the --plugin FILE.py that the robot has",
    "form": "give both the same settings of this sense",
}
"""The fix for batches that are refused, by reason."""

Answer = tuple[bytes, list[Buffer]]
"""A peer and the message for it."""


@dataclass(frozen=True, eq=False)
class Received:
    """A batch that came in. The caller of the ingest stores it and then acknowledges it.

    Attributes:
        robot: name of the robot that sent it, equal to `batch.source`.
        serial: its number among the robot's batches.
        batch: its events, with times on this machine's monotonic clock.
        clock_error: largest error of those times that is due to the clocks' offset, seconds.
    """

    robot: str
    serial: int
    batch: EventBatch
    clock_error: float


@dataclass(frozen=True)
class RobotFigures:
    """Figures of one robot.

    Attributes:
        state: `live`, `stalled` (silent for 2 s) or `closed` (said goodbye).
        batches: taken in since the robot first sent a message.
        events: in those batches.
        pending: batches taken in and not acknowledged.
        acknowledged: batches acknowledged.
        refused: batches refused or ignored, by reason.
        clock_offset: seconds by which this machine's clock leads the robot's.
        clock_error: largest error of that, seconds.
    """

    state: SourceState
    batches: int
    events: int
    pending: int
    acknowledged: int
    refused: dict[str, int]
    clock_offset: float
    clock_error: float


@dataclass(eq=False)
class _Robot:
    name: str
    generation: int
    peer: bytes
    heard: float
    gone: bool = False
    pending: dict[int, Received] = field(default_factory=dict)
    pending_bytes: int = 0
    taken: OrderedDict[int, None] = field(default_factory=OrderedDict)
    floor: int = -1
    figures: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    told: set[str] = field(default_factory=set)
    clock_offset: float = 0.0
    clock_error: float = 0.0


class _Refusal(Exception):
    """Why a batch is not taken in."""


class RobotTable:
    """Robots by name; at most `robots` of them, each with at most a window of batches under way.

    Args:
        welcome: the terms, the same for all robots.
        robots: how many robots there may be.

    Attributes:
        refused: messages refused, by reason: `damaged` (no batch, or altered on its way), `sense` (not registered on
            the host), `form` (the host expects samples of another form), `malformed` (no message of the protocol),
            `oversized`, `replayed` (under way or stored already), `stale` (older than the serials remembered),
            `window` (more under way than allowed), `foreign` (a batch of another source, or of a later generation than
            the robot's own), `stranger` (no hello yet), `name` (not the key's, or no name), `taken` (another robot has
            that name), `full`, `protocol`, and the reasons given to `refuse`.
    """

    def __init__(self, welcome: Welcome, robots: int) -> None:
        self._welcome = welcome
        self._limit = robots
        self._robots: dict[str, _Robot] = {}
        self._peers: dict[bytes, _Robot] = {}
        self.refused: Counter[str] = Counter()
        self._notes: deque[str] = deque(maxlen=NOTES)

    def observe(
        self, peer: bytes, user: str | None, frames: Sequence[Buffer], now: float
    ) -> tuple[Received | None, list[Answer]]:
        """Take in one message.

        Args:
            peer: the connection it came by.
            user: the name that belongs to the peer's key; None without keys.
            frames: the message.
            now: this machine's monotonic second.

        Returns:
            The batch, if the message is a new one, and the answers to send.
        """
        kind = bytes(frames[0]) if frames and len(frames[0]) <= 16 else b""
        try:
            if kind == link.HELLO:
                return None, [(peer, self._hello(peer, user, frames, now))]
            robot = self._peers.get(peer)
            if robot is None:
                self.refused["stranger"] += 1
                return None, [(peer, [link.WHO])]
            robot.heard, robot.gone = now, False
            if kind == link.EVENTS:
                return self._events(robot, frames)
            if kind == link.TIME:
                (asked,) = link.unpack_time(frames, 1)
                return None, [(peer, link.pack_time(asked, now, now))]
            if kind == link.BYE:
                robot.gone = True
                return None, []
            raise WireError("message: unknown")
        except WireError:
            self.refused["malformed"] += 1
            return None, []

    def acknowledge(self, received: Iterable[Received]) -> list[Answer]:
        """Note that these batches are stored; the answers for the robots still present. May be repeated."""
        serials: dict[str, list[int]] = {}
        for item in received:
            if (robot := self._settle(item)) is None:
                continue
            robot.figures["acknowledged"] += 1
            robot.taken[item.serial] = None
            if len(robot.taken) > REMEMBERED:
                robot.floor = max(robot.floor, robot.taken.popitem(last=False)[0])
            serials.setdefault(item.robot, []).append(item.serial)
        return [(self._robots[name].peer, link.pack_taken(numbers)) for name, numbers in serials.items()]

    def refuse(self, received: Iterable[Received], reason: str) -> list[Answer]:
        """Note that these batches will never be stored; the answers for the robots still present. May be repeated."""
        answers: list[Answer] = []
        for item in received:
            if (robot := self._settle(item)) is not None:
                self._count(robot, reason)
                answers.append((robot.peer, link.pack_refused(item.serial, reason)))
        return answers

    def take_notes(self) -> list[str]:
        """New lines for people since the last call: why a robot's events are refused, each reason once."""
        return [self._notes.popleft() for _ in range(len(self._notes))]

    def knows(self, peer: bytes) -> bool:
        """Whether this connection belongs to a robot that was welcomed."""
        return peer in self._peers

    def robots(self, now: float) -> dict[str, RobotFigures]:
        """Figures by name."""
        return {name: _figures(robot, now) for name, robot in self._robots.items()}

    def _hello(self, peer: bytes, user: str | None, frames: Sequence[Buffer], now: float) -> list[Buffer]:
        hello = link.unpack_hello(frames)
        if hello.protocol not in link.UNDERSTOOD:
            newest = max(link.UNDERSTOOD)
            older = "robot" if hello.protocol < newest else "host"
            text = f"protocol: robot speaks {hello.protocol}, host speaks {newest}; update the {older}"
            return self._away("protocol", text)
        try:
            check_name(hello.name)
        except LinkError as error:
            return self._away("name", str(error))
        if user is not None and user != hello.name:
            return self._away("name", f"name: the key is {user}'s; leave out --name")
        robot = self._robots.get(hello.name)
        if robot is not None and robot.generation != hello.generation:
            if not robot.gone and robot.peer != peer and now - robot.heard < SILENT:
                heard = f"a robot called {hello.name} was heard {now - robot.heard:.0f} s ago"
                return self._away("taken", f"name: {heard}; if that is another one, give --name")
            figures, refused, told = robot.figures, robot.refused, robot.told
            self._drop(robot)
            robot = _Robot(hello.name, hello.generation, peer, now, figures=figures, refused=refused, told=told)
        elif robot is None:
            if not self._room(now):
                return self._away("full", f"the host hears {self._limit} robots already; raise its setting robots")
            robot = _Robot(hello.name, hello.generation, peer, now)
        self._peers.pop(robot.peer, None)
        if (before := self._peers.pop(peer, None)) is not None and before is not robot:
            before.gone = True
        robot.peer, robot.heard, robot.gone = peer, now, False
        self._robots[robot.name] = self._peers[peer] = robot
        return link.pack_welcome(dataclasses.replace(self._welcome, protocol=hello.protocol))

    def _away(self, reason: str, text: str) -> list[Buffer]:
        self.refused[reason] += 1
        return [link.AWAY, text.encode()[: link.MAX_REASON]]

    def _room(self, now: float) -> bool:
        """Whether there is a place for one more robot; a full table drops the robot that is silent for longest."""
        if len(self._robots) < self._limit:
            return True
        silent = min(self._robots.values(), key=lambda robot: robot.heard)
        if not silent.gone and now - silent.heard < FORGET:
            return False
        self._drop(silent)
        return True

    def _drop(self, robot: _Robot) -> None:
        del self._robots[robot.name]
        if self._peers.get(robot.peer) is robot:
            del self._peers[robot.peer]

    def _events(self, robot: _Robot, frames: Sequence[Buffer]) -> tuple[Received | None, list[Answer]]:
        if len(frames) < 2:
            raise WireError("events: lacks its stamp")
        stamp = link.unpack_stamp(frames[1])
        serial = stamp.serial
        robot.clock_offset, robot.clock_error = stamp.offset, stamp.error
        if serial in robot.taken:
            # Its acknowledgement may have been lost with an earlier connection.
            self._count(robot, "replayed")
            return None, [(robot.peer, link.pack_taken([serial]))]
        if serial in robot.pending:
            self._count(robot, "replayed")
            return None, []
        try:
            received = self._batch(robot, stamp, frames[2:])
        except _Refusal as refusal:
            reason = str(refusal)
            self._count(robot, reason)
            return None, [(robot.peer, link.pack_refused(serial, reason))]
        robot.pending[serial] = received
        robot.pending_bytes += received.batch.nbytes
        robot.figures["batches"] += 1
        robot.figures["events"] += len(received.batch)
        return received, []

    def _batch(self, robot: _Robot, stamp: link.BatchStamp, frames: Sequence[Buffer]) -> Received:
        terms = self._welcome
        size = sum(map(len, frames))
        if stamp.serial <= robot.floor:
            raise _Refusal("stale")
        if size > terms.max_bytes:
            raise _Refusal("oversized")
        if len(robot.pending) >= terms.window or (robot.pending and robot.pending_bytes + size > terms.window_bytes):
            raise _Refusal("window")
        try:
            batch = wire.decode(frames, terms.max_bytes)
            # A batch of an earlier generation comes from the robot's journal. Replay knows by its ids if it is stored.
            if batch.source != robot.name or batch.generation > robot.generation:
                raise _Refusal("foreign")
            with np.errstate(over="ignore"):
                start, end = batch.start + stamp.offset, batch.end + stamp.offset
            batch = dataclasses.replace(batch, start=start, end=end)
        except WireError as error:
            if error.reason in ADVICE:
                self._tell(robot, f"its events are refused: {error}; {ADVICE[error.reason]}")
            raise _Refusal(error.reason) from None
        except EventError:
            raise _Refusal("damaged") from None
        return Received(robot.name, stamp.serial, batch, stamp.error)

    def _settle(self, item: Received) -> _Robot | None:
        """End a batch under way; its robot, or None if an earlier generation sent it, which waits for no answer."""
        robot = self._robots.get(item.robot)
        if robot is None or robot.pending.get(item.serial) is not item:
            return None
        del robot.pending[item.serial]
        robot.pending_bytes -= item.batch.nbytes
        return robot

    def _tell(self, robot: _Robot, text: str) -> None:
        if text not in robot.told and len(robot.told) < MOST_TOLD:
            robot.told.add(text)
            self._notes.append(f"robot/{robot.name}: {text}")

    def _count(self, robot: _Robot, reason: str) -> None:
        robot.refused[reason] += 1
        self.refused[reason] += 1


def _figures(robot: _Robot, now: float) -> RobotFigures:
    state: SourceState = "closed" if robot.gone else "stalled" if now - robot.heard > SILENT else "live"
    counts = robot.figures
    return RobotFigures(
        state=state,
        batches=counts["batches"],
        events=counts["events"],
        pending=len(robot.pending),
        acknowledged=counts["acknowledged"],
        refused=dict(robot.refused),
        clock_offset=robot.clock_offset,
        clock_error=robot.clock_error,
    )

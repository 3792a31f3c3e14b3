"""What a robot and its host say to each other: a few short messages beside the batches of `sensors.core.wire`.

A robot (DEALER) connects to its host (ROUTER). Every message is a list of frames, the first of which names it:

    robot            host
    hello     ->              protocol, name, generation
              <-     welcome  protocol, session, how much may be under way
              <-     away     why this robot is not welcome; it asks again
    time      ->              our clock
              <-     time     our clock again, theirs when it came, theirs when it was answered
    events    ->              serial, clock offset and its error; then the batch
              <-     taken    serials that are stored for good
              <-     refused  a serial that will never be, and why
              <-     who      I do not know this connection: say hello
    bye       ->

What is under way stays with the robot until it is taken or refused; after a welcome it sends all of it again. Whether
the host was started anew, the session of its welcome tells.

Version 2 lets a robot send batches of its earlier generations, too, which it finds in its journal. A host takes robots
of version 1, which send none; a robot of version 2 is turned away by a host of version 1, which would refuse them.
Numbers are big-endian; what is longer than its place, or says what cannot be, is a `WireError`.
"""

import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import msgpack
import zmq

from sensors.core.errors import WireError
from sensors.core.event import MAX_NAME

PROTOCOL = 2
"""Version of these messages that a robot speaks."""
UNDERSTOOD = (1, 2)
"""Versions that a host takes; others are turned away."""
HELLO, TIME, EVENTS, BYE = b"hello", b"time", b"events", b"bye"
WELCOME, AWAY, TAKEN, REFUSED, WHO = b"welcome", b"away", b"taken", b"refused", b"who"
MAX_REASON = 200
"""Longest reason, bytes."""
MAX_TAKEN = 4096
"""Most serials in one message."""
LINGER = 200
"""Milliseconds for which a closing socket still sends."""

Buffer = bytes | memoryview

_EVENTS = struct.Struct(">Qdd")
_CHECK = struct.Struct(">I")
_ONE_TIME, _THREE_TIMES = struct.Struct(">d"), struct.Struct(">ddd")
_HELLO_KEYS = {"protocol": int, "name": str, "generation": int}
_WELCOME_KEYS = {"protocol": int, "session": int, "window": int, "window_bytes": int, "max_bytes": int}


@dataclass(frozen=True)
class Hello:
    """A robot that introduces itself; `generation` grows with its restarts, and is that of its new batches."""

    name: str
    generation: int
    protocol: int = PROTOCOL


@dataclass(frozen=True)
class Welcome:
    """The host's terms.

    Attributes:
        session: of the host, another one after every start.
        window: batches that may be under way.
        window_bytes: bytes that may be under way, >= max_bytes.
        max_bytes: largest batch.
        protocol: version of the messages.
    """

    session: int
    window: int
    window_bytes: int
    max_bytes: int
    protocol: int = PROTOCOL


@dataclass(frozen=True)
class BatchStamp:
    """What goes with a batch: its number among the robot's, seconds to add to its times, and their error."""

    serial: int
    offset: float
    error: float


def set_limits(socket: "zmq.Socket[bytes]", messages: int, nbytes: int) -> None:
    """Bound a socket's queues (messages of one peer each way), its frames (bytes) and its waits."""
    socket.rcvhwm = socket.sndhwm = messages
    socket.maxmsgsize = nbytes
    socket.linger = LINGER
    socket.handshake_ivl = 5000
    socket.heartbeat_ivl, socket.heartbeat_timeout = 1000, 5000


def pack_hello(hello: Hello) -> list[Buffer]:
    """The message."""
    return [HELLO, msgpack.packb({name: getattr(hello, name) for name in _HELLO_KEYS})]


def unpack_hello(frames: Sequence[Buffer]) -> Hello:
    """What `pack_hello` packed; whether the robot is welcome is not checked here.

    Raises:
        WireError: it is something else.
    """
    return Hello(**_fields(frames, _HELLO_KEYS, "hello"))


def pack_welcome(welcome: Welcome) -> list[Buffer]:
    """The message."""
    return [WELCOME, msgpack.packb({name: getattr(welcome, name) for name in _WELCOME_KEYS})]


def unpack_welcome(frames: Sequence[Buffer]) -> Welcome:
    """What `pack_welcome` packed.

    Raises:
        WireError: it is something else.
    """
    return Welcome(**_fields(frames, _WELCOME_KEYS, "welcome"))


def pack_stamp(stamp: BatchStamp) -> bytes:
    """The frame between the message's name and the batch."""
    body = _EVENTS.pack(stamp.serial, stamp.offset, stamp.error)
    return _CHECK.pack(zlib.crc32(body)) + body


def unpack_stamp(frame: Buffer) -> BatchStamp:
    """What `pack_stamp` packed.

    Raises:
        WireError: it is something else, or damaged.
    """
    if len(frame) != _CHECK.size + _EVENTS.size or _CHECK.unpack(frame[:4])[0] != zlib.crc32(frame[4:]):
        raise WireError("stamp: damaged")
    stamp = BatchStamp(*_EVENTS.unpack(frame[4:]))
    if not isfinite(stamp.offset) or not isfinite(stamp.error) or stamp.error < 0 or stamp.serial >= 2**63:
        raise WireError("stamp: serial, offset or error is no sound number")
    return stamp


def pack_time(*times: float) -> list[Buffer]:
    """The message: one time (question) or three (answer)."""
    return [TIME, (_ONE_TIME if len(times) == 1 else _THREE_TIMES).pack(*times)]


def unpack_time(frames: Sequence[Buffer], count: int) -> tuple[float, ...]:
    """The `count` (1 or 3) times of a message.

    Raises:
        WireError: it is something else.
    """
    form = _ONE_TIME if count == 1 else _THREE_TIMES
    if len(frames) != 2 or len(frames[1]) != form.size:
        raise WireError(f"time: expected {count} times")
    times: tuple[float, ...] = form.unpack(frames[1])
    if not all(map(isfinite, times)):
        raise WireError("time: is not finite")
    return times


def pack_taken(serials: Iterable[int]) -> list[Buffer]:
    """The message; at most `MAX_TAKEN` serials."""
    numbers = list(serials)
    return [TAKEN, struct.pack(f">{len(numbers)}Q", *numbers)]


def unpack_taken(frames: Sequence[Buffer]) -> tuple[int, ...]:
    """The serials.

    Raises:
        WireError: it is something else.
    """
    if len(frames) != 2 or len(frames[1]) % 8 or not 0 < len(frames[1]) <= 8 * MAX_TAKEN:
        raise WireError(f"taken: expected 1…{MAX_TAKEN} serials")
    return struct.unpack(f">{len(frames[1]) // 8}Q", frames[1])


def pack_refused(serial: int, reason: str) -> list[Buffer]:
    """The message."""
    return [REFUSED, struct.pack(">Q", serial), reason.encode()[:MAX_REASON]]


def unpack_refused(frames: Sequence[Buffer]) -> tuple[int, str]:
    """The serial and the reason.

    Raises:
        WireError: it is something else.
    """
    if len(frames) != 3 or len(frames[1]) != 8:
        raise WireError("refused: expected a serial and a reason")
    return struct.unpack(">Q", frames[1])[0], unpack_reason(frames[2])


def unpack_reason(frame: Buffer) -> str:
    """A printable reason.

    Raises:
        WireError: it is too long.
    """
    if len(frame) > MAX_REASON:
        raise WireError(f"reason: longer than {MAX_REASON} bytes")
    text = bytes(frame).decode(errors="replace")
    return "".join(c if c.isprintable() else "?" for c in text)


def _fields(frames: Sequence[Buffer], kinds: Mapping[str, type], message: str) -> dict[str, Any]:
    if len(frames) != 2 or not 0 < len(frames[1]) <= 256 + MAX_NAME:
        raise WireError(f"{message}: expected one short map")
    try:
        fields = msgpack.unpackb(
            frames[1], max_str_len=MAX_NAME, max_bin_len=0, max_ext_len=0, max_map_len=len(kinds), max_array_len=0
        )
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException):
        raise WireError(f"{message}: no msgpack map of short fields") from None
    if not isinstance(fields, dict) or set(fields) != set(kinds):
        raise WireError(f"{message}: expected exactly the fields {', '.join(kinds)}")
    for name, kind in kinds.items():
        value = fields[name]
        if type(value) is not kind or (isinstance(value, int) and not 0 <= value < 2**63):
            raise WireError(f"{message}: {name} is no {kind.__name__} in range")
    return fields

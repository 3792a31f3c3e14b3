"""A batch that a robot keeps, as the bytes of a file: checked, and with what its times need to be read later.

A record is a CRC-32 (4 bytes, big-endian), then a msgpack map: `boot` (which start of the machine), `offset` (seconds
since 1970 less the monotonic second, when it was packed) and `frames` (of `sensors.core.wire`).

Times of events are of the monotonic clock, which begins anew when the machine does. Those of a record from before that
are moved by the clock of the day, and are as right as that was.
"""

import dataclasses
import struct
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgpack

from sensors.core import wire
from sensors.core.errors import EventError, WireError
from sensors.core.event import EventBatch
from sensors.robots.link import Buffer

_CHECK = struct.Struct(">I")
# Not `psutil.boot_time`: that is of the clock of the day, and moves when that is set.
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def pack(frames: Sequence[Buffer]) -> bytes:
    """The record of a batch that was encoded just now."""
    body: bytes = msgpack.packb({"boot": _boot(), "offset": _offset(), "frames": [bytes(frame) for frame in frames]})
    return _CHECK.pack(zlib.crc32(body)) + body


def unpack(data: bytes) -> tuple[EventBatch, list[Buffer]]:
    """The batch of a record, and its frames, with times of the monotonic clock as it runs now.

    Raises:
        WireError: there is no whole batch in it.
    """
    body = memoryview(data)[_CHECK.size :]
    if len(data) <= _CHECK.size or _CHECK.unpack(data[: _CHECK.size])[0] != zlib.crc32(body):
        raise WireError("checksum differs")
    try:
        found: Any = msgpack.unpackb(body)
        boot, offset, frames = str(found["boot"]), float(found["offset"]), list(found["frames"])
    except (ValueError, TypeError, KeyError, msgpack.UnpackException):
        raise WireError("no map of boot, offset and frames") from None
    batch = wire.decode(frames)
    if boot and boot == _boot():
        return batch, frames
    ahead = offset - _offset()
    try:
        batch = dataclasses.replace(batch, start=batch.start + ahead, end=batch.end + ahead)
    except EventError as error:
        raise WireError(str(error)) from None
    return batch, wire.encode(batch)


def _offset() -> float:
    return time.time() - time.monotonic()


def _boot() -> str:
    """What tells this start of the machine from others; empty where it is not known."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""

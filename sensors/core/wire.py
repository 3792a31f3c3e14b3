"""`EventBatch` to bytes frames and back, for ZeroMQ and the like: no pickle, sizes checked before reading.

Frame 0 is a CRC-32 (4 bytes, big-endian) of all that follows, then a msgpack map: format version, source,
generation, count, and each column's name, dtype and shape. The other frames are the raw columns,
little-endian, in the order of the header: seq, start, end, lesson, then the samples in registry order.
"""

import struct
import zlib
from collections.abc import Iterable, Sequence
from math import prod
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray

from sensors.core.errors import EventError, OtherFormError, UnknownSenseError, WireError
from sensors.core.event import MAX_EVENTS, MAX_NAME, EventBatch
from sensors.core.modalities import modality

VERSION = 1
"""Format version: another one is refused."""
MAX_BYTES = 64 * 2**20
"""Largest batch a receiver takes unless it says otherwise."""
MAX_HEADER = 4096
"""Largest header frame, bytes."""
MAX_COLUMNS = 32
"""Most columns a batch can have."""

_KEYS = {"version", "source", "generation", "count", "columns"}
_TIMES = {"seq": "<i8", "start": "<f8", "end": "<f8", "lesson": "<i8"}


def encode(batch: EventBatch) -> list[bytes | memoryview]:
    """Frames of a batch, ready for `send_multipart`; contiguous columns share the batch's memory.

    Returns:
        Header, then one frame a column.
    """
    columns: dict[str, NDArray[Any]] = {name: getattr(batch, name) for name in _TIMES}
    columns |= {name: batch.samples[name] for name in batch.kind.split("+")}
    little = {n: np.ascontiguousarray(c, c.dtype.newbyteorder("<")) for n, c in columns.items()}
    header: bytes = msgpack.packb(
        {
            "version": VERSION,
            "source": batch.source,
            "generation": batch.generation,
            "count": len(batch),
            "columns": [[name, c.dtype.str, list(c.shape)] for name, c in little.items()],
        }
    )
    frames = [c.data.cast("B") for c in little.values()]
    return [struct.pack(">I", _checksum(header, frames)) + header, *frames]


def decode(frames: Sequence[bytes | memoryview], max_bytes: int = MAX_BYTES) -> EventBatch:
    """The batch in these frames; its columns share the frames' memory and are read-only where that is.

    Args:
        frames: what one multipart message held.
        max_bytes: refuse larger messages.

    Raises:
        UnknownSenseError: a column is of no sense that is registered here.
        OtherFormError: a sense's samples have another form here.
        WireError: no other errors than it and these subclasses of it: the frames are no batch, are damaged, are
            larger than the cap, or their content breaks a modality's contract. The message names the field.
    """
    try:
        views = [memoryview(frame).cast("B") for frame in frames]
    except TypeError:
        raise WireError("frames: expected contiguous bytes") from None
    total = sum(view.nbytes for view in views)
    if total > max_bytes:
        raise WireError(f"frames: {total} bytes exceed the receiver's cap of {max_bytes}; send smaller batches")
    if not 2 <= len(views) <= 1 + MAX_COLUMNS:
        raise WireError(f"frames: expected 2…{1 + MAX_COLUMNS}, got {len(views)}")
    header = _header(views[0], views[1:])
    columns = _columns(header, views[1:])
    samples = {name: column for name, column in columns.items() if name not in _TIMES}
    try:
        return EventBatch(
            source=header["source"],
            generation=header["generation"],
            samples=samples,
            **{name: columns[name] for name in _TIMES},
        )
    except WireError:
        raise
    except EventError as error:
        raise WireError(str(error)) from None


def _header(frame: memoryview, columns: Sequence[memoryview]) -> dict[str, Any]:
    """The header's fields; `source` and `generation` are left for `EventBatch` to check."""
    if not 4 < frame.nbytes <= MAX_HEADER:
        raise WireError(f"header: expected 5…{MAX_HEADER} bytes, got {frame.nbytes}")
    if struct.unpack(">I", frame[:4])[0] != _checksum(frame[4:], columns):
        raise WireError("header: checksum differs; the message was damaged, or its sender is another program")
    try:
        header = msgpack.unpackb(
            frame[4:],
            max_str_len=MAX_NAME,
            max_bin_len=0,
            max_ext_len=0,
            max_map_len=len(_KEYS),
            max_array_len=MAX_COLUMNS,
        )
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException):
        raise WireError("header: no msgpack map of short fields") from None
    if not isinstance(header, dict) or set(header) != _KEYS:
        raise WireError(f"header: expected exactly the fields {', '.join(sorted(_KEYS))}")
    if not _is_int(header["version"]) or header["version"] != VERSION:
        raise WireError(f"version: sender speaks {header['version']!r:.20}, this program speaks {VERSION}")
    if not _is_int(header["count"]) or not 1 <= header["count"] <= MAX_EVENTS:
        raise WireError(f"count: expected 1…{MAX_EVENTS} events, got {header['count']!r:.40}")
    return header


def _columns(header: dict[str, Any], views: list[memoryview]) -> dict[str, NDArray[Any]]:
    """Columns by name, once every declared dtype, shape and size is what this program has for that name."""
    declared = header["columns"]
    if not isinstance(declared, list) or len(declared) != len(views):
        raise WireError(f"columns: expected as many as the {len(views)} frames that follow the header")
    columns: dict[str, NDArray[Any]] = {}
    for entry, view in zip(declared, views, strict=True):
        if not isinstance(entry, list) or len(entry) != 3 or not isinstance(entry[0], str):
            raise WireError("columns: expected [name, dtype, shape] for each")
        name, dtype, shape = entry
        ours, size = _contract(name)
        wanted = [header["count"], *size]
        if name in columns:
            raise WireError(f"{name}: declared twice")
        if dtype != ours.str or shape != wanted or not all(map(_is_int, shape)):
            whole = isinstance(shape, list) and shape[:1] == wanted[:1] and name not in _TIMES
            kind = OtherFormError if whole else WireError
            raise kind(f"{name}: expected {ours.str!r} {wanted}, sender declares {dtype!r:.20} {shape!r:.60}")
        if view.nbytes != prod(wanted) * ours.itemsize:
            raise WireError(f"{name}: expected {prod(wanted) * ours.itemsize} bytes, got {view.nbytes}")
        columns[name] = np.frombuffer(view, ours).reshape(wanted).astype(ours.newbyteorder("="), copy=False)
    if missing := [name for name in _TIMES if name not in columns]:
        raise WireError(f"columns: lacks {', '.join(missing)}")
    return columns


def _contract(name: str) -> "tuple[np.dtype[Any], tuple[int, ...]]":
    """What a column of this name must be: little-endian dtype, and shape of one event's entry."""
    if name in _TIMES:
        return np.dtype(_TIMES[name]), ()
    try:
        known = modality(name)
    except EventError as error:
        raise UnknownSenseError(str(error)) from None
    return known.dtype.newbyteorder("<"), known.shape


def _checksum(header: bytes | memoryview, columns: Iterable[memoryview]) -> int:
    value = zlib.crc32(header)
    for column in columns:
        value = zlib.crc32(column, value)
    return value


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)

"""One recorded reading as checked bytes, without pickle: a header, then its values; colour pictures lose a little."""

import json
import mmap
import struct
import zlib
from collections.abc import Callable, Generator
from math import inf
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from sensors.core.percept import Reading
from sensors.signals.jpeg import JpegBudget, jpeg_size, refuse_jpeg
from sensors.signals.readings import Chunk, Frame, Values

LARGEST = 64 * 2**20
"""Most bytes of one record's samples; what claims more is damaged."""
NEEDS = {
    "values": "rows of values",
    "colour": "pictures in colour",
    "jpeg": "pictures as JPEG",
    "kinds": "sound or pictures of senses' own kinds",
}
"""What a recording may hold besides sound and grey pictures, and its name for people."""
LARGEST_SIDE = 16_384
"""Most pixels of a picture's side."""
SEARCHED = 4 * LARGEST
"""Most bytes of a file that are checked in search of records after damaged ones."""
_MAGIC = b"RCP1"
_SOUND, _PICTURE, _VALUES, _JPEG = 1, 2, 3, 4
_GAP, _UNSURE = 1, 2
# Magic, kind, flags, time, samples (height, rows), 0 (width, bytes of the rows' description), bytes that follow, CRC-32
# of all before it and of them.
_HEADER = struct.Struct("<4sBBxxdIIII")
# What every PNG begins with, its width and height, which follow, its bits and the kind of its colours.
_PNG = struct.Struct(">16sIIBB")
_GREY, _COLOUR = 0, 2
_PNG_BEGINS = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


class Damaged(Exception):
    """Bytes that are no record, or only the beginning of one."""


def pack(sample: Reading, budget: JpegBudget | None = None) -> bytes:
    """A reading as bytes: sound and rows of values as they are, a grey picture as PNG, one in colour as JPEG.

    Args:
        sample: the reading.
        budget: of its source's pictures; None: each has the best quality.

    Raises:
        ValueError: it is empty or larger than a record may be, or of a class that no record holds.
    """
    if not sample.nbytes:
        raise ValueError("empty sample")
    if isinstance(sample, Values):
        kind, flags, time, size, payload = _VALUES, _GAP * sample.gap, sample.begin, *_packed(sample)
    elif isinstance(sample, Chunk):
        samples = np.ascontiguousarray(sample.samples, "<f4")
        kind, time, size, payload = _SOUND, sample.start, (len(samples), 0), samples.tobytes()
        flags = _GAP * sample.gap | _UNSURE * sample.unsure
    elif isinstance(sample, Frame):
        if sample.picture.dtype != np.uint8 or sample.picture.shape[2:] not in ((), (3,)):
            raise ValueError(f"picture of shape {sample.picture.shape} and {sample.picture.dtype} cannot be packed")
        colour = sample.picture.ndim == 3
        kind, payload = (
            (_JPEG, (budget or JpegBudget(inf)).encode(sample.picture, sample.time))
            if colour
            else (_PICTURE, _png(sample.picture))
        )
        flags, time, size = 0, sample.time, (sample.picture.shape[0], sample.picture.shape[1])
    else:
        raise ValueError(f"no record holds a {type(sample).__name__}")
    if len(payload) > LARGEST or (max(size) > LARGEST_SIDE and kind in (_PICTURE, _JPEG)):
        raise ValueError("sample too large to be recorded")
    head = _HEADER.pack(_MAGIC, kind, flags, time, *size, len(payload), 0)[:-4]
    return head + struct.pack("<I", zlib.crc32(payload, zlib.crc32(head))) + payload


def needs(sample: Reading) -> set[str]:
    """What a program must be able to read besides sound and grey pictures; of `NEEDS`."""
    found = {"values"} if isinstance(sample, Values) else set[str]()
    if isinstance(sample, Frame) and sample.picture.ndim > 2:
        found |= {"colour", "jpeg"}
    if sample.kind not in (Chunk.kind, Frame.kind) and not isinstance(sample, Values):
        found.add("kinds")
    return found


def _packed(sample: Values) -> tuple[tuple[int, int], bytes]:
    """Number of rows and bytes of their description; the description, the times and the rows."""
    values = np.ascontiguousarray(sample.values)
    if sample.times.shape != values.shape[:1] or values.dtype.kind not in "biuf":
        raise ValueError(f"rows of shape {values.shape} and dtype {values.dtype} cannot be packed")
    little = values.astype(values.dtype.newbyteorder("<"), copy=False)
    head = json.dumps({"dtype": little.dtype.str, "shape": values.shape[1:]}).encode()
    times = np.ascontiguousarray(sample.times, "<f8")
    return (len(values), len(head)), head + times.tobytes() + little.tobytes()


def read_samples(file: BinaryIO, damaged: Callable[[str], None]) -> Generator[Chunk | Frame | Values]:
    """The samples of a file from where it stands to its end; what is damaged is passed over.

    Args:
        file: on disk, opened for reading.
        damaged: called for each damaged stretch: where it is, what is wrong and how much is left out.
    """
    budget = SEARCHED
    while True:
        at = file.tell()
        try:
            sample = unpack(file)
        except Damaged as damage:
            following, budget = _following(file, at + 1, budget)
            damaged(f"{damage} at byte {at}, {following - at} bytes are left out")
            file.seek(following)
            continue
        if sample is None:
            return
        yield sample


def _following(file: BinaryIO, start: int, budget: int) -> tuple[int, int]:
    """Where the next whole record begins, or the file ends; and the bytes that may still be checked."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        at = start
        while budget > 0 and (at := view.find(_MAGIC, at)) >= 0:
            head = view[at : at + _HEADER.size]
            if len(head) == _HEADER.size:
                size, checksum = _HEADER.unpack(head)[-2:]
                if size <= min(LARGEST, len(view) - at - _HEADER.size):
                    budget -= size
                    payload = view[at + _HEADER.size : at + _HEADER.size + size]
                    if zlib.crc32(payload, zlib.crc32(head[:-4])) == checksum:
                        return at, budget
            at += 1
        return len(view), budget


def unpack(file: BinaryIO) -> Chunk | Frame | Values | None:
    """The next sample of a file; None at its end.

    Raises:
        Damaged: what follows is no whole record.
    """
    head = file.read(_HEADER.size)
    if not head:
        return None
    if len(head) < _HEADER.size:
        raise Damaged("a record is cut off")
    magic, kind, flags, time, first, second, size, checksum = _HEADER.unpack(head)
    if magic != _MAGIC or size > LARGEST:
        raise Damaged("a record's header is damaged")
    payload = file.read(size)
    if len(payload) < size:
        raise Damaged("a record is cut off")
    if zlib.crc32(payload, zlib.crc32(head[:-4])) != checksum or not np.isfinite(time):
        raise Damaged("a record's checksum is wrong")
    if kind == _SOUND and size == 4 * first and first:
        sound = np.frombuffer(payload, "<f4").astype(np.float32)
        return Chunk(time, sound, bool(flags & _GAP), bool(flags & _UNSURE))
    if kind == _PICTURE and 0 < first <= LARGEST_SIDE and 0 < second <= LARGEST_SIDE:
        return Frame(time, _picture(payload, (first, second)))
    if kind == _JPEG and 0 < first <= LARGEST_SIDE and 0 < second <= LARGEST_SIDE:
        return Frame(time, _jpeg(payload, (first, second)))
    if kind == _VALUES and first and second <= len(payload):
        return _values(payload[:second], payload[second:], first, bool(flags & _GAP))
    raise Damaged("a record holds neither sound nor a picture nor values")


def _values(head: bytes, payload: bytes, rows: int, gap: bool) -> Values:
    try:
        told = json.loads(head)
        dtype, shape = np.dtype(told["dtype"]), tuple(map(int, told["shape"]))
        if dtype.kind not in "biuf" or min(shape, default=1) < 1:
            raise ValueError(f"{dtype}, {shape}")
        times = np.frombuffer(payload[: 8 * rows], "<f8").astype(np.float64)
        values = np.frombuffer(payload[8 * rows :], dtype).reshape(rows, *shape)
        if not np.isfinite(times).all() or len(times) != rows:
            raise ValueError("times")
    except (ValueError, TypeError, KeyError):
        raise Damaged("a record holds values that cannot be unpacked") from None
    return Values(times, values.astype(dtype.newbyteorder("=")), gap)


def _png(picture: NDArray[np.uint8]) -> bytes:
    # Fast settings: a camera's noise does not get much smaller with more work.
    try:
        return cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
    except cv2.error:
        raise ValueError(f"picture of shape {picture.shape} cannot be packed") from None


def _jpeg(payload: bytes, shape: tuple[int, int]) -> NDArray[np.uint8]:
    if jpeg_size(payload) != shape[::-1] or refuse_jpeg(payload, LARGEST_SIDE):
        raise Damaged("a record holds no JPEG of the size that it says")
    return _decoded(payload, cv2.IMREAD_COLOR, shape)


def _picture(payload: bytes, shape: tuple[int, int]) -> NDArray[np.uint8]:
    # Its own header is looked at before it is unpacked, as it may be made to swell; other formats are none of ours.
    whole = len(payload) >= _PNG.size
    begins, width, height, bits, colours = _PNG.unpack(payload[: _PNG.size]) if whole else (b"", 0, 0, 0, 0)
    if (begins, width, height, bits) != (_PNG_BEGINS, shape[1], shape[0], 8) or colours not in (_GREY, _COLOUR):
        raise Damaged("a record holds no PNG of the size that it says")
    return _decoded(payload, cv2.IMREAD_COLOR if colours == _COLOUR else cv2.IMREAD_GRAYSCALE, shape)


def _decoded(payload: bytes, flag: int, shape: tuple[int, int]) -> NDArray[np.uint8]:
    try:
        picture = cv2.imdecode(np.frombuffer(payload, np.uint8), flag)
    except cv2.error:
        picture = None
    if picture is None or picture.shape[:2] != shape:
        raise Damaged("a record holds a picture that cannot be unpacked")
    return np.asarray(picture, np.uint8)

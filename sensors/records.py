"""One recorded chunk or frame as bytes: a checked header, then the samples, lossless and without pickle."""

import mmap
import struct
import zlib
from collections.abc import Callable, Generator
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from sensors.source import Chunk, Frame

LARGEST = 64 * 2**20
"""Most bytes of one record's samples; what claims more is damaged."""
LARGEST_SIDE = 16_384
"""Most pixels of a picture's side."""
SEARCHED = 4 * LARGEST
"""Most bytes of a file that are checked in search of records after damaged ones."""
_MAGIC = b"RCP1"
_SOUND, _PICTURE = 1, 2
_GAP, _UNSURE = 1, 2
# Magic, kind, flags, time, samples or height, width, bytes that follow, CRC-32 of all before it and of them.
_HEADER = struct.Struct("<4sBBxxdIIII")
# What every PNG begins with, and its width and height, which follow.
_PNG = struct.Struct(">16sII")
_PNG_BEGINS = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


class Damaged(Exception):
    """Bytes that are no record, or only the beginning of one."""


def pack(sample: Chunk | Frame) -> bytes:
    """A sample as bytes: sound as it is, a picture as PNG.

    Raises:
        ValueError: it is empty or larger than a record may be.
    """
    if not (sample.samples if isinstance(sample, Chunk) else sample.picture).size:
        raise ValueError("empty sample")
    if isinstance(sample, Chunk):
        samples = np.ascontiguousarray(sample.samples, "<f4")
        kind, time, size, payload = _SOUND, sample.start, (len(samples), 0), samples.tobytes()
        flags = _GAP * sample.gap | _UNSURE * sample.unsure
    else:
        # Fast settings: a camera's noise does not get much smaller with more work.
        try:
            _, png = cv2.imencode(".png", sample.picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        except cv2.error:
            raise ValueError(f"picture of shape {sample.picture.shape} cannot be packed") from None
        kind, flags, time, payload = _PICTURE, 0, sample.time, png.tobytes()
        size = sample.picture.shape[0], sample.picture.shape[1]
    if len(payload) > LARGEST or (max(size) > LARGEST_SIDE and kind == _PICTURE):
        raise ValueError("sample too large to be recorded")
    head = _HEADER.pack(_MAGIC, kind, flags, time, *size, len(payload), 0)[:-4]
    return head + struct.pack("<I", zlib.crc32(payload, zlib.crc32(head))) + payload


def read_samples(file: BinaryIO, damaged: Callable[[str], None]) -> Generator[Chunk | Frame]:
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


def unpack(file: BinaryIO) -> Chunk | Frame | None:
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
    raise Damaged("a record holds neither sound nor a picture")


def _picture(payload: bytes, shape: tuple[int, int]) -> NDArray[np.uint8]:
    # Its own header is looked at before it is unpacked, as it may be made to swell; other formats are none of ours.
    if payload[: _PNG.size] != _PNG.pack(_PNG_BEGINS, shape[1], shape[0]):
        raise Damaged("a record holds no PNG of the size that it says")
    try:
        picture = cv2.imdecode(np.frombuffer(payload, np.uint8), cv2.IMREAD_GRAYSCALE)
    except cv2.error:
        picture = None
    if picture is None or picture.shape != shape:
        raise Damaged("a record holds a picture that cannot be unpacked")
    return np.asarray(picture, np.uint8)

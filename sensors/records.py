"""One recorded chunk or frame as bytes: a checked header, then the samples, lossless and without pickle."""

import struct
import zlib
from typing import BinaryIO

import cv2
import numpy as np

from sensors.source import Chunk, Frame

LARGEST = 64 * 2**20
"""Most bytes of one record's samples; what claims more is damaged."""
LARGEST_SIDE = 16_384
"""Most pixels of a picture's side."""
_MAGIC = b"RCP1"
_SOUND, _PICTURE = 1, 2
_GAP, _UNSURE = 1, 2
# Magic, kind, flags, time, samples or height, width, bytes that follow, CRC-32 of all before it and of them.
_HEADER = struct.Struct("<4sBBxxdIIII")
_PNG_SIZE = struct.Struct(">II")


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


def unpack(file: BinaryIO) -> Chunk | Frame | None:
    """The next sample of a file; None at its end.

    Raises:
        Damaged: what follows is no whole record.
    """
    head = file.read(_HEADER.size)
    if not head:
        return None
    if len(head) < _HEADER.size:
        raise Damaged("the last record is cut off")
    magic, kind, flags, time, first, second, size, checksum = _HEADER.unpack(head)
    if magic != _MAGIC or size > LARGEST:
        raise Damaged("a record's header is damaged")
    payload = file.read(size)
    if len(payload) < size:
        raise Damaged("the last record is cut off")
    if zlib.crc32(payload, zlib.crc32(head[:-4])) != checksum or not np.isfinite(time):
        raise Damaged("a record's checksum is wrong")
    if kind == _SOUND and size == 4 * first and first:
        sound = np.frombuffer(payload, "<f4").astype(np.float32)
        return Chunk(time, sound, bool(flags & _GAP), bool(flags & _UNSURE))
    # A PNG says its size at bytes 16…23: looked at before it is unpacked, as it may be made to swell.
    if kind == _PICTURE and 0 < first <= LARGEST_SIDE and 0 < second <= LARGEST_SIDE:
        if payload[16:24] != _PNG_SIZE.pack(second, first):
            raise Damaged("a picture has another size than its record says")
        picture = cv2.imdecode(np.frombuffer(payload, np.uint8), cv2.IMREAD_GRAYSCALE)
        if picture is not None and picture.shape == (first, second):
            return Frame(time, np.asarray(picture, np.uint8))
    raise Damaged("a record holds neither sound nor a picture")

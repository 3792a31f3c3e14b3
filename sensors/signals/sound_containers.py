"""Whether a sound file is whole, by what its container says of its length.

libsndfile takes the samples that are there for all that there should be. Where a container tells how many there
should be, this module compares; a kind of file that cannot tell is not read.
"""

import re
import struct

ENDINGS = (
    ".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".w64",
)  # fmt: skip
"""Endings of the names of sound files that are read, in lower case."""
FORMATS = ("WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3", "AIFF", "AU", "CAF", "W64")
"""Containers, as libsndfile names them, of which a whole file is told from one that was cut off."""
SINGLE = ("PCM_", "FLOAT", "DOUBLE", "ULAW", "ALAW", "VORBIS", "OPUS")
"""Beginnings of the names of codings of which the beginning of a file is right whatever became of its end.

Others code blocks of samples, or with a length that varies; libsndfile makes up the rest of a block that is not whole.
So it does with the last frame of an MP3.
"""
UNKNOWN = 2**32 - 1
"""Size of a chunk whose writer did not know how much would come."""
_CHUNK = 8
_OGG_HEADER, _OGG_LAST = 27, 4
_CLAMPED = re.compile(r"should be \d+|truncated")


def repaired(data: bytes) -> tuple[bytes, bool]:
    """A WAV file with a header that says what is there, and whether it said otherwise.

    A recorder writes the sizes when it closes the file: one that died leaves 0, a pipe leaves the largest number,
    and a file that was cut off says more than it has. Anything that is not WAV comes back as it is.

    Args:
        data: the file.

    Returns:
        The same file; or, where its end is missing, one of all the sample blocks that are whole, and True.
    """
    order = ">" if data[:4] == b"RIFX" else "<"
    if data[:4] not in (b"RIFF", b"RIFX", b"RF64") or data[8:12] != b"WAVE":
        return data, False
    at, block, long = 12, 1, None
    while at + _CHUNK <= len(data):
        name, size = struct.unpack_from(f"{order}4sI", data, at)
        start = at + _CHUNK
        if name == b"ds64" and start + 16 <= len(data):
            long = at, struct.unpack_from("<Q", data, start + 8)[0]
        elif name == b"fmt " and start + 14 <= len(data):
            block = max(1, struct.unpack_from(f"{order}H", data, start + 12)[0])
        elif name == b"data":
            there = len(data) - start
            if long is not None and size == UNKNOWN:
                size = long[1]
            if size <= there and (size or _only_chunks(data, start, order)):
                return data, False
            usable = there // block * block
            head = bytearray(data[:start])
            head[:4] = b"RIFX" if order == ">" else b"RIFF"
            struct.pack_into(f"{order}I", head, 4, start - _CHUNK + usable)
            struct.pack_into(f"{order}I", head, at + 4, usable)
            if long is not None:
                head[long[0] : long[0] + 4] = b"JUNK"
            return bytes(head) + data[start : start + usable], True
        at = start + size + size % 2
    return data, False


def end_missing(kind: str, data: bytes, rate: int, log: str, declared: int, read: int) -> bool:
    """Whether a file that libsndfile has read should be longer than it is.

    Args:
        kind: container, as libsndfile names it.
        data: the file.
        rate: sampling rate that it is decoded at, Hz.
        log: what libsndfile said while it opened the file.
        declared: samples of each channel that libsndfile expected.
        read: samples of each channel that came.
    """
    if read < declared or _CLAMPED.search(log):
        return True
    if kind == "OGG":
        return not _ogg_complete(data) or read < _ogg_frames(data, rate)
    return kind == "AU" and data[8:12] == struct.pack("<I", UNKNOWN)


def tells_length(kind: str, data: bytes) -> bool:
    """Whether a file of this container says how long it should be.

    Args:
        kind: container, as libsndfile names it.
        data: the file.
    """
    # An MP3 is a row of frames; how many there should be stands only in the header that encoders put before them.
    return kind in FORMATS and (kind != "MP3" or any(tag in data for tag in (b"Xing", b"Info", b"VBRI")))


def _ogg_complete(data: bytes) -> bool:
    """Whether the last page of an Ogg file is there and marked as the last one."""
    at = data.rfind(b"OggS")
    if at < 0 or at + _OGG_HEADER > len(data) or not data[at + 5] & _OGG_LAST:
        return False
    segments = data[at + _OGG_HEADER :][: data[at + _OGG_HEADER - 1]]
    return at + _OGG_HEADER + len(segments) + sum(segments) == len(data)


def _ogg_frames(data: bytes, rate: int) -> int:
    """How many samples of each channel an Ogg file has by its last page.

    Args:
        data: the file.
        rate: sampling rate that libsndfile decodes it at, Hz.
    """
    at = data.rfind(b"OggS")
    last = int(struct.unpack_from("<q", data, at + 6)[0])
    head = data.find(b"OpusHead")
    if head < 0:
        return last
    # Opus counts at 48 kHz, and from before what its decoder leaves out at the start.
    return (last - int(struct.unpack_from("<H", data, head + 10)[0])) * rate // 48_000


def _only_chunks(data: bytes, at: int, order: str) -> bool:
    """Whether nothing, or a row of whole chunks, lies between a place and the file's end: no samples then."""
    while at + _CHUNK <= len(data):
        name, size = struct.unpack_from(f"{order}4sI", data, at)
        if not name.isalnum() and not name.strip().isalnum():
            return False
        at += _CHUNK + size + size % 2
    return at >= len(data) and at <= len(data) + 1

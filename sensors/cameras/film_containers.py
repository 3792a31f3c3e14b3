"""Whether a film's file is all there: its container says how long it is."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

_ISO = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"styp", b"sidx", b"uuid", b"mfra", b"meta"}
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_LONGEST_CHAIN = 1_000_000


def is_cut_off(path: Path) -> bool | None:
    """Whether a file ends before the end that it declares; none for a file of another kind, or one that cannot be read.

    Read are the lengths of the outermost parts of AVI (RIFF), MP4 and MOV (ISO), and Matroska and WebM (EBML).
    """
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            head = file.read(12)
            walk = _walk_of(head)
            return None if walk is None else any(end > size for end in walk(file))
    except OSError:
        return None


def _walk_of(head: bytes) -> Callable[[BinaryIO], Iterator[int]] | None:
    if head[:4] == b"RIFF":
        return _riff
    if head[4:8] in _ISO:
        return _iso
    return _matroska if head[:4] == _EBML else None


def _riff(file: BinaryIO) -> Iterator[int]:
    """Where each outermost part ends, bytes."""
    at = 0
    for _ in range(_LONGEST_CHAIN):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8 or head[:4] != b"RIFF":
            return
        length = int.from_bytes(head[4:], "little")
        at += 8 + length + length % 2
        # The last part may lack its padding.
        yield at - length % 2


def _iso(file: BinaryIO) -> Iterator[int]:
    at = 0
    for _ in range(_LONGEST_CHAIN):
        file.seek(at)
        head = file.read(16)
        length, smallest = int.from_bytes(head[:4], "big"), 8
        if length == 1:
            length, smallest = int.from_bytes(head[8:], "big"), 16
        # No length: up to the end of the file, wherever that is.
        if len(head) < 8 or head[4:8] not in _ISO or length < smallest:
            return
        at += length
        yield at


def _matroska(file: BinaryIO) -> Iterator[int]:
    file.seek(4)
    header = _number(file)
    if header is None:
        return
    file.seek(header, 1)
    if file.read(4) == _SEGMENT and (length := _number(file)) is not None:
        yield file.tell() + length


def _number(file: BinaryIO) -> int | None:
    """EBML's number of variable length; None where it stands for an unknown length."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    more = 8 - first[0].bit_length()
    rest = file.read(more)
    value = int.from_bytes(bytes([first[0] & (0x7F >> more)]) + rest, "big")
    return None if len(rest) < more or value == (1 << 7 * (more + 1)) - 1 else value

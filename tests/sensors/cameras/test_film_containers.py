from pathlib import Path

import pytest

from sensors.cameras.film_containers import is_cut_off


def riff(length: int, sent: int) -> bytes:
    return b"RIFF" + length.to_bytes(4, "little") + bytes(sent)


def iso(kind: bytes, length: int, sent: int, large: bool = False) -> bytes:
    if large:
        return (1).to_bytes(4, "big") + kind + (length + 16).to_bytes(8, "big") + bytes(sent)
    return (length + 8).to_bytes(4, "big") + kind + bytes(sent)


def matroska(size: bytes, sent: int) -> bytes:
    return b"\x1a\x45\xdf\xa3\x83abc" + b"\x18\x53\x80\x67" + size + bytes(sent)


FTYP = iso(b"ftyp", 8, 8)


@pytest.mark.parametrize(
    ("content", "cut"),
    [
        (riff(100, 100), False),
        (riff(100, 99), True),
        (riff(101, 101), False),
        (riff(100, 100) + riff(50, 50), False),
        (riff(100, 100) + riff(50, 10), True),
        (FTYP + iso(b"mdat", 100, 100) + iso(b"moov", 20, 20), False),
        (FTYP + iso(b"mdat", 100, 60), True),
        (FTYP + iso(b"mdat", 100, 100, large=True), False),
        (FTYP + iso(b"mdat", 10**10, 100, large=True), True),
        # A length of 0 is up to the end of the file, wherever that is.
        (FTYP + bytes(4) + b"mdat" + bytes(30), False),
        (matroska(b"\x80" + b"", 0), False),
        (matroska(b"\x40\x64", 100), False),
        (matroska(b"\x40\x64", 99), True),
        # Length unknown, as what is written while it is sent has it.
        (matroska(b"\xff", 5), False),
        (matroska(b"\x01" + b"\xff" * 7, 5), False),
        (b"", None),
        (b"\xff\xd8\xff\xe0 a picture", None),
    ],
)
def test_a_file_that_ends_before_the_end_that_it_declares_is_cut_off(
    tmp_path: Path, content: bytes, cut: bool | None
) -> None:
    path = tmp_path / "film"
    path.write_bytes(content)
    assert is_cut_off(path) is cut
    assert is_cut_off(tmp_path / "nowhere") is None

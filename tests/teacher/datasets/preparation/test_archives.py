"""Archives are read to their last byte: what is damaged is refused, wherever the damage is."""

import contextlib
import gzip
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from sensors.core.errors import DataError
from teacher.datasets.preparation.archives import read_members

FILES = {f"./zero/{n}_nohash_0.wav": np.random.default_rng(n).bytes(300 + 100 * n) for n in range(4)}
LONG = "./zero/" + "long" * 40 + "_nohash_0.wav"


def tar(files: dict[str, bytes], form: int = tarfile.GNU_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def read(path: Path, data: bytes) -> dict[str, bytes]:
    path.write_bytes(data)
    return dict(read_members(path, 1 << 20, lambda name: True, "get it anew"))


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("packed", [True, False])
def test_packed_or_not_whatever_its_name(tmp_path: Path, form: int, packed: bool) -> None:
    files = FILES | {LONG: b"long"}
    data = tar(files, form)
    for name in ("a.tar.gz", "a.tar"):
        assert read(tmp_path / name, gzip.compress(data) if packed else data) == files


def test_no_flipped_bit_of_a_packed_archive_alters_anything(tmp_path: Path) -> None:
    whole = gzip.compress(tar(FILES | {LONG: b"long"}), mtime=0)
    refused = 0
    # Every bit of the head and of the tail, and every 13th between: bits of all places in a byte.
    bits = [*range(400), *range(400, 8 * len(whole) - 400, 13), *range(8 * len(whole) - 400, 8 * len(whole))]
    for bit in bits:
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            assert read(tmp_path / "a.tar.gz", bytes(damaged)) == FILES | {LONG: b"long"}, bit
        except DataError as error:
            assert "a.tar.gz: damaged archive" in str(error) and "get it anew" in str(error)
            refused += 1
    assert refused > 0.9 * len(bits)


def test_a_damaged_header_is_not_the_end_of_a_plain_archive(tmp_path: Path) -> None:
    whole = tar(FILES)
    header = 512 + 512  # the second member's: the first one's content takes one block
    for bit in range(8 * header, 8 * (header + 512), 7):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        with contextlib.suppress(DataError):
            assert read(tmp_path / "a.tar", bytes(damaged)) == FILES, bit
    damaged = bytearray(whole)
    damaged[header : header + 512] = bytes(512)
    with pytest.raises(DataError, match=r"damaged archive .data after the archive's end"):
        read(tmp_path / "a.tar", bytes(damaged))


def test_an_archive_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    whole = tar(FILES)
    end = max(n for n in range(0, len(whole), 512) if whole[n : n + 512].strip(b"\0")) + 512
    for size in range(0, end + 1, 256):
        with pytest.raises(DataError, match="damaged archive"):
            read(tmp_path / "a.tar", whole[:size])
    packed = gzip.compress(whole)
    for size in range(0, len(packed), 97):
        with pytest.raises(DataError, match="damaged archive"):
            read(tmp_path / "a.tar.gz", packed[:size])


def test_a_false_or_too_large_archive_is_refused(tmp_path: Path) -> None:
    for data in (b"", b"<html>404</html>", gzip.compress(b""), gzip.compress(b"no archive" * 100)):
        with pytest.raises(DataError, match="damaged archive"):
            read(tmp_path / "a.tar.gz", data)
    (tmp_path / "b.tar").write_bytes(tar(FILES))
    with pytest.raises(DataError, match=r"0_nohash_0\.wav has 300 bytes"):
        list(read_members(tmp_path / "b.tar", 299, lambda name: True, "get it anew"))
    with pytest.raises(DataError, match="no such file"):
        list(read_members(tmp_path / "c.tar", 299, lambda name: True, "get it anew"))
    (tmp_path / "d.tar.gz").write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(DataError, match="Git LFS pointer"):
        list(read_members(tmp_path / "d.tar.gz", 299, lambda name: True, "get it anew"))

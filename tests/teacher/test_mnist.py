"""MNIST: IDX files and every way in which they may be damaged."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sensors.errors import DataError
from teacher.datasets import mnist
from tests.teacher.tiny import idx, write_mnist

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("folder", ["mnist", "."])
def test_packed_or_not_in_its_folder_or_beside(tmp_path: Path, packed: bool, folder: str) -> None:
    write_mnist(tmp_path / folder, packed)
    samples = mnist.load(tmp_path)
    assert samples.train.shape == (40, 1, 32, 32) and samples.test.shape == (20, 1, 32, 32)
    assert samples.train.dtype == np.uint8 and samples.train_labels.dtype == np.int64
    assert samples.test_labels.tolist() == list(range(10)) * 2
    assert not samples.jitter
    assert "40 training + 20 test" in samples.summary


def rewrite(change: Callable[[bytes], bytes], stem: str = IMAGES) -> Callable[[Path], str]:
    def apply(folder: Path) -> str:
        path = folder / f"{stem}.gz"
        path.write_bytes(gzip.compress(change(gzip.decompress(path.read_bytes()))))
        return path.name

    return apply


def cut_packed(folder: Path) -> str:
    path = folder / f"{IMAGES}.gz"
    path.write_bytes(path.read_bytes()[:-200])
    return path.name


def not_packed(folder: Path) -> str:
    (folder / f"{LABELS}.gz").write_bytes(b"<html>404</html>")
    return f"{LABELS}.gz"


def flipped(folder: Path) -> str:
    path = folder / f"{IMAGES}.gz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    return path.name


@pytest.mark.parametrize(
    ("damage", "cause"),
    [
        (rewrite(lambda d: d[:-1]), "truncated"),
        (rewrite(lambda d: d[:9]), "truncated"),
        (rewrite(lambda d: b""), "truncated"),
        (rewrite(lambda d: d + b"\0"), "too long"),
        (rewrite(lambda d: b"\0\0\x0d\3" + d[4:]), "wrong magic number 0x00000d03"),
        (rewrite(lambda d: idx(np.zeros((40, 27, 28), np.uint8))), "27×28"),
        (rewrite(lambda d: idx(np.zeros(39, np.uint8)), LABELS), "39 labels for 40 images"),
        (rewrite(lambda d: idx(np.full(40, 10, np.uint8)), LABELS), "label 10"),
        (rewrite(lambda d: d[:4] + b"\xff" * 12 + d[16:]), "truncated"),
        (cut_packed, "truncated"),
        (not_packed, "cannot be unpacked"),
        (flipped, "cannot be unpacked|truncated|wrong|too long"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, damage: Callable[[Path], str], cause: str) -> None:
    write_mnist(tmp_path / "mnist")
    name = damage(tmp_path / "mnist")
    with pytest.raises(DataError, match=cause) as error:
        mnist.load(tmp_path)
    assert name in str(error.value) and "--download" in str(error.value)


def test_a_packed_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_mnist(tmp_path)
    monkeypatch.setattr(mnist, "MAX_BYTES", 100_000)
    (tmp_path / f"{IMAGES}.gz").write_bytes(gzip.compress(bytes(10_000_000)))
    with pytest.raises(DataError, match="unpacks to more than"):
        mnist.load(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    write_mnist(tmp_path / "mnist")
    (tmp_path / "mnist" / f"{LABELS}.gz").unlink()
    assert mnist.find(tmp_path) is None
    with pytest.raises(DataError, match=rf"{LABELS}\(.gz\) not found.*--data DIR"):
        mnist.load(tmp_path)
    with pytest.raises(DataError, match="no data directory given"):
        mnist.load(None)


def test_the_complete_set(data_dir: Path) -> None:
    samples = mnist.load(data_dir)
    assert samples.train.shape == (60_000, 1, 32, 32) and len(samples.test) == 10_000
    assert np.bincount(samples.test_labels).tolist() == [
        980,
        1135,
        1032,
        1010,
        982,
        892,
        958,
        1028,
        974,
        1009,
    ]

"""MNIST: IDX files and every way in which they may be damaged."""

import contextlib
import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sensors.core.errors import DataError
from teacher.datasets.readers import mnist
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


STEMS = [stem for pair in mnist.FILES.values() for stem in pair]


def moved(root: Path, place: Callable[[str], str]) -> Path:
    """The four files, not packed, where `place` puts each of them."""
    write_mnist(root / "before", packed=False)
    for stem in STEMS:
        (root / place(stem)).parent.mkdir(parents=True, exist_ok=True)
        (root / "before" / stem).rename(root / place(stem))
    (root / "before").rmdir()
    return root


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (lambda stem: f"archive/{stem.replace('-idx', '.idx')}", "found in archive"),
        (lambda stem: f"archive/{stem}/{stem}", "found in archive"),
        (lambda stem: f"{stem.replace('-idx', '.idx')}/{stem.replace('-idx', '.idx')}", ""),
        (lambda stem: f"MNIST/raw/{stem}", "found in MNIST/raw"),
        (lambda stem: f"mnist/MNIST/raw/{stem}", "found in mnist/MNIST/raw"),
        (lambda stem: stem.upper(), ""),
        (lambda stem: f"a/b/c/the_mnist/{stem}", "found in a/b/c/the_mnist"),
    ],
)
def test_other_layouts_are_read_alike(tmp_path: Path, place: Callable[[str], str], told: str) -> None:
    write_mnist(tmp_path / "usual" / "mnist")
    samples = mnist.load(moved(tmp_path / "other", place))
    assert samples.fingerprint == mnist.load(tmp_path / "usual").fingerprint
    assert told in samples.summary and ("found in" in samples.summary) == bool(told)


@pytest.mark.parametrize("name", ["FashionMNIST/raw", "KMNIST/raw", "emnist", "not-mnist", "a/b/c/d/e"])
def test_files_of_other_sets_and_far_below_are_not_taken(tmp_path: Path, name: str) -> None:
    write_mnist(tmp_path / name)
    assert mnist.find(tmp_path) is None


def test_a_directory_is_judged_by_its_files_not_by_its_name(tmp_path: Path) -> None:
    write_mnist(tmp_path / "fashion-project" / "MNIST" / "raw")
    assert mnist.find(tmp_path / "fashion-project") is not None
    write_mnist(tmp_path / "fashion" / "deep" / "raw")
    assert mnist.find(tmp_path / "fashion" / "deep") is not None


def test_of_several_copies_the_nearest_is_taken_then_the_first_by_name(tmp_path: Path) -> None:
    for name in ("b", "a/raw", "c"):
        write_mnist(tmp_path / name)
    match = mnist.where(tmp_path)
    assert match is not None and match.place == tmp_path / "b"
    assert match.note == "found in b, not taken from c, a/raw"


def test_other_images_in_its_files_are_told(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    assert "not the original MNIST" in mnist.load(tmp_path).summary


def test_packed_or_not_is_told_by_content(tmp_path: Path) -> None:
    write_mnist(tmp_path / "packed")
    write_mnist(tmp_path / "named", packed=False)
    for stem in STEMS:
        (tmp_path / "named" / stem).rename(tmp_path / "named" / f"{stem}.gz")
    assert mnist.load(tmp_path / "named").fingerprint == mnist.load(tmp_path / "packed").fingerprint


def test_no_flipped_bit_of_a_packed_file_alters_an_image(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    path = tmp_path / f"{LABELS}.gz"
    whole, labels = path.read_bytes(), mnist.read_idx(path, 1)
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with contextlib.suppress(DataError):
            assert np.array_equal(mnist.read_idx(path, 1), labels), bit


def test_a_pointer_and_a_link_to_nothing_are_told_as_such(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    path = tmp_path / f"{LABELS}.gz"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(DataError, match=rf"{LABELS}\.gz: a Git LFS pointer.*git lfs pull"):
        mnist.load(tmp_path)
    path.unlink()
    path.symlink_to(tmp_path / "gone")
    with pytest.raises(DataError, match=rf"{LABELS}\.gz: a broken link"):
        mnist.load(tmp_path)


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

"""MNIST from its four IDX files, `.gz` or not."""

import gzip
import hashlib
import zlib
from math import prod
from pathlib import Path

import numpy as np

from sensors.errors import DataError
from sensors.frames import mnist_images
from teacher.datasets.cache import cached
from teacher.datasets.files import read_capped
from teacher.datasets.samples import Bytes, Labels, Samples, make_samples

FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
MAX_BYTES = 256 << 20
"""Largest IDX file read, unpacked; MNIST's largest has 47 MB."""
_FIX = "get it with --download, or name the directory that holds it with --data DIR"


def find(root: Path | None) -> dict[str, tuple[Path, Path]] | None:
    """The image and label files of both parts under `root/mnist` or `root`, or None where one is missing."""
    found = {}
    for part, stems in FILES.items():
        paths = [_locate(root, stem) for stem in stems]
        if paths[0] is None or paths[1] is None:
            return None
        found[part] = (paths[0], paths[1])
    return found


def missing(root: Path | None) -> str:
    """Which file `find` lacks, and the fix, in one line."""
    stems = [s for pair in FILES.values() for s in pair if _locate(root, s) is None]
    where = f"in {root / 'mnist'} or {root}" if root else "(no data directory given)"
    return f"mnist: {stems[0] if stems else 'nothing'}(.gz) not found {where}; {_FIX}"


def load(root: Path | None) -> Samples:
    """Load MNIST, 28×28 brought to 32×32; official split.

    Raises:
        DataError: a file is missing, truncated or no IDX file of its kind.
    """
    found = find(root)
    if found is None:
        raise DataError(missing(root))
    key = hashlib.blake2b(digest_size=16)
    for pair in found.values():
        for path in pair:
            key.update(_file_bytes(path))

    def prepare() -> Samples:
        parts = {part: _read_part(*paths) for part, paths in found.items()}
        return make_samples("mnist", parts["train"], parts["test"], "official split")

    return cached("mnist", key.hexdigest(), prepare)


def read_idx(path: Path, dimensions: int) -> Bytes:
    """Read one IDX file of unsigned bytes.

    Args:
        path: plain or gzip-packed file.
        dimensions: how many the file must have (3: images, 1: labels).

    Returns:
        uint8 array of the shape that the file states.

    Raises:
        DataError: unreadable, wrong magic number, truncated, too long or larger than `MAX_BYTES`.
    """
    data = _unpack(path)
    header = 4 + 4 * dimensions
    if len(data) < header:
        raise DataError(f"{path}: truncated, {len(data)} bytes are no IDX file; {_FIX}")
    if data[:4] != bytes((0, 0, 8, dimensions)):
        raise DataError(f"{path}: wrong magic number 0x{data[:4].hex()}, expected 0x000008{dimensions:02x}; {_FIX}")
    shape = tuple(int(n) for n in np.frombuffer(data, ">u4", dimensions, 4))
    if len(data) - header != prod(shape):
        what = "truncated" if len(data) - header < prod(shape) else "too long"
        raise DataError(f"{path}: {what}, {len(data) - header:,} bytes for shape {shape}; {_FIX}")
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def _read_part(images: Path, labels: Path) -> tuple[Bytes, Labels]:
    pixels, numbers = read_idx(images, 3), read_idx(labels, 1)
    if len(pixels) != len(numbers) or not len(pixels):
        raise DataError(f"{labels}: {len(numbers):,} labels for {len(pixels):,} images in {images.name}; {_FIX}")
    if pixels.shape[1:] != (28, 28):
        raise DataError(f"{images}: images of {pixels.shape[1]}×{pixels.shape[2]}, expected 28×28; {_FIX}")
    if numbers.max() > 9:
        raise DataError(f"{labels}: label {numbers.max()}, expected 0…9; {_FIX}")
    return mnist_images(pixels), numbers.astype(np.int64)


def _locate(root: Path | None, stem: str) -> Path | None:
    if root is None:
        return None
    places = (folder / (stem + end) for folder in (root / "mnist", root) for end in (".gz", ""))
    return next((p for p in places if p.is_file()), None)


def _file_bytes(path: Path) -> bytes:
    return read_capped(path, MAX_BYTES, f"no MNIST file; {_FIX}")


def _unpack(path: Path) -> bytes:
    if path.suffix != ".gz":
        return _file_bytes(path)
    try:
        # One byte beyond the cap tells a bomb from a large file without unpacking the rest.
        with gzip.open(path) as f:
            data = f.read(MAX_BYTES + 1)
    except EOFError:
        raise DataError(f"{path}: truncated, the packed data ends early; {_FIX}") from None
    except (OSError, zlib.error) as e:
        raise DataError(f"{path}: cannot be unpacked ({e}); {_FIX}") from None
    if len(data) > MAX_BYTES:
        raise DataError(f"{path}: unpacks to more than {MAX_BYTES >> 20} MiB, no MNIST file; {_FIX}")
    return data

"""MNIST from its four IDX files, `.gz` or not."""

import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from math import prod
from pathlib import Path

import numpy as np

from sensors.core.errors import DataError
from sensors.signals.frames import mnist_images
from sensors.system.files import read_regular
from teacher.datasets.core.samples import Bytes, Labels, Samples, make_samples
from teacher.datasets.preparation.cache import cached
from teacher.datasets.preparation.folders import Listing, Match, list_folder, locate

FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
MAX_BYTES = 256 << 20
"""Largest IDX file read, unpacked; MNIST's largest has 47 MB."""
TEST_COUNTS = (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)
"""Images of each digit in MNIST's test part."""
_PACKED = b"\x1f\x8b"
_IDX = b"\0\0\x08"
_OTHERS = re.compile(r"fashion|kuzushiji|(?<![a-z])(?:k|e|q|o|not|med|affn|extended)[-_ ]?mnist", re.IGNORECASE)
"""Folders of other sets, whose files have the same names."""
_FIX = "get it with --download, or name the directory that holds it with --data DIR"

Files = dict[str, tuple[Path, Path]]
"""The image file and the label file of each part."""


def find(root: Path | None) -> Files | None:
    """The image and label files of both parts, or None where one is missing.

    They are sought in `root/mnist`, then in `root`, then below; a file may be packed, may have a dot in its name
    (`train-images.idx3-ubyte`), and may lie in a folder of its own name.

    Raises:
        DataError: `root` or `root/mnist` cannot be read.
    """
    match = where(root)
    return match.value if match is not None else None


def where(root: Path | None) -> Match[Files] | None:
    """As `find`, with the place and a note on it."""

    def usual(root: Path) -> Iterator[Match[Files]]:
        places = _usual(root)
        if files := _complete(places):
            yield Match(places[0].path, files)

    def look(here: Listing) -> Iterator[Match[Files]]:
        # A directory of many datasets may have any name; one that holds the files itself is named after them.
        name = here.path.name if here.path == root else str(here.path.relative_to(root or here.path))
        if not _OTHERS.search(name) and (files := _complete([here])):
            yield Match(here.path, files)

    return locate(root, usual, look)


def missing(root: Path | None) -> str:
    """Which file `find` lacks, and the fix, in one line."""
    absent = lacks(root)
    where = f"in {root / 'mnist'}, {root} or below" if root else "(no data directory given)"
    return f"mnist: {absent[0] if absent else 'nothing'}(.gz) not found {where}; {_FIX}"


def lacks(root: Path | None) -> list[str]:
    """The files that are not in the usual places."""
    places = _usual(root) if root else []
    return [stem for pair in FILES.values() for stem in pair if _among(places, stem) is None]


def load(root: Path | None) -> Samples:
    """Load MNIST, 28×28 brought to 32×32; official split.

    Raises:
        DataError: a file is missing, truncated or no IDX file of its kind.
    """
    match = where(root)
    if match is None:
        raise DataError(missing(root))
    found = match.value
    key = hashlib.blake2b(digest_size=16)
    for pair in found.values():
        for path in pair:
            key.update(_file_bytes(path))

    def prepare() -> Samples:
        parts = {part: _read_part(*paths) for part, paths in found.items()}
        counts = np.bincount(parts["test"][1], minlength=10)
        notes = () if tuple(counts) == TEST_COUNTS else ("not the original MNIST: other test labels",)
        return make_samples("mnist", parts["train"], parts["test"], "official split", notes=notes)

    samples = cached("mnist", key.hexdigest(), prepare, "image")
    return samples.noted(match.note) if match.note else samples


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


def _usual(root: Path) -> list[Listing]:
    return [here for folder in (root / "mnist", root) if (here := list_folder(folder)) is not None]


def _complete(places: Sequence[Listing]) -> Files | None:
    found: Files = {}
    for part, (images, labels) in FILES.items():
        pixels, numbers = _among(places, images), _among(places, labels)
        if pixels is None or numbers is None:
            return None
        found[part] = (pixels, numbers)
    return found


def _among(places: Sequence[Listing], stem: str) -> Path | None:
    dotted = stem.replace("-idx", ".idx")
    names = (f"{stem}.gz", stem, f"{dotted}.gz", dotted)
    for here in places:
        if (path := here.file(*names)) is not None:
            return path
        folder = here.folder(stem, dotted)
        within = list_folder(folder) if folder is not None else None
        if within is not None and (path := within.file(*names)) is not None:
            return path
    return None


def _file_bytes(path: Path) -> bytes:
    return read_regular(path, MAX_BYTES, f"no MNIST file; {_FIX}")


def _unpack(path: Path) -> bytes:
    data = _file_bytes(path)
    # Some programs unpack what they fetch and leave the name as it was.
    if data[:2] != _PACKED and (path.suffix.lower() != ".gz" or data[:3] == _IDX):
        return data
    try:
        # One byte beyond the cap tells a bomb from a large file without unpacking the rest.
        with gzip.open(io.BytesIO(data)) as f:
            data = f.read(MAX_BYTES + 1)
    except EOFError:
        raise DataError(f"{path}: truncated, the packed data ends early; {_FIX}") from None
    except (OSError, zlib.error) as e:
        raise DataError(f"{path}: cannot be unpacked ({e}); {_FIX}") from None
    if len(data) > MAX_BYTES:
        raise DataError(f"{path}: unpacks to more than {MAX_BYTES >> 20} MiB, no MNIST file; {_FIX}")
    return data

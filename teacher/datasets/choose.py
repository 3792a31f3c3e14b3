"""Choosing datasets: an explicit choice is kept or refused, `auto` takes the best found and says so."""

import os
from pathlib import Path

from sensors.errors import DataError
from teacher.config import DataConfig
from teacher.datasets import digits, fsdd, gcdd, mnist, synthetic, widened
from teacher.datasets.cache import cache_root
from teacher.datasets.samples import Samples, hold_out

VALIDATION_IMAGES, VALIDATION_CLIPS = 3_000, 300
"""Most samples that a validation part takes from training; it takes a tenth where that is less."""
VALIDATION_SEED = 1
"""A constant: the validation part is the same in every run."""


def data_root(config: DataConfig) -> Path | None:
    """The directory with datasets: `data`, else `RECIPROCAL_DATA`, else the cache for downloads, or None.

    Raises:
        DataError: the directory does not exist and is not to be downloaded into.
    """
    named = config.data or os.environ.get("RECIPROCAL_DATA")
    if not named:
        return cache_root() / "data" if config.download else None
    root = Path(named).expanduser()
    if not root.is_dir() and not (config.download and not root.exists()):
        source = "--data" if config.data else "RECIPROCAL_DATA"
        raise DataError(f"{source} {root}: no such directory; name one that exists, or add --download")
    return root


def fetch_missing(config: DataConfig) -> None:
    """Download what `config` asks for and its directory lacks; does nothing unless `config.download`.

    Raises:
        DataError: a download fails; the message names what to fetch by hand and where to put it.
    """
    root = data_root(config)
    if not config.download or root is None:
        return
    # Imported only where it is asked for: it brings an HTTP client.
    from teacher.datasets import download

    if config.images != "digits" and mnist.find(root) is None:
        download.fetch_mnist(root)
    if config.speech in ("auto", "fsdd", widened.NAME) and fsdd.find(root) is None:
        download.fetch_fsdd(root)
    if config.speech in ("gcdd", widened.NAME) and gcdd.find(root) is None:
        download.fetch_gcdd(root)


def load_images(config: DataConfig, seed: int = 0) -> Samples:
    """Load the handwriting that `config` asks for; its test part is the part that `config` names.

    Args:
        config: which and where.
        seed: unused by the sets that exist; every loader takes one.

    Raises:
        DataError: the choice cannot be satisfied; the message names the file looked for and the fix.
    """
    return _part(config, _choose_images(config), VALIDATION_IMAGES, "writers")


def load_speech(config: DataConfig, seed: int = 0) -> Samples:
    """Load the speech that `config` asks for; its test part is the part that `config` names.

    Args:
        config: which and where.
        seed: chooses takes and recording conditions of synthetic speech.

    Raises:
        DataError: the choice cannot be satisfied; the message names the file looked for and the fix.
    """
    return _part(config, _choose_speech(config, seed), VALIDATION_CLIPS, "speakers")


def _part(config: DataConfig, samples: Samples, most: int, people: str) -> Samples:
    if config.part == "test":
        return samples
    return hold_out(samples, min(most, len(samples.train) // 10), VALIDATION_SEED, people)


def _choose_images(config: DataConfig) -> Samples:
    root = data_root(config)
    if config.images == "digits":
        return digits.load()
    if config.images == "mnist" or mnist.find(root) is not None:
        return mnist.load(root)
    return digits.load().noted(f"auto: no MNIST {_under(root)}")


def _choose_speech(config: DataConfig, seed: int) -> Samples:
    root = data_root(config)
    choice = config.speech
    if choice == widened.NAME:
        return widened.load(root, config.held_out)
    if choice == "gcdd":
        return gcdd.load(root)
    if choice == "fsdd":
        return fsdd.load(root, config.held_out)
    if choice == "synthetic":
        return synthetic.load(seed)
    if fsdd.find(root) is not None:
        return fsdd.load(root)
    found = gcdd.find(root)
    if found is not None and found.enough:
        return gcdd.load(root).noted(f"auto: no FSDD {_under(root)}")
    lacks = f"auto: no FSDD {_under(root)}, " + (
        f"Speech Commands too uneven ({found.counts})" if found else "no Speech Commands"
    )
    if not synthetic.available():
        raise DataError(f"no speech ({lacks});\n{synthetic.missing()}, or give --data DIR or --download")
    return synthetic.load(seed).noted(lacks)


def _under(root: Path | None) -> str:
    return f"under {root}" if root else "(no --data)"

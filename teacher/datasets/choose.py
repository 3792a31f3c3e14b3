"""Choosing datasets: an explicit choice is kept or refused, `auto` takes the best found and says so."""

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path

from sensors.core.errors import DataError
from teacher.config import DataConfig
from teacher.datasets.core.samples import Samples, hold_out
from teacher.datasets.preparation.cache import cache_root
from teacher.datasets.preparation.folders import list_folder
from teacher.datasets.readers import avletters, digits, fsdd, gcdd, mnist, widened
from teacher.datasets.synthesis import synthetic

VALIDATION_IMAGES, VALIDATION_CLIPS = 3_000, 300
"""Most samples that a validation part takes from training; it takes a tenth where that is less."""
VALIDATION_SEED = 1
"""A constant: the validation part is the same in every run."""
VARIABLE = "RECIPROCAL_DATA"


@dataclass(frozen=True)
class Choice:
    """The choice for one kind of data.

    Attributes:
        name: of the dataset, as `--images`, `--speech` and `--letters` spell it.
        embedded: it comes with the program, and nothing in the directory is used for it.
        lacks: what `auto` did not find, and so took this; empty where it found the best, or was not asked.
    """

    name: str
    embedded: bool
    lacks: str = ""


def named_root(config: DataConfig) -> str:
    """The directory that the user names for datasets: `data`, else `RECIPROCAL_DATA`, else an empty string."""
    return config.data or os.environ.get(VARIABLE) or ""


def data_root(config: DataConfig, source: str = "") -> Path | None:
    """The directory with datasets: the named one, else the cache for downloads, or None.

    Args:
        config: names it.
        source: how the user named it, for messages; by default `--data` or the variable.

    Raises:
        DataError: the directory cannot be read, or does not exist and is not to be downloaded into.
    """
    named = named_root(config)
    if not named:
        return cache_root() / "data" if config.download else None
    source = source or ("--data" if config.data else VARIABLE)
    try:
        root = Path(named).expanduser()
    except RuntimeError as error:
        raise DataError(f"{source} {named}: {error}; name the directory by its whole path") from None
    try:
        there = list_folder(root) is not None
    except DataError as error:
        raise DataError(f"{source} {error}") from None
    if not there and (not config.download or os.path.lexists(root)):
        what = "is no directory" if os.path.lexists(root) else "no such directory"
        raise DataError(f"{source} {root}: {what}; name one that exists, or add --download")
    return root


def fetch_missing(config: DataConfig, source: str = "") -> None:
    """Download what `config` asks for and its directory lacks; does nothing unless `config.download`.

    Args:
        config: which data, and where.
        source: how the user named the directory, as in `data_root`.

    Raises:
        DataError: a download fails; the message names what to fetch by hand and where to put it.
    """
    root = data_root(config, source)
    if not config.download or root is None:
        return
    # Imported only where it is asked for: it brings an HTTP client.
    from teacher.datasets.preparation import download

    if config.images != "digits" and mnist.find(root) is None:
        download.fetch_mnist(root)
    if config.speech in ("auto", "fsdd", widened.NAME) and fsdd.find(root) is None:
        download.fetch_fsdd(root)
    if config.speech in ("gcdd", widened.NAME) and gcdd.find(root) is None:
        download.fetch_gcdd(root)


def choose_images(config: DataConfig) -> Choice:
    """Which handwriting `config` asks for; whether an explicit choice is there is seen when it is loaded.

    Raises:
        DataError: the directory cannot be read.
    """
    if config.images != "auto":
        return Choice(config.images, config.images == "digits")
    root = data_root(config)
    if mnist.find(root) is not None:
        return Choice("mnist", False)
    absent = mnist.lacks(root) if root else []
    part = f" ({', '.join(absent)} missing)" if 0 < len(absent) < 4 else ""
    return Choice("digits", True, f"no MNIST{part} {_under(root)}")


def choose_speech(config: DataConfig) -> Choice:
    """Which speech `config` asks for, as `choose_images` does."""
    if config.speech != "auto":
        return Choice(config.speech, config.speech == "synthetic")
    root = data_root(config)
    if fsdd.find(root) is not None:
        return Choice("fsdd", False)
    lacks = f"no FSDD {_under(root)}{fsdd.unused(root) if root else ''}"
    found = gcdd.find(root)
    if found is not None and found.enough:
        return Choice("gcdd", False, lacks)
    if found is not None:
        return Choice(
            "synthetic", True, f"{lacks}, Speech Commands too uneven ({found.counts}; --speech gcdd takes it)"
        )
    return Choice("synthetic", True, f"{lacks}, no Speech Commands{gcdd.unused(root) if root else ''}")


def choose_letters(config: DataConfig) -> Choice:
    """Which letters `config` asks for, as `choose_images` does."""
    if config.letters != "auto":
        return Choice(config.letters, config.letters == "synthetic")
    root = data_root(config)
    if avletters.find(root) is not None:
        return Choice("avletters", False)
    return Choice("synthetic", True, f"no AV-Letters {_under(root)}")


def instead(config: DataConfig, kind: str, choice: Choice) -> str:
    """A line that tells of embedded data in place of what a named directory lacks; empty where they are not.

    Args:
        config: names the directory.
        kind: the setting that chooses: images, speech or letters.
        choice: what is taken.
    """
    if not (choice.embedded and choice.lacks and named_root(config)):
        return ""
    root = data_root(config)
    lacks = choice.lacks.replace(f" {_under(root)}", "")
    return f"{kind} are not from {root}, but embedded: {lacks} there; --{kind} {choice.name} asks for embedded ones"


def load_images(config: DataConfig, seed: int = 0) -> Samples:
    """Load the handwriting that `config` asks for; its test part is the part that `config` names.

    Args:
        config: which and where.
        seed: unused by the sets that exist; every loader takes one.

    Raises:
        DataError: the choice cannot be satisfied; the message names the file looked for and the fix.
    """
    choice = choose_images(config)
    samples = digits.load() if choice.embedded else mnist.load(data_root(config))
    return _part(config, _told(samples, config, "images", choice), VALIDATION_IMAGES, "writers")


def load_speech(config: DataConfig, seed: int = 0) -> Samples:
    """Load the speech that `config` asks for; its test part is the part that `config` names.

    Args:
        config: which and where.
        seed: chooses takes and recording conditions of synthetic speech.

    Raises:
        DataError: the choice cannot be satisfied; the message names the file looked for and the fix.
    """
    choice, root = choose_speech(config), data_root(config)
    if choice.name == widened.NAME:
        samples = widened.load(root, config.held_out)
    elif choice.name == "gcdd":
        samples = gcdd.load(root)
    elif choice.name == "fsdd":
        samples = fsdd.load(root, config.held_out)
    elif choice.lacks and not synthetic.available():
        raise DataError(f"no speech (auto: {choice.lacks});\n{synthetic.missing()}, or give --data DIR or --download")
    else:
        samples = synthetic.load(seed)
    return _part(config, _told(samples, config, "speech", choice), VALIDATION_CLIPS, "speakers")


def _told(samples: Samples, config: DataConfig, kind: str, choice: Choice) -> Samples:
    if not choice.lacks:
        return samples
    return dataclasses.replace(samples.noted(f"auto: {choice.lacks}"), instead=instead(config, kind, choice))


def _part(config: DataConfig, samples: Samples, most: int, people: str) -> Samples:
    if config.part == "test":
        return samples
    return hold_out(samples, min(most, len(samples.train) // 10), VALIDATION_SEED, people)


def _under(root: Path | None) -> str:
    return f"under {root}" if root else "(no --data)"

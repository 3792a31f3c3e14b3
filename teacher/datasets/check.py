"""What can be known of a user's datasets before anything is started: found, readable, and used at all."""

from collections.abc import Mapping
from pathlib import Path

from sensors.core.errors import DataError
from sensors.system.files import open_regular, refuse_pointer
from teacher.config import DataConfig
from teacher.datasets.choose import (
    VARIABLE,
    Choice,
    data_root,
    named_root,
)
from teacher.datasets.core.report import printable
from teacher.datasets.preparation.folders import DEPTH, MOST_FOLDERS, walk
from teacher.datasets.readers import avletters, fsdd, gcdd, mnist, widened

LAYOUTS = (
    "mnist/train-images-idx3-ubyte.gz, fsdd/recordings/0_<speaker>_0.wav, speech_commands/zero/<speaker>_nohash_0.wav, "
    "speech_commands_v0.01.tar.gz, avletters/Lips"
)


def check_files(config: DataConfig, choices: Mapping[str, Choice], source: str = "") -> None:
    """Refuse at once datasets that could not be loaded, as far as names and permissions show it.

    Args:
        config: where they are.
        choices: what is taken, by the setting that chooses.
        source: how the user named the directory: an option, or a variable; by default as `config` does.

    Raises:
        DataError: the directory or a file in it cannot be read, or a chosen dataset is missing.
    """
    root = data_root(config, source)
    for choice in choices.values():
        if not choice.embedded:
            for path in _files(choice.name, root, config.held_out):
                # Opened, and not read: that is its loader's.
                with open_regular(path) as file:
                    refuse_pointer(path, file.read(256))


def refuse_unused(
    config: DataConfig, choices: Mapping[str, Choice], missed: Mapping[str, Choice], source: str = ""
) -> None:
    """Refuse a directory that is named and of which nothing is used, where embedded data are not asked for.

    Args:
        config: which data, and where.
        choices: all that is taken, by the setting that chooses.
        missed: those of the choices whose want of data is a mistake.
        source: as in `check_files`.

    Raises:
        DataError: names what was looked for, where, and how embedded data are asked for.
    """
    root = data_root(config, source)
    source = source or ("--data" if config.data else VARIABLE)
    fell_back = {kind: choice for kind, choice in missed.items() if choice.embedded and choice.lacks}
    if fell_back and named_root(config) and all(choice.embedded for choice in choices.values()):
        lacks = ", ".join(c.lacks.replace(f" under {root}", "") for c in choices.values() if c.lacks)
        embedded = " ".join(f"--{kind} {choice.name}" for kind, choice in fell_back.items())
        raise DataError(
            f"{source} {root}: nothing in it can be used: {lacks}{_closed(root)};\n"
            f"looked there and {DEPTH} folders deep for {LAYOUTS}; {embedded} asks for embedded data"
        )


def _closed(root: Path | None) -> str:
    """Which folders a search could not look into, as the end of a phrase."""
    closed: list[Path] = []
    beyond: list[Path] = []
    for _ in walk(root, closed, beyond) if root is not None else ():
        pass
    told = ""
    if closed:
        told = f"; not permitted to look into {_some(closed)}"
    if beyond:
        told += f"; not looked into {_some(beyond)}, as a search ends after {MOST_FOLDERS:,} folders"
    return told


def _some(folders: list[Path]) -> str:
    return ", ".join(printable(str(path)) for path in folders[:3]) + ", …" * (len(folders) > 3)


def _files(name: str, root: Path | None, held_out: str) -> list[Path]:
    """The files of a dataset.

    Raises:
        DataError: it is not there, or is not enough for a split by its names.
    """
    if name == widened.NAME:
        return [*_files("fsdd", root, held_out), *_files("gcdd", root, held_out)]
    if name == "mnist":
        images = mnist.find(root)
        if images is None:
            raise DataError(mnist.missing(root))
        return [path for pair in images.values() for path in pair]
    if name == "fsdd":
        folder = fsdd.find(root)
        if folder is None:
            raise DataError(fsdd.missing(root))
        return fsdd.scan(folder, held_out)[0]
    if name == "gcdd":
        words = gcdd.find(root)
        if words is None:
            raise DataError(gcdd.missing(root))
        if words.archive:
            return [words.place]
        words.check()
        return [path for paths in words.files.values() for path in paths]
    corpus = avletters.corpus(root)
    return [*corpus.lips.values(), *corpus.speech.values()]

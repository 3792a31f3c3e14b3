"""What can be known of a user's datasets before anything is started: found, readable, and used at all."""

from pathlib import Path

from sensors.errors import DataError
from sensors.files import open_regular, refuse_pointer
from teacher.config import DataConfig
from teacher.datasets import avletters, fsdd, gcdd, mnist, widened
from teacher.datasets.choose import (
    VARIABLE,
    Choice,
    choose_images,
    choose_letters,
    choose_speech,
    data_root,
    named_root,
)
from teacher.datasets.folders import DEPTH, MOST_FOLDERS, walk
from teacher.datasets.report import printable

LAYOUTS = (
    "mnist/train-images-idx3-ubyte.gz, fsdd/recordings/0_<speaker>_0.wav, speech_commands/zero/<speaker>_nohash_0.wav, "
    "speech_commands_v0.01.tar.gz, avletters/Lips"
)


def check_data(config: DataConfig, digits: bool, letters: bool, source: str = "") -> None:
    """Tell at once what would stop whoever loads the data, as far as names and permissions show it.

    Args:
        config: which data, and where.
        digits: whether images and speech are loaded.
        letters: whether letters are loaded.
        source: how the user named the directory: an option, or a variable; by default as `config` does.

    Raises:
        DataError: the directory or a file in it cannot be read; a chosen dataset is missing; or a directory is named,
            nothing in it is used, and embedded images and speech are not asked for. A variable may name what other
            runs use: it is no mistake where letters alone are taught.
    """
    if not (digits or letters):
        return
    root = data_root(config, source)
    choices: dict[str, Choice] = {}
    if digits:
        choices |= {"images": choose_images(config), "speech": choose_speech(config)}
    if letters:
        choices["letters"] = choose_letters(config)
    source = source or ("--data" if config.data else VARIABLE)
    # Where digits are taught, letters alone do not make a directory that lacks them a mistake.
    fell_back = {k: c for k, c in choices.items() if c.embedded and c.lacks and not (digits and k == "letters")}
    unused = fell_back and named_root(config) and all(choice.embedded for choice in choices.values())
    if unused and (digits or source != VARIABLE):
        lacks = ", ".join(c.lacks.replace(f" under {root}", "") for c in choices.values() if c.lacks)
        embedded = " ".join(f"--{kind} {choice.name}" for kind, choice in fell_back.items())
        raise DataError(
            f"{source} {root}: nothing in it can be used: {lacks}{_closed(root)};\n"
            f"looked there and {DEPTH} folders deep for {LAYOUTS}; {embedded} asks for embedded data"
        )
    for choice in choices.values():
        if not choice.embedded:
            for path in _files(choice.name, root, config.held_out):
                # Opened, and not read: that is its loader's.
                with open_regular(path) as file:
                    refuse_pointer(path, file.read(256))


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

"""Folders of real things, each named by words: what `benchmarks/studies/things/things.py` teaches.

* `words`: the 23 kinds of grocery of which there are most training photographs, named by 23 real words: the ten digits
  and 13 commands. `names.csv` says which. Words are split by speaker: of FSDD one speaker validates and one tests, of
  Speech Commands a tenth and a fifth of the speakers do, by a hash of their names.
* `names`: all 43 kinds, named by their own names in synthetic voices.
* `names-5`, `names-10`, `names-20`: kinds of these, spread evenly over the alphabet.
* `all`: 79 concepts: the ten digits (MNIST, named by the real words), 26 letters (drawn in fonts, spelled by synthetic
  voices) and the 43 kinds with their own names.

Photographs keep their official split. A folder is made of links into the datasets, once for each part that is examined:
`test`, or `validation`. Training files are the same in both, but for four kinds without a validation photograph: there
a tenth of the training photographs validates, and trains in `test` alone.
"""

import csv
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from benchmarks.studies.things.things_voices import KINDS, TAKES, write_names
from sensors.core.errors import DataError
from teacher.config import CONCEPTS
from teacher.datasets.core.utterances import LETTERS
from teacher.datasets.readers import fsdd, mnist

COMMANDS = ("bed", "cat", "down", "go", "happy", "left", "no", "off", "on", "right", "stop", "up", "yes")
WORDS = (*CONCEPTS, *COMMANDS)
"""The 23 real words."""
KINDS_OF_WORDS = (
    *("Apple", "Avocado", "Banana", "Carrots", "Juice", "Kiwi", "Lemon", "Melon", "Milk", "Mushroom", "Nectarine"),
    *("Onion", "Orange", "Peach", "Pear", "Pepper", "Potato", "Satsumas", "Sour-Cream", "Soy-Milk", "Soyghurt"),
    *("Tomato", "Yoghurt"),
)
"""The kinds with most training photographs, in the order of the words that name them."""
FEWER = (5, 10, 20)
TABLES = ("words", "names", *(f"names-{count}" for count in FEWER), "all")
PARTS = ("validation", "test")
SPEAKERS = {"theo": "val", "yweweler": "test"}
"""FSDD's speakers that do not train: the last two by name."""
_FONTS = tuple(range(8))
"""OpenCV's fonts; the last one tests, the one before validates."""
_DRAWN = {"train": 12, "val": 12, "test": 24}
"""Pictures of each letter in each font."""
_DIGITS = {"train": 200, "val": 20, "test": 60}
"""Pictures of each digit."""

Files = Iterator[tuple[str, Path]]
"""Part ('train', 'val' or 'test') and file."""


def build(table: str, part: str, data: Path, out: Path) -> Path:
    """The folder of a table, made of links and of generated files below `out`; kept, and not made twice.

    Args:
        table: one of `TABLES`.
        part: what is examined, one of `PARTS`.
        data: directory with the datasets.
        out: where folders lie.

    Raises:
        DataError: a dataset is not there.
        StorageError: a file cannot be written.
    """
    root = out / f"{table}-{part}"
    whole = out / f"{table}-{part}.whole"
    if whole.exists():
        return root
    shutil.rmtree(root, ignore_errors=True)
    spoken = out / "voices"
    if table != "words":
        write_names(spoken)
    rows = []
    for concept, image, audio, seen, heard in _concepts(table, data, out, spoken):
        rows.append((concept, image, audio))
        for sense, folder, files in (("image", image, _parted(seen, part)), ("audio", audio, _parted(heard, part))):
            for there, file in files:
                place = root / there / sense / folder
                place.mkdir(parents=True, exist_ok=True)
                (place / f"{file.parent.parent.name}-{file.name}").symlink_to(file.absolute())
    with (root / "names.csv").open("w", newline="", encoding="utf-8") as table_file:
        csv.writer(table_file).writerows([("concept", "image", "audio"), *rows])
    whole.touch()
    return root


def kinds_of(table: str) -> tuple[str, ...]:
    """The kinds of grocery of a table, in the order of the concepts."""
    if table == "words":
        return KINDS_OF_WORDS
    if table in ("names", "all"):
        return KINDS
    count = int(table.removeprefix("names-"))
    return tuple(KINDS[round(k * (len(KINDS) - 1) / (count - 1))] for k in range(count))


def _concepts(table: str, data: Path, out: Path, spoken: Path) -> Iterator[tuple[str, str, str, Files, Files]]:
    """Concept, its folders of images and of sounds, and their files."""
    if table == "all":
        pictures = out / "pictures"
        _draw(pictures, data)
        for digit in CONCEPTS:
            yield digit, digit, digit, _made(pictures, digit), _words(data, digit)
        for letter in LETTERS:
            yield letter, letter, letter, _made(pictures, letter), _made(spoken, letter)
    for k, kind in enumerate(kinds_of(table)):
        if table == "words":
            yield kind, kind, WORDS[k], _photographs(data, kind), _words(data, WORDS[k])
        else:
            yield kind, kind, kind, _photographs(data, kind), _made(spoken, kind)


def _parted(files: Files, part: str) -> Files:
    """Where each file goes when a part is examined: to train, or to test as the examined part; others nowhere."""
    listed = list(files)
    has_own = any(there == "val" for there, _ in listed)
    for number, (there, file) in enumerate(listed):
        if part == "test":
            if there != "val":
                yield there, file
        elif there == "val" or (there == "train" and not has_own and number % 10 == 0):
            yield "test", file
        elif there == "train":
            yield there, file


def _photographs(data: Path, kind: str) -> Files:
    """Of one kind, by the dataset's own split."""
    for part in ("train", "val", "test"):
        yield from ((part, file) for file in _listed(data / "grocery_store" / part / kind, part == "val"))


def _words(data: Path, word: str) -> Files:
    """Recordings of one real word, split by speaker."""
    if word in CONCEPTS:
        folder = fsdd.find(data)
        if folder is None:
            raise DataError(fsdd.missing(data))
        digit = str(CONCEPTS.index(word))
        for file in _listed(folder):
            match = fsdd.NAME.fullmatch(file.name)
            if match and match["digit"] == digit:
                yield SPEAKERS.get(match["speaker"], "train"), file
    for file in _listed(data / ("speech_commands" if word in CONCEPTS else "speech_commands_words") / word):
        yield part_of(file.name.partition("_nohash_")[0]), file


def part_of(speaker: str) -> str:
    """The part in which a speaker of Speech Commands is: one of ten validates, two of ten test."""
    place = int(hashlib.sha1(speaker.encode(), usedforsecurity=False).hexdigest(), 16) % 10
    return "test" if place < 2 else "val" if place < 3 else "train"


def _made(folder: Path, name: str) -> Files:
    """Files that were written below a folder, by part."""
    for part in TAKES:
        yield from ((part, file) for file in _listed(folder / part / name))


def _listed(folder: Path, may_lack: bool = False) -> list[Path]:
    if not folder.is_dir():
        if may_lack:
            return []
        raise DataError(f"{folder}: no such folder; --data names the directory with the datasets")
    return sorted(file for file in folder.iterdir() if not file.name.startswith("."))


def _draw(folder: Path, data: Path) -> None:
    """Pictures of digits and letters, as `folder/<part>/<name>/<n>.png`."""
    whole = folder / "whole"
    if whole.exists():
        return
    digits = mnist.load(data)
    rng = np.random.default_rng(6)
    for part, count in _DIGITS.items():
        images, labels = (digits.test, digits.test_labels) if part == "test" else (digits.train, digits.train_labels)
        for digit, name in enumerate(CONCEPTS):
            rows = np.flatnonzero(labels == digit)
            # Those that validate come after those that train.
            rows = rows[_DIGITS["train"] :][:count] if part == "val" else rows[:count]
            _write(folder / part / name, (images[row, 0] for row in rows))
    fonts = {"train": _FONTS[:-2], "val": _FONTS[-2:-1], "test": _FONTS[-1:]}
    for part, count in _DRAWN.items():
        for letter in LETTERS:
            _write(folder / part / letter, (_letter(letter, font, rng) for font in fonts[part] for _ in range(count)))
    whole.touch()


def _letter(letter: str, font: int, rng: np.random.Generator) -> np.ndarray:
    """A letter in colour on a coloured ground, (96, 96, 3) uint8."""
    ground = rng.integers(0, 256, 3)
    ink = (ground + rng.integers(90, 166, 3)) % 256
    picture = np.full((96, 96, 3), ground, np.uint8)
    size, thick = rng.uniform(1.6, 2.6), int(rng.integers(2, 6))
    (width, height), _ = cv2.getTextSize(letter, font, size, thick)
    at = (int((96 - width) / 2 + rng.integers(-10, 11)), int((96 + height) / 2 + rng.integers(-10, 11)))
    cv2.putText(picture, letter, at, font, size, tuple(map(int, ink)), thick, cv2.LINE_AA)
    return picture


def _write(folder: Path, pictures: Iterator[np.ndarray]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures):
        done, png = cv2.imencode(".png", picture)
        if done:
            (folder / f"{number}.png").write_bytes(png.tobytes())

"""The layout that a folder of things must have, and how a folder that has another one is refused."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from sensors.core.errors import DataError
from teacher.datasets.core.report import LoadReport, printable

PARTS = ("train", "val", "test")
"""Folders that may lie above those of the senses."""
FILE, FOLDER, CONCEPT = "file", "folder", "concept"
"""What may be left out."""
SPOKEN = "audio"
"""The sense of which `--speak` makes what is missing."""
NAMES = "names.csv"
"""File that says which folder of each sense is of which concept."""


class Left(NamedTuple):
    """Something that is left out: a file, a folder or a concept, its name, and why."""

    kind: str
    name: str
    why: str


def left_lines(taken: int, left: Iterable[Left]) -> list[str]:
    """Printable lines on what was left out, by kind; empty where nothing was.

    Args:
        taken: files that were taken.
        left: all that was not.
    """
    kinds: dict[str, list[tuple[str, str]]] = {FILE: [], FOLDER: [], CONCEPT: []}
    for kind, name, why in left:
        kinds[kind].append((name, why))
    reports = {kind: LoadReport.of(taken if kind == FILE else 0, entries) for kind, entries in kinds.items()}
    return [
        f"{kind}s: {report.line if kind == FILE else report.line.removeprefix('0 taken, ')}"
        for kind, report in reports.items()
        if report.line
    ]


def refused(root: Path, why: str, fix: str = "") -> DataError:
    """The error of a folder that cannot be taught: the cause in one line, what is asked for in another.

    Args:
        root: the folder.
        why: the cause.
        fix: what is asked for; by default the whole layout.
    """
    asked = (
        "expected DIR/<sense>/<concept>/<files>, as in image/mug/1.jpg and audio/mug/1.wav, of two concepts or more "
        "with two files or more by each sense; "
        f"optional: train/, val/, test/ above these, and DIR/{NAMES} (concept,image,audio)"
    )
    return DataError(f"--teach {printable(str(root))}: {why};\n{fix or asked}")


def some(names: list[str], most: int = 5) -> str:
    """A few of `names` for a message, in one line that any terminal shows."""
    return ", ".join(map(printable, names[:most])) + ", …" * (len(names) > most)

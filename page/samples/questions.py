"""The last questions and their answers, kept in the run's `samples/` as one array file and one JSON file each."""

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from page.access.refusals import Refused

ASKED, REMEMBERED = "asked", "remembered"
"""Names of what was asked, and of what is remembered of it, among a question's samples."""
FORMAT = 1
"""Version of the files."""


class Questions:
    """Keeps questions; from any thread.

    Args:
        directory: of the files; made when missing.
        keep: newest ones that are kept.

    Attributes:
        unwritten: questions that could not be written; they stand on the page until the page ends.
    """

    def __init__(self, directory: Path, keep: int) -> None:
        self._directory, self._keep = directory, keep
        self._lock = threading.Lock()
        self._told: dict[int, dict[str, Any]] = {}
        self._samples: dict[int, dict[str, tuple[str, NDArray[Any]]]] = {}
        self.unwritten = 0
        for path in sorted(directory.glob("question-[0-9]*.json"))[-keep:]:
            self._read(path)
        self._number = max((number_of(path) for path in directory.glob("question-[0-9]*.json")), default=0)

    def next(self) -> int:
        """The number of the next question."""
        with self._lock:
            self._number += 1
            return self._number

    def add(self, told: Mapping[str, Any], samples: Mapping[str, tuple[str, NDArray[Any]]]) -> None:
        """Keep a question.

        Args:
            told: the answer, JSON-ready, with its `number`.
            samples: sense and stored sample (*shape) by their names in the question's references.
        """
        number = int(told["number"])
        with self._lock:
            self._told[number], self._samples[number] = dict(told), dict(samples)
            for old in sorted(self._told)[: -self._keep]:
                del self._told[old], self._samples[old]
        try:
            self._write(number, told, samples)
        except OSError:
            # A full disk is no reason to answer nothing.
            with self._lock:
                self.unwritten += 1

    def all(self) -> list[dict[str, Any]]:
        """The answers, the newest first."""
        with self._lock:
            return [dict(self._told[number]) for number in sorted(self._told, reverse=True)]

    def sample(self, number: int, name: str) -> tuple[str, NDArray[Any]]:
        """Sense and stored sample of one question.

        Raises:
            Refused: there is none.
        """
        with self._lock:
            found = self._samples.get(number)
        if found is None:
            raise Refused("gone", f"question {number} is no longer kept")
        if name not in found:
            raise Refused("not_found", f"question {number} has no sample {name[:40]!r}")
        return found[name]

    def _write(self, number: int, told: Mapping[str, Any], samples: Mapping[str, tuple[str, NDArray[Any]]]) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        place = self._directory / f"question-{number:06d}"
        about = {"format": FORMAT, "told": told, "senses": {name: sense for name, (sense, _) in samples.items()}}
        arrays = place.with_suffix(".npz")
        stage = place.with_suffix(".npz.new")
        with stage.open("wb") as file:
            columns: dict[str, Any] = {name: sample for name, (_, sample) in samples.items()}
            np.savez(file, **columns)
        stage.replace(arrays)
        # The text comes last: a question without it does not count as written.
        text = place.with_suffix(".json.new")
        text.write_text(json.dumps(about))
        text.replace(place.with_suffix(".json"))
        for old in sorted(self._directory.glob("question-[0-9]*.json"))[: -self._keep]:
            old.unlink(missing_ok=True)
            old.with_suffix(".npz").unlink(missing_ok=True)

    def _read(self, path: Path) -> None:
        """Take in a question of an earlier part of the run; one that is damaged is passed over."""
        try:
            about = json.loads(path.read_text())
            if about["format"] != FORMAT:
                return
            with np.load(path.with_suffix(".npz"), allow_pickle=False) as arrays:
                samples = {name: (str(sense), np.asarray(arrays[name])) for name, sense in about["senses"].items()}
            number = int(about["told"]["number"])
            self._told[number], self._samples[number] = about["told"], samples
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return


def number_of(path: Path) -> int:
    """The number in a file's name; 0 for another name."""
    digits = path.stem.partition("-")[2]
    return int(digits) if digits.isdecimal() else 0

"""The log of the sensors: changes of state and notes, which the terminal shows for a moment, line by line in a file."""

import time
from collections.abc import Iterable
from pathlib import Path

NAME = "sensors.log"
"""Name of the file in a run directory."""
LARGEST = 1 << 20
"""Bytes after which a new file begins; the file before is kept as `<name>.1`, earlier ones are not kept."""


class SensorLog:
    """Appends lines, each with its time of day.

    Args:
        path: of the file; made at the first line.

    Attributes:
        unwritten: lines that could not be written.
    """

    def __init__(self, path: Path) -> None:
        self.unwritten = 0
        self._path = path

    def observe(self, lines: Iterable[tuple[float, str]]) -> None:
        """Add lines, each with its time in seconds since 1970; on a full disk they are lost and counted."""
        stamped = [f"{_clock(when)} {' '.join(text.split())}\n" for when, text in lines]
        if not stamped:
            return
        try:
            if self._path.exists() and self._path.stat().st_size >= LARGEST:
                self._path.replace(self._path.with_name(f"{self._path.name}.1"))
            with self._path.open("a", encoding="utf-8") as file:
                file.writelines(stamped)
        except OSError:
            self.unwritten += len(stamped)


def _clock(when: float) -> str:
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(when))}.{int(when % 1 * 1000):03}"

"""The figures of `metrics.jsonl` back to the run's start, in memory and as few points as a picture needs."""

import json
import math
import threading
from array import array
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from page.access.refusals import Refused

MOST_ROWS = 16_384
"""Points that are kept of one figure: 9 hours at a line every 2 s. Then two neighbours become one, over and over."""
MOST_SERIES = 4_000
"""Figures that are kept."""
PIECE = 1 << 20
"""Bytes that are read at once."""
POINTS = (2, 2000)
"""Fewest and most points of a series that is asked for."""
_COLUMNS = ("time_s", "step", "mean", "low", "high")


class Series:
    """One figure over time; each point stands for one value, or for as many neighbours as `weight`."""

    def __init__(self) -> None:
        self._columns = {name: array("d") for name in _COLUMNS}
        self.weight = 1
        self._waiting: list[tuple[float, float, float, float, float]] = []

    def add(self, time: float, step: float, value: float) -> None:
        """One more value."""
        self._waiting.append((time, step, value, value, value))
        if len(self._waiting) < self.weight:
            return
        times, steps, means, lows, highs = zip(*self._waiting, strict=True)
        self._waiting.clear()
        point = (times[-1], steps[-1], math.fsum(means) / len(means), min(lows), max(highs))
        for column, one in zip(self._columns.values(), point, strict=True):
            column.append(one)
        if len(self._columns["time_s"]) >= MOST_ROWS:
            merged = thin({name: np.array(column) for name, column in self._columns.items()}, MOST_ROWS // 2)
            self._columns = {name: array("d", column.tobytes()) for name, column in merged.items()}
            self.weight *= 2

    def between(self, begin: float, end: float, points: int) -> dict[str, list[float]]:
        """The part from `begin` to `end`, seconds, as at most `points` points."""
        columns = {name: np.array(column) for name, column in self._columns.items()}
        if self._waiting:
            # Those that do not make a point yet; the newest values are what people look at.
            times, steps, means, lows, highs = zip(*self._waiting, strict=True)
            last = (times[-1], steps[-1], math.fsum(means) / len(means), min(lows), max(highs))
            columns = {name: np.append(columns[name], one) for name, one in zip(_COLUMNS, last, strict=True)}
        inside = (columns["time_s"] >= begin) & (columns["time_s"] <= end)
        shown = thin({name: column[inside] for name, column in columns.items()}, points)
        return {name: [float(f"{value:.6g}") for value in column] for name, column in shown.items()}


def thin(columns: dict[str, NDArray[np.float64]], points: int) -> dict[str, NDArray[np.float64]]:
    """Neighbours made into one point each, so that at most `points` are left: mean, smallest and largest value."""
    count = len(columns["time_s"])
    if count <= points:
        return columns
    starts = (np.arange(points) * count) // points
    ends = np.append(starts[1:], count)
    sizes = ends - starts
    return {
        "time_s": columns["time_s"][ends - 1],
        "step": columns["step"][ends - 1],
        "mean": np.add.reduceat(columns["mean"], starts) / sizes,
        "low": np.minimum.reduceat(columns["low"], starts),
        "high": np.maximum.reduceat(columns["high"], starts),
    }


class FiguresFile:
    """Follows a run's `metrics.jsonl`; from any thread.

    Args:
        path: of the file, which may not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._torn = b""
        self._series: dict[str, Series] = {}
        self._span = (0.0, 0.0)
        self._lock = threading.Lock()
        self.left_out = 0

    def answer(self, keys: list[str], begin: float | None, end: float | None, points: int) -> dict[str, Any]:
        """Series of these keys, JSON-ready.

        Args:
            keys: names, or beginnings that end in '*'.
            begin: seconds of the run; None: from its start.
            end: None: to the present.
            points: of each series at most.

        Raises:
            Refused: the number of points or the range makes no sense.
        """
        if not POINTS[0] <= points <= POINTS[1]:
            raise Refused("bad_request", f"points={points}: expected {POINTS[0]}…{POINTS[1]}")
        with self._lock:
            self._read()
            first, last = self._span
            begin, end = first if begin is None else begin, last if end is None else end
            if not begin <= end:
                raise Refused("bad_request", f"from={begin:g} lies after to={end:g}")
            wanted = [name for name in self._series if _matches(name, keys)]
            series = {name: self._series[name].between(begin, end, points) for name in wanted}
            return {
                "from_s": begin,
                "to_s": end,
                "first_s": first,
                "last_s": last,
                "keys": sorted(self._series),
                "series": series,
            }

    def _read(self) -> None:
        """Take in the lines that were written since."""
        try:
            with self._path.open("rb") as file:
                size = file.seek(0, 2)
                if size < self._offset:
                    # Another file has taken its place.
                    self._offset, self._torn, self._series, self._span = 0, b"", {}, (0.0, 0.0)
                file.seek(self._offset)
                while piece := file.read(PIECE):
                    self._offset += len(piece)
                    *lines, self._torn = (self._torn + piece).split(b"\n")
                    for line in lines:
                        self._take(line)
        except FileNotFoundError:
            return

    def _take(self, line: bytes) -> None:
        try:
            values = json.loads(line)
            time, step = float(values.pop("time")), float(values.pop("step"))
        except (ValueError, KeyError, TypeError, AttributeError):
            return
        self._span = (min(self._span[0], time) if self._series else time, max(self._span[1], time))
        for name, value in values.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            series = self._series.get(name)
            if series is None:
                if len(self._series) >= MOST_SERIES:
                    self.left_out += 1
                    continue
                series = self._series[name] = Series()
            series.add(time, step, float(value))


def _matches(name: str, keys: list[str]) -> bool:
    return any(name.startswith(key[:-1]) if key.endswith("*") else name == key for key in keys)

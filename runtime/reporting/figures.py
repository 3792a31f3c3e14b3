"""The figures of a run: gathered once, written as `metrics.jsonl` and TensorBoard events."""

import json
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path

from runtime.reporting.event_file import EventFile, append
from sensors.core.errors import StorageError
from sensors.core.state import StateDict, check_state

TAIL = 1 << 16
"""Bytes read from the end of `metrics.jsonl` at a time, to find its last line."""

SHOW_EVERY = 30.0
"""Shortest time between two contact sheets in TensorBoard's file, seconds."""

Value = float | int | str


class Counters:
    """Totals that never go backwards, whatever restarts underneath.

    A component reports its own running total; when that falls, the component began anew and its total counts
    from there.
    """

    def __init__(self) -> None:
        self._totals: dict[str, float] = {}
        self._seen: dict[str, float] = {}

    def add(self, key: str, amount: float) -> None:
        """Count `amount` (>= 0) more."""
        if amount < 0:
            raise ValueError(f"{key}: a counter cannot fall by {-amount}")
        self._totals[key] = self._totals.get(key, 0) + amount

    def observe(self, key: str, total: float) -> None:
        """Follow a component's own running total."""
        before = self._seen.get(key, 0)
        self.add(key, total - before if total >= before else total)
        self._seen[key] = total

    def follow(self, key: str, total: float) -> None:
        """Follow a total that its component keeps through restarts: a fall is no beginning, and counts nothing."""
        before = self._seen.get(key, 0)
        self.add(key, max(0.0, total - before))
        self._seen[key] = max(total, before)

    def begin_anew(self, prefix: str) -> None:
        """The component whose totals these are has been restarted: the next that `observe` sees count from 0."""
        self._seen = {key: total for key, total in self._seen.items() if not key.startswith(prefix)}

    @property
    def totals(self) -> dict[str, float]:
        """All totals by key."""
        return dict(self._totals)

    def state_dict(self) -> StateDict:
        """Totals, and what was last seen of each component."""
        return {"version": 1, "totals": dict(self._totals), "seen": dict(self._seen)}

    def load_state_dict(self, state: StateDict) -> None:
        """Take totals back; they then go on from there.

        Raises:
            StateError: not what `state_dict` wrote.
        """
        check_state(state, {"totals", "seen"}, 1, "counters")
        self._totals, self._seen = dict(state["totals"]), dict(state["seen"])


class Figures:
    """Flat figures by key (`exam/image_to_audio`, `loss/…`), stamped with the run's time and step.

    Args:
        metrics: the JSON-lines file, appended to; a torn last line is cut off.
        tensorboard: folder for this process's event file.

    Raises:
        StorageError: a file cannot be written (also from `observe`; what was there before stays whole).
    """

    def __init__(self, metrics: Path, tensorboard: Path) -> None:
        self._path = metrics
        try:
            self._offset = _mend(metrics)
            self._lines = metrics.open("ab", buffering=0)
            self._events = EventFile(tensorboard)
        except OSError as error:
            raise StorageError(f"{error.filename or metrics}: {error.strerror}") from None
        self._start = time.monotonic()
        self._next_show = 0.0

    @property
    def time(self) -> float:
        """Seconds since the run began, its earlier parts included."""
        return self._offset + time.monotonic() - self._start

    def advance(self, seconds: float) -> None:
        """Put the clock to at least `seconds`, when a resumed run was longer than its figures say."""
        self._offset += max(0.0, seconds - self.time)

    def observe(self, values: Mapping[str, Value], step: int) -> None:
        """Write one line of figures; a value that is not finite is left out."""
        kept = {key: value for key, value in values.items() if isinstance(value, str) or math.isfinite(value)}
        now = self.time
        line = {"time": round(now, 3), "step": step, **{k: _short(v) for k, v in kept.items()}}
        try:
            append(self._lines, (json.dumps(line) + "\n").encode())
            self._events.add({k: v for k, v in kept.items() if not isinstance(v, str)}, step)
        except OSError as error:
            raise StorageError(f"{self._path}: {error.strerror}; figures cannot be written") from None

    def show(self, samples: Path, step: int) -> None:
        """Give TensorBoard the newest contact sheets and sounds.

        The longer a run goes on, the more seldom, so that its file stays small.

        Raises:
            StorageError: the file cannot be written.
        """
        if self.time < self._next_show:
            return
        self._next_show = self.time + max(SHOW_EVERY, self.time / 4)
        try:
            self._events.show(samples, step)
        except OSError as error:
            raise StorageError(f"{self._path.parent}: {error.strerror}; samples cannot be shown") from None

    def close(self) -> None:
        """Close both files."""
        self._lines.close()
        self._events.close()


def _short(value: Value) -> Value:
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _mend(path: Path) -> float:
    """Cut a torn last line off and return the last whole line's time (0 for a new file)."""
    if not path.exists():
        return 0.0
    with path.open("r+b") as file:
        start = size = file.seek(0, os.SEEK_END)
        tail = b""
        # From the end until the tail holds one whole line, and where that begins.
        while start and tail.count(b"\n") < 2:
            start = max(0, start - TAIL)
            file.seek(start)
            tail = file.read(size - start)
        whole = tail.rfind(b"\n") + 1
        if whole < len(tail):
            file.truncate(start + whole)
    lines = tail[:whole].splitlines()
    try:
        return float(json.loads(lines[-1])["time"]) if lines else 0.0
    except (ValueError, KeyError, TypeError):
        raise StorageError(f"{path}: its last line is damaged; move the file away to go on") from None

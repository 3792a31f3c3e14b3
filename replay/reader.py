"""The learner's end of replay on its own node: the same mapped pages, no call, no copy but the batch."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replay.files import lock, make_directory
from replay.limiter import deficit
from replay.sampler import Keep, SampleBatch, Sampler
from replay.storage import READERS, Storage
from sensors.core.errors import StorageError
from sensors.core.state import StateDict, check_state


class Reader:
    """Draws batches from the tables that a `Buffer` in another process writes.

    Tables are found when they appear. Up to `READERS` readers at a time, each with its own cell in which it
    reports what it drew; the limiter adds them up.
    """

    def __init__(self, directory: str | Path, seed: int = 0) -> None:
        """Watch `directory`, which need not hold a table yet.

        Raises:
            StorageError: the directory cannot be made, or too many readers are open.
        """
        self.directory = Path(directory)
        self._rng = np.random.default_rng(seed)
        self._tables: dict[str, tuple[Storage, Sampler]] = {}
        cells = self.directory / "readers"
        make_directory(cells)
        for cell in range(READERS):
            if (descriptor := lock(cells / str(cell))) is not None:
                self._cell, self._lock = cell, descriptor
                return
        raise StorageError(f"{self.directory}: {READERS} readers are open already; close one")

    def kinds(self) -> list[str]:
        """Tables that exist now, sorted."""
        for entry in os.scandir(self.directory):
            if entry.name not in self._tables and entry.name[0] != "." and _is_table(Path(entry.path)):
                storage = Storage(Path(entry.path), writable=False)
                self._tables[entry.name] = (storage, Sampler(storage))
        return sorted(self._tables)

    def size(self, kind: str) -> int:
        """Events that the table holds."""
        return int(self._counters(kind)["size"])

    def inserted(self, kind: str) -> int:
        """Events that the table has taken so far."""
        return int(self._counters(kind)["inserted"])

    def deficit(self, kind: str) -> float:
        """Samples that this and the other readers still owe the table; negative: drawn ahead.

        Inserted x samples per insert - sampled, counted from where the limiter was last changed; without a limit the
        samples drawn for each event, negative.
        """
        c = self._counters(kind)
        return deficit(
            float(c["inserted"]),
            float(c["sampled"].sum()),
            float(c["samples_per_insert"]),
            float(c["offset"]),
        )

    def sample(
        self,
        kind: str,
        count: int,
        selector: str = "uniform",
        rng: np.random.Generator | None = None,
        out: Mapping[str, NDArray[Any]] | None = None,
        **options: Any,
    ) -> SampleBatch:
        """Draw `count` events; none of them is torn, however fast the writer is.

        Args:
            kind: of the table.
            count: events.
            selector: 'uniform', 'lesson' (option `views`) or 'recency_mixed' (option `newest`).
            rng: source of chance; the reader's own when not given.
            out: modality -> (count, *shape) arrays to copy into; allocated when not given.
            **options: the selector's.

        Raises:
            StorageError: no such table, or it is empty.
            ConfigError: no such selector, or options it cannot take.
        """
        storage, sampler = self._table(kind)
        batch = sampler.draw(count, selector, self._rng if rng is None else rng, out, **options)
        storage.counters["sampled"][0, self._cell] += count
        return batch

    def sweep(self, kind: str, count: int) -> Iterator[SampleBatch]:
        """All events that a table holds now, oldest first, `count` at a time; they do not count as drawn.

        What the writer overwrites meanwhile is left out; nothing is torn.

        Raises:
            StorageError: no such table.
            ConfigError: `count` is less than one.
        """
        return self._table(kind)[1].sweep(count)

    def newest(self, kind: str, count: int, keep: Keep | None = None) -> SampleBatch:
        """The newest `count` events of a table, oldest first, or as many as there are; they do not count as drawn.

        Args:
            kind: of the table.
            count: events.
            keep: restricts the draw to these events; from serials and lessons, (N,) int64 each, to (N,) bool.

        Raises:
            StorageError: no such table.
            ConfigError: `count` is less than one.
        """
        return self._table(kind)[1].newest(count, keep)

    def state_dict(self) -> StateDict:
        """The reader's random state."""
        return {"version": 1, "rng": self._rng.bit_generator.state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Draw on as the reader that was saved.

        Raises:
            StateError: a key is missing or unknown.
        """
        check_state(state, {"rng"}, 1, "replay reader")
        self._rng.bit_generator.state = state["rng"]

    def close(self) -> None:
        """Give the cell back; closing twice is fine."""
        self._tables.clear()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _counters(self, kind: str) -> Any:
        return self._table(kind)[0].counters[0]

    def _table(self, kind: str) -> tuple[Storage, Sampler]:
        if kind not in self._tables and kind not in self.kinds():
            raise StorageError(f"{self.directory}: no table of {kind} events yet; there are {self.kinds()}")
        return self._tables[kind]


def _is_table(path: Path) -> bool:
    return (path / "layout.json").exists()

"""One kind of event: its columns, remover, limiter and figures."""

import logging
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from replay.config import ReplayConfig
from replay.dedupe import source_key
from replay.journal import Journal, Totals
from replay.limiter import Limiter
from replay.removers import DROPPED, make_remover
from replay.sampler import Sampler
from replay.storage import Storage, read_layout
from sensors.core.errors import ConfigError, StateError
from sensors.core.event import EventBatch

_LOG = logging.getLogger("replay")


class Table:
    """A table that one process writes; made on disk when its directory does not exist.

    At any time, and after any crash, inserted = size + evicted + corrupt; inserted counts every event once whose id
    the journal or a slot has. What the limiter was changed to outlives the process,
    until the settings given at start are others.
    """

    def __init__(
        self, directory: Path, kind: str, config: ReplayConfig, seed: int, journal: Journal, free: bool = False
    ) -> None:
        """Open and verify, or make.

        Args:
            directory: the table's own.
            kind: of event.
            config: its capacity, remover and limits are taken from here.
            seed: of the remover.
            journal: knows how far the table had come.
            free: nothing draws from it: its sources are never told to wait.

        Raises:
            StorageError: no space, no permission, or a damaged file.
            StateError: the directory holds something else, or a table of another capacity.
        """
        if directory.exists():
            found = read_layout(directory)
            if found.kind != kind:
                raise StateError(f"{directory}: holds a table of {found.kind}, expected {kind}")
            if found.capacity != (capacity := config.capacity_of(kind)):
                raise StateError(
                    f"{directory}: holds {found.capacity} events, the settings say {capacity}; set "
                    f"replay.{config.capacity_name(kind)}={found.capacity} or choose another run directory"
                )
            self.storage = Storage(directory, writable=True)
        else:
            self.storage = Storage.create(directory, kind, config.capacity_of(kind))
        self.remover = make_remover(config.remover_of(kind), seed ^ zlib.crc32(kind.encode()))
        self.sampler = Sampler(self.storage)
        self.key = source_key(kind)
        self._figures = self.storage.counters[0]
        # What the journal knows nothing of, or not everything, is read back at once, and vouches for its ids itself.
        self.vouches = bool(journal.damaged) or self.key not in journal.totals
        if self.key not in journal.totals:
            inserted = int(self._figures["inserted"])
            journal.begin(self.key, Totals(inserted, inserted))
        self._live, self.unrecorded = self._recover(journal.totals[self.key])
        self.limiter = self._make_limiter(config.limits_of(kind, free))

    @property
    def totals(self) -> Totals:
        """How far it has come."""
        return Totals(int(self._figures["inserted"]), self._serial)

    def wait_ms(self, count: int) -> float:
        """The limiter's answer to a source with `count` new events: 0, or milliseconds to wait."""
        f = self._figures
        wait = self.limiter.wait_ms(int(f["inserted"]), self.sampled(), int(f["size"]), count)
        f["offset"] = self.limiter.offset
        return wait

    def insert(self, batch: EventBatch, rows: NDArray[np.int64]) -> None:
        """Store the batch's events `rows` in their order, letting go what the remover says."""
        f = self._figures
        serial = self._serial + 1 + np.arange(len(rows))
        slots = self.remover.place(serial, self._live)
        last = np.zeros(len(rows), np.bool_)
        last[len(rows) - 1 - np.unique(slots[::-1], return_index=True)[1]] = True
        kept = np.flatnonzero(last & (slots != DROPPED))
        slots = slots[kept]
        added = len(slots) - int(self._live[slots].sum())
        if len(slots):
            self.storage.write(slots, serial[kept], source_key(batch.source), batch, rows[kept])
        self._live[slots] = True
        f["size"] += added
        f["evicted"] += len(rows) - added
        f["inserted"] += len(rows)
        self._serial += len(rows)

    def count(self, name: str, events: int) -> None:
        """Add to one of the figures `duplicates`, `throttled`."""
        self._figures[name] += events

    def sampled(self) -> int:
        """Samples drawn so far by this process and every reader."""
        return int(self._figures["sampled"].sum())

    def count_sampled(self, count: int) -> None:
        """Add samples that this process drew."""
        self._figures["sampled"][-1] += count

    def set_limiter(
        self,
        samples_per_insert: float | None = None,
        slack: float | None = None,
        min_size: float | None = None,
    ) -> None:
        """Change the limiter, None leaves a value as it is; readers see it at once.

        Raises:
            ConfigError: a value is out of range, or the table never holds `min_size` events.
        """
        limiter, layout = self.limiter, self.storage.layout
        if min_size is not None and min_size > layout.capacity:
            raise ConfigError(f"min_size={min_size:g}: table {layout.kind} holds {layout.capacity} events")
        limiter.change(
            int(self._figures["inserted"]),
            self.sampled(),
            samples_per_insert=limiter.samples_per_insert if samples_per_insert is None else samples_per_insert,
            slack=limiter.slack if slack is None else slack,
            min_size=limiter.min_size if min_size is None else min_size,
        )
        self._publish()

    def stats(self) -> dict[str, float]:
        """All figures; events unless their name says otherwise."""
        f = self._figures
        names = ("inserted", "evicted", "duplicates", "throttled", "size", "corrupt", "torn")
        figures = {name: float(f[name]) for name in names}
        figures["sampled"] = float(self.sampled())
        figures["capacity"] = float(self.storage.layout.capacity)
        figures["samples_per_insert"] = self.limiter.samples_per_insert
        figures["deficit"] = self.limiter.deficit(figures["inserted"], figures["sampled"])
        return figures

    def drop_damaged(self, slots: NDArray[np.int64]) -> None:
        """Look at slots that are still unchecked: empty and count those that do not hold what was written."""
        slots = slots[self.storage.unchecked[slots] != 0]
        bad = slots[~self.storage.sound(slots)]
        self.storage.unchecked[slots] = 0
        if not len(bad):
            return
        self.storage.free(bad)
        self._live[bad] = False
        self._figures["corrupt"] += len(bad)
        self._figures["size"] -= len(bad)
        _LOG.warning("table %s: emptied %d damaged slots", self.storage.layout.kind, len(bad))

    def _recover(self, recorded: Totals) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Check slots as far as the journal does not vouch for them; bring the figures in step with what there is.

        Returns:
            (capacity,): which slots hold an event; and the slots of events that the journal does not know yet.
        """
        torn, bad = self.storage.verify(0 if self.vouches else recorded.serial)
        live, serial = self.storage.live(), self.storage.meta["serial"]
        unrecorded = np.flatnonzero(live & (serial > recorded.serial))
        f = self._figures
        self._serial = max(recorded.serial, int(serial.max()))
        f["inserted"] = recorded.inserted + len(unrecorded)
        f["size"] = int(live.sum())
        # Where no event is missing, the damage is a write that never finished: nobody was told that it was taken.
        gone = int(f["inserted"]) - int(f["size"]) - int(f["corrupt"])
        corrupt = min(bad, max(0, gone - int(f["evicted"])))
        f["torn"] += torn + bad - corrupt
        f["corrupt"] += corrupt
        f["evicted"] = gone - corrupt
        if torn or bad:
            _LOG.warning("table %s: emptied %d torn and %d damaged slots", self.storage.layout.kind, torn, bad)
        return live, unrecorded

    def _make_limiter(self, given: tuple[float, float, float]) -> Limiter:
        f = self._figures
        if not f["min_size"]:
            limiter = Limiter(*given)
        else:
            limiter = Limiter(float(f["samples_per_insert"]), float(f["slack"]), float(f["min_size"]))
            limiter.offset = float(f["offset"])
            if tuple(f["configured"]) != given:
                spi, slack, min_size = given
                limiter.change(
                    int(f["inserted"]), self.sampled(), samples_per_insert=spi, slack=slack, min_size=min_size
                )
        f["configured"] = given
        self.limiter = limiter
        self._publish()
        return limiter

    def _publish(self) -> None:
        f, limiter = self._figures, self.limiter
        f["samples_per_insert"], f["slack"] = limiter.samples_per_insert, limiter.slack
        f["min_size"], f["offset"] = limiter.min_size, limiter.offset

"""The replay: tables by kind of event, each event taken exactly once.

What an answer that events were taken promises is `ReplayConfig.ack`: with `memory` (and `none`, whose sources do not
look) they are in mapped pages, which outlive any process; with `disk` they, and after them the journal's record of
their ids, were flushed before, so that they outlive a power cut. `replay.journal` says why in this order.
"""

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replay.commit import GroupCommit
from replay.config import DISK, ReplayConfig
from replay.dedupe import Seen, runs_of, source_key
from replay.files import lock, make_directory, read_json, sync_directory, write_json
from replay.journal import Journal, Taken
from replay.sampler import SampleBatch
from replay.sweep import Sweep
from replay.table import Table
from sensors.core.errors import NoRoomError, StateError, StorageError
from sensors.core.event import EventBatch
from sensors.core.modalities import kind_of, labelled
from sensors.core.state import StateDict, check_state

LOCK_PATIENCE = 1.0
"""Seconds to wait for a process that is going down to let go of the directory."""
STATE = "state.json"
"""The file of what the columns do not hold themselves."""
CLOSE_PATIENCE = 60.0
"""Seconds that `close` waits for threads which still write."""


@dataclass(frozen=True)
class InsertResult:
    """What became of an offered batch: offered = accepted + duplicate, or all of it was throttled.

    Attributes:
        accepted: events stored by this call.
        duplicate: events that replay had taken before.
        throttled_ms: 0, or milliseconds after which to offer the whole batch again; nothing was stored.
    """

    accepted: int
    duplicate: int
    throttled_ms: float = 0.0


class Buffer:
    """Durable tables in one directory, written by one process; never blocks, but for the disk with `ack=disk`.

    What `insert` answered `accepted` or `duplicate` for is in the mapped pages, or on the disk: SIGKILL of this process
    does not lose it, and the next `Buffer` on the directory goes on from there. Safe to call from several threads,
    which then share a flush.
    """

    def __init__(self, directory: str | Path, config: ReplayConfig, seed: int = 0, free: Collection[str] = ()) -> None:
        """Open the directory, made when missing, and verify every table in it.

        What the journal vouches for is checked when it is drawn, and by a thread beside the work; see `checked`.

        Args:
            directory: of the tables.
            config: settings.
            seed: of removers and draws.
            free: kinds whose tables nothing draws from; their sources are never told to wait.

        Raises:
            StorageError: it cannot be written, is in use by another process, or a file is damaged.
            StateError: it holds tables of another format, capacity or modality shape.
        """
        self.directory = Path(directory)
        self._config = config
        self._seed = seed
        self._free = frozenset(kind_of(kind.split("+")) for kind in free)
        self._mutex = threading.Lock()
        # Apart from the mutex: a thread that leaves its work need not wait for others.
        self._idle = threading.Condition()
        self._at_work = 0
        self._closing = False
        self._rng = np.random.default_rng(seed)
        self._tables: dict[str, Table] = {}
        self._seen = Seen()
        self._limits: dict[str, float] = {}
        self._uncommitted: list[tuple[Table, Taken]] = []
        self._commit = GroupCommit(self._flush) if config.ack == DISK else None
        make_directory(self.directory)
        sync_directory(self.directory.parent)
        descriptor = lock(self.directory / "lock", LOCK_PATIENCE)
        if descriptor is None:
            raise StorageError(f"{self.directory}: in use by another run; stop it or choose another run directory")
        self._lock = open(descriptor, "rb")  # noqa: SIM115 - holds the lock until close
        try:
            self._open()
        except BaseException:
            self._lock.close()
            raise

    def insert(self, batch: EventBatch) -> InsertResult:
        """Take the events of `batch` that are new, or none of them when its table's limiter says wait.

        Raises:
            StorageError: the batch's table cannot be made, the buffer is closed, or the disk does not accept the data.
        """
        with self._work():
            if self._commit is not None:
                self._commit.check()
            answer = self._insert(batch)
            # A duplicate, too, may be waiting for the disk.
            if self._commit is not None and not answer.throttled_ms:
                self._commit.wait()
            return answer

    def _insert(self, batch: EventBatch) -> InsertResult:
        key = source_key(batch.source)
        with self._mutex:
            table = self._table(batch.kind)
            rows = np.flatnonzero(self._seen.unseen(key, batch.generation, batch.seq))
            if len(rows) and (wait := table.wait_ms(len(rows))):
                table.count("throttled", len(batch))
                return InsertResult(0, 0, wait)
            if len(rows):
                runs = runs_of(batch.seq[rows])
                if self._commit is None:
                    # First: an event that is stored and seen but not recorded would be called a duplicate.
                    self._journal.reserve(len(runs))
                table.insert(batch, rows)
                self._seen.add(key, batch.generation, batch.seq[rows])
                taken = Taken(key, batch.generation, runs, table.key, table.totals)
                if self._commit is None:
                    self._journal.append(taken)
                else:
                    self._uncommitted.append((table, taken))
            table.count("duplicates", len(batch) - len(rows))
            return InsertResult(len(rows), len(batch) - len(rows))

    def sample(self, kind: str, count: int, selector: str = "uniform", **options: Any) -> SampleBatch:
        """Draw `count` events for a reader on another node; one on this node uses `Reader`.

        Raises:
            StorageError: no such table, it is empty, or the buffer is closed.
            ConfigError: no such selector, or options it cannot take.
        """
        with self._mutex:
            self._check_open()
            table = self._existing(kind)
            batch = table.sampler.draw(count, selector, self._rng, **options)
            table.count_sampled(count)
            return batch

    def stats(self) -> dict[str, dict[str, float]]:
        """Figures of each table: inserted, evicted, size, corrupt, duplicates, throttled, sampled, ….

        In every table inserted = size + evicted + corrupt, in events; over all offers to it, offered =
        inserted + duplicates + throttled. `torn` counts slots whose write was cut short: their new event had not been
        taken, their old one was on its way out.
        """
        with self._mutex:
            return {kind: table.stats() for kind, table in sorted(self._tables.items())}

    def set_limiter(
        self,
        samples_per_insert: float | None = None,
        slack: float | None = None,
        min_size: float | None = None,
        kind: str | None = None,
    ) -> None:
        """Change the limiter of one table, or of all there are and will be; None leaves a value as it is.

        All means all that hold sources back: tables of labelled events, and those that nothing draws from, are
        changed only by name.

        Raises:
            ConfigError: a value is out of range.
            StorageError: no such table, or the buffer is closed.
        """
        given = {"samples_per_insert": samples_per_insert, "slack": slack, "min_size": min_size}
        limits = {name: float(value) for name, value in given.items() if value is not None}
        with self._mutex:
            self._check_open()
            limited = [table for name, table in self._tables.items() if self._limited(name)]
            for table in [self._existing(kind)] if kind else limited:
                table.set_limiter(**limits)
            if kind is None:
                self._limits |= limits

    def state_dict(self) -> StateDict:
        """What the tables' files do not hold themselves: random state and the removers'."""
        with self._mutex:
            return self._state()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Carry on as the buffer that was saved.

        Raises:
            StateError: a key is missing or unknown, or a saved table is not here.
        """
        check_state(state, {"rng", "removers"}, 1, "replay")
        with self._mutex:
            for kind, saved in state["removers"].items():
                if kind not in self._tables:
                    raise StateError(f"replay: the saved state has table {kind}, {self.directory} has not")
                remover = self._tables[kind].remover
                # A remover that the settings changed since starts afresh.
                if saved.get("name") == remover.name:
                    remover.load_state_dict(saved)
            self._rng.bit_generator.state = state["rng"]

    def save(self) -> None:
        """Write `state.json`; the next `Buffer` here carries on from it. After a kill it is not needed.

        Raises:
            StorageError: it cannot be written, or the buffer is closed.
        """
        with self._work():
            write_json(self.directory / STATE, self.state_dict())

    def checked(self, patience: float) -> bool:
        """Wait until every slot found at opening has been checked; False when that takes longer than `patience` s."""
        return self._sweep.wait(patience)

    def close(self) -> None:
        """Save and let go of the directory, when nobody writes in it any more; closing twice is fine.

        Raises:
            StorageError: a thread still waits for the disk, or the state cannot be written. The directory stays ours,
                and takes nothing new; closing again tries again.
        """
        with self._idle:
            self._closing = True
            if not self._idle.wait_for(lambda: not self._at_work, CLOSE_PATIENCE):
                raise StorageError(
                    f"{self.directory}: still being written after {CLOSE_PATIENCE:g} s; the directory stays locked"
                )
        with self._mutex:
            if self._lock.closed:
                return
            write_json(self.directory / STATE, self._state())
            # Under the mutex: the thread that checks slots looks whether the directory is still ours.
            self._lock.close()
        self._sweep.close()

    @contextmanager
    def _work(self) -> Iterator[None]:
        """Count as a call that `close` waits for."""
        with self._idle:
            self._check_open()
            self._at_work += 1
        try:
            yield
        finally:
            with self._idle:
                self._at_work -= 1
                self._idle.notify_all()

    def _check_open(self) -> None:
        if self._closing or self._lock.closed:
            raise StorageError(f"{self.directory}: closed; open a new Buffer")

    def _state(self) -> StateDict:
        removers = {kind: table.remover.state_dict() for kind, table in self._tables.items()}
        return {"version": 1, "rng": self._rng.bit_generator.state, "removers": removers}

    def _open(self) -> None:
        self._journal = Journal(self.directory)
        for interval in self._journal.seen.intervals():
            self._seen.add_interval(*interval)
        for path in sorted(self.directory.iterdir()):
            if path.is_dir() and (path / "layout.json").exists() and not path.name.startswith("."):
                self._tables[path.name] = self._opened(path.name)
        for table in self._tables.values():
            self._note(table)
        path = self.directory / STATE
        if path.exists():
            self.load_state_dict(read_json(path))
        self._sweep = Sweep(list(self._tables.values()), self._mutex, lambda: not self._lock.closed)

    def _note(self, table: Table) -> None:
        """Take ids in a table's slots as seen that the journal may not know; record what is not recorded."""
        if table.vouches:
            for source, generation, seq in _streams(table, np.flatnonzero(table.storage.live())):
                self._seen.add(source, generation, seq)
        if not len(table.unrecorded):
            return
        if self._commit is not None:
            table.storage.sync()
        for source, generation, seq in _streams(table, table.unrecorded):
            runs = self._seen.add(source, generation, seq)
            self._journal.append(Taken(source, generation, runs, table.key, table.totals))
        if self._commit is not None:
            self._journal.sync()

    def _flush(self) -> None:
        """Have the disk take what was inserted, then its records."""
        with self._mutex:
            taken, self._uncommitted = self._uncommitted, []
        if not taken:
            return
        for table in dict.fromkeys(table for table, _ in taken):
            table.storage.sync()
        with self._mutex:
            try:
                for _, one in taken:
                    self._journal.append(one)
            except NoRoomError:
                # Recorded in part, at most: what is recorded twice is recorded.
                self._uncommitted = taken + self._uncommitted
                raise
        self._journal.sync()

    def reserve(self, kinds: Iterable[str]) -> None:
        """Make these tables now, empty, so that a disk that fills up later cannot stop their first events.

        Raises:
            EventError: a kind names no registered modality.
            StorageError: there is no room for them, or the buffer is closed.
        """
        with self._mutex:
            self._check_open()
            for kind in kinds:
                self._table(kind_of(kind.split("+")))

    def _table(self, kind: str) -> Table:
        if kind not in self._tables:
            table = self._opened(kind)
            if self._limited(kind):
                table.set_limiter(**self._limits)
            self._tables[kind] = table
        return self._tables[kind]

    def _limited(self, kind: str) -> bool:
        """Whether the table tells its sources to wait, unless its own limiter is changed by name."""
        return not labelled(kind) and kind not in self._free

    def _opened(self, kind: str) -> Table:
        return Table(self.directory / kind, kind, self._config, self._seed, self._journal, kind in self._free)

    def _existing(self, kind: str) -> Table:
        if kind not in self._tables:
            raise StorageError(f"no table of {kind} events; there are {', '.join(sorted(self._tables)) or 'none'}")
        return self._tables[kind]


def _streams(table: Table, slots: NDArray[np.int64]) -> Iterator[tuple[int, int, NDArray[np.int64]]]:
    """Who sent the events in these slots: source, generation, and (N,) their sequence numbers."""
    meta = table.storage.meta[slots]
    for source, generation in np.unique(meta[["source", "generation"]]):
        own = (meta["source"] == source) & (meta["generation"] == generation)
        yield int(source), int(generation), meta["seq"][own]

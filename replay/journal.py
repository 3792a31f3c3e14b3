"""Which event ids replay has taken, on disk: a mapped file of checked records that outlives a killed process.

A record is the moment at which events count as taken for good. It names their ids and says how many events their
table had taken by then and which number it gave last, so that after a crash both follow from the journal and from the
slots numbered beyond it, whatever the figures in `counters.col` say:

- An event is written to its slot first, and here after that: whatever is recorded here is, or was, in a slot.
- With `ack=disk` the columns are flushed to the disk before their events are recorded here, the journal after that,
  and the answer goes out last. A power cut may keep any part of what was not flushed. A slot whose pages did not all
  arrive fails its checksum, and as no record vouches for its event, that is taken when it is sent again. The other way
  round, an event that is called a duplicate, and so acknowledged a second time, would be nowhere.
- A slot beyond the journal whose checksum holds is an event that was taken and not yet acknowledged. It is kept and
  recorded at the next start.

Where the journal is lost or damaged in part, the ids in the slots still count as taken; only what had left the tables
by then could be taken twice.
"""

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

from replay.dedupe import Seen
from replay.files import allocate, map_array, sync, sync_directory

NAME = "taken.log"
"""The journal's file."""
_OLD_NAME = "seen.log"
_RECORD = np.dtype(
    [
        ("source", "<u8"),
        ("generation", "<i8"),
        ("first", "<i8"),
        ("last", "<i8"),
        ("table", "<u8"),
        ("inserted", "<i8"),
        ("serial", "<i8"),
        ("crc", "<u8"),
    ]
)
_OLD_RECORD = np.dtype([field for field in _RECORD.descr if field[0] not in ("table", "inserted", "serial")])
_RECORDS = 32_768


@dataclass(frozen=True)
class Totals:
    """How far a table had come.

    Attributes:
        inserted: events that it had taken.
        serial: the last number that it had given one.
    """

    inserted: int
    serial: int


@dataclass(frozen=True)
class Taken:
    """Events that a table took from one source at one time.

    Attributes:
        source: `source_key` of their source.
        generation: of the source.
        runs: their sequence numbers, as intervals (first, last).
        table: `source_key` of the kind of event.
        totals: the table's, after them.
    """

    source: int
    generation: int
    runs: list[tuple[int, int]]
    table: int
    totals: Totals


class Journal:
    """The records of one replay, all tables together.

    When it is full, what is still needed is written to a new file that takes its place at once.

    Attributes:
        seen: every id recorded.
        totals: table -> how far it has come.
        damaged: records that were passed over when the journal was opened.
    """

    def __init__(self, directory: Path) -> None:
        """Open or make the journal of a replay's directory; one of an older format is taken over.

        Raises:
            StorageError: it cannot be made, or is damaged in its length.
        """
        self._path = directory / NAME
        self.seen = Seen()
        self.totals: dict[int, Totals] = {}
        self.damaged = 0
        old = directory / _OLD_NAME
        if not self._path.exists():
            if old.exists():
                self._load(_mapped(old, _OLD_RECORD))
            self._rewrite()
        else:
            self._map()
            self._load(self._records[: self._next])
        old.unlink(missing_ok=True)

    def append(self, taken: Taken) -> None:
        """Record events that are in their slots; what cannot be recorded is not known here either.

        Raises:
            StorageError: the journal was full and the disk has no room for a new one.
        """
        self.reserve(len(taken.runs))
        own = (taken.table, taken.totals.inserted, taken.totals.serial)
        rows = _pack([(taken.source, taken.generation, *run, *own) for run in taken.runs])
        self._records[self._next : self._next + len(rows)] = rows
        self._next += len(rows)
        for first, last in taken.runs:
            if first <= last:
                self.seen.add_interval(taken.source, taken.generation, first, last)
        self.totals[taken.table] = taken.totals

    def reserve(self, count: int) -> None:
        """Have room for `count` more records, so that to append them cannot fail.

        Raises:
            StorageError: the journal is full and the disk has no room for a new one.
        """
        if self._next + count > len(self._records):
            self._rewrite(count)

    def begin(self, table: int, totals: Totals) -> None:
        """Record where a table stands that is not known here; survives a power cut at once.

        Raises:
            StorageError: the disk has no room, or does not take it.
        """
        # An interval without numbers: totals alone.
        self.append(Taken(0, 0, [(0, -1)], table, totals))
        self.sync()

    def sync(self) -> None:
        """Have the disk take every record; returns when it has.

        Raises:
            StorageError: it does not.
        """
        sync(self._path)

    def _load(self, records: NDArray[np.void]) -> None:
        raw, width = records.tobytes(), records.dtype.itemsize
        for at, (source, generation, first, last, *own, crc) in enumerate(records.tolist()):
            if _checksum(raw[at * width : (at + 1) * width]) != crc:
                self.damaged += 1
                continue
            if first <= last:
                self.seen.add_interval(source, generation, first, last)
            # The format before knows no tables.
            if own and own[0]:
                self.totals[own[0]] = Totals(*own[1:])

    def _map(self) -> None:
        self._records = _mapped(self._path, _RECORD)
        used = np.flatnonzero(self._records["crc"])
        self._next = int(used[-1]) + 1 if len(used) else 0

    def _rewrite(self, more: int = 0) -> None:
        """Write what is needed, with room for as much again and for `more` records."""
        rows: list[tuple[int, ...]] = [(*interval, 0, 0, 0) for interval in self.seen.intervals()]
        rows += [(0, 0, 0, -1, table, totals.inserted, totals.serial) for table, totals in self.totals.items()]
        stage = self._path.with_name(self._path.name + ".new")
        stage.unlink(missing_ok=True)
        allocate(stage, max(_RECORDS, 2 * len(rows) + more) * _RECORD.itemsize)
        _mapped(stage, _RECORD)[: len(rows)] = _pack(rows)
        sync(stage)
        stage.replace(self._path)
        # At once: nothing may be recorded any more in the one that has lost its name.
        self._map()
        sync_directory(self._path.parent)


def _mapped(path: Path, dtype: DTypeLike) -> NDArray[np.void]:
    return map_array(path, dtype, (path.stat().st_size // np.dtype(dtype).itemsize,), True)


def _pack(rows: list[tuple[int, ...]]) -> NDArray[np.void]:
    packed = np.array([(*row, 0) for row in rows], _RECORD)
    packed["crc"] = [_checksum(row.tobytes()) for row in packed]
    return packed


def _checksum(record: bytes) -> int:
    # Never 0: a record whose checksum is 0 has not been written.
    return zlib.crc32(record[:-8]) or 1

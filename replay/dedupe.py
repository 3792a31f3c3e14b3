"""Exactly once: which event ids replay has taken, as intervals of sequence numbers, in memory and on disk."""

import zlib
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from replay.files import allocate, map_array

MAX_INTERVALS = 256
"""Intervals kept for one source and generation; beyond, its oldest gap counts as seen."""
MAX_STREAMS = 4_096
"""Pairs of source and generation remembered; beyond, the one heard of least recently is forgotten."""
_RECORD = np.dtype(
    [
        ("source", "<u8"),
        ("generation", "<i8"),
        ("first", "<i8"),
        ("last", "<i8"),
        ("crc", "<u8"),
    ]
)
_RECORDS = 32_768


@lru_cache(maxsize=1_024)
def source_key(source: str) -> int:
    """Eight bytes of BLAKE2b that stand for a source's name in slots."""
    return int.from_bytes(blake2b(source.encode(), digest_size=8).digest(), "little")


class Seen:
    """The ids taken so far; bounded by `MAX_STREAMS` x `MAX_INTERVALS`."""

    def __init__(self) -> None:
        self._streams: OrderedDict[tuple[int, int], tuple[list[int], list[int]]] = OrderedDict()

    def unseen(self, source: int, generation: int, seq: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(B,): which of these sequence numbers are new."""
        if (source, generation) not in self._streams:
            return np.ones(len(seq), np.bool_)
        first, last = (np.array(ends) for ends in self._streams[source, generation])
        at = np.searchsorted(first, seq, side="right") - 1
        fresh: NDArray[np.bool_] = (at < 0) | (seq > last[np.maximum(at, 0)])
        return fresh

    def add(self, source: int, generation: int, seq: NDArray[np.int64]) -> list[tuple[int, int]]:
        """Take these sequence numbers as seen; returns them as intervals (first, last)."""
        ordered = np.sort(seq)
        cuts = np.flatnonzero(np.diff(ordered) > 1) + 1
        runs = [(int(part[0]), int(part[-1])) for part in np.split(ordered, cuts) if len(part)]
        for first, last in runs:
            self.add_interval(source, generation, first, last)
        return runs

    def add_interval(self, source: int, generation: int, first: int, last: int) -> None:
        """Take every sequence number from `first` to `last` as seen."""
        firsts, lasts = self._streams.setdefault((source, generation), ([], []))
        self._streams.move_to_end((source, generation))
        # Intervals that overlap or touch the new one become one with it.
        low, high = bisect_left(lasts, first - 1), bisect_right(firsts, last + 1)
        if low < high:
            first, last = min(first, firsts[low]), max(last, lasts[high - 1])
        firsts[low:high], lasts[low:high] = [first], [last]
        if len(firsts) > MAX_INTERVALS:
            del firsts[1], lasts[0]
        if len(self._streams) > MAX_STREAMS:
            self._streams.popitem(last=False)

    def intervals(self) -> Iterator[tuple[int, int, int, int]]:
        """Everything seen: (source, generation, first, last), the stream heard of least recently first."""
        for (source, generation), ends in self._streams.items():
            for first, last in zip(*ends, strict=True):
                yield source, generation, first, last

    def __len__(self) -> int:
        return sum(len(firsts) for firsts, _ in self._streams.values())


class Journal:
    """`Seen` on disk: a mapped file of checked records that outlives a killed process.

    When it is full, what is still needed is written to a new file that takes its place at once.
    """

    def __init__(self, path: Path) -> None:
        """Open or make the journal.

        Raises:
            StorageError: it cannot be made, or is damaged in its length.
        """
        self._path = path
        if not path.exists():
            self._write([])
        self._map()

    def load(self, seen: Seen) -> int:
        """Add every sound record to `seen`; returns how many were damaged and passed over."""
        used = self._records[: self._next]
        sound = 0
        for record in used:
            if _checksum(record.tobytes()) == record["crc"]:
                sound += 1
                seen.add_interval(*(int(record[name]) for name in ("source", "generation", "first", "last")))
        return len(used) - sound

    def append(self, source: int, generation: int, runs: list[tuple[int, int]], seen: Seen) -> None:
        """Write down `runs`, which `seen` has already.

        Raises:
            StorageError: the journal was full and the disk has no room for a new one.
        """
        if self._next + len(runs) > len(self._records):
            self._write(list(seen.intervals()))
            self._map()
            return
        rows = _pack([(source, generation, first, last) for first, last in runs])
        self._records[self._next : self._next + len(rows)] = rows
        self._next += len(rows)

    def _map(self) -> None:
        count = self._path.stat().st_size // _RECORD.itemsize
        self._records = map_array(self._path, _RECORD, (count,), True)
        used = np.flatnonzero(self._records["crc"])
        self._next = int(used[-1]) + 1 if len(used) else 0

    def _write(self, intervals: list[tuple[int, int, int, int]]) -> None:
        stage = self._path.with_name(self._path.name + ".new")
        stage.unlink(missing_ok=True)
        count = max(_RECORDS, 2 * len(intervals))
        allocate(stage, count * _RECORD.itemsize)
        records = map_array(stage, _RECORD, (count,), True)
        records[: len(intervals)] = _pack(intervals)
        stage.replace(self._path)


def _pack(intervals: list[tuple[int, int, int, int]]) -> NDArray[np.void]:
    rows = np.array([(*interval, 0) for interval in intervals], _RECORD)
    rows["crc"] = [_checksum(row.tobytes()) for row in rows]
    return rows


def _checksum(record: bytes) -> int:
    # Never 0: a record whose checksum is 0 has not been written.
    return zlib.crc32(record[:32]) or 1

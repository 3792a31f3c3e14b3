"""Exactly once: which event ids replay has taken, as intervals of sequence numbers."""

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

MAX_INTERVALS = 256
"""Intervals kept for one source and generation; beyond, its oldest gap counts as seen."""
MAX_STREAMS = 4_096
"""Pairs of source and generation remembered; beyond, the one heard of least recently is forgotten."""


@lru_cache(maxsize=1_024)
def source_key(source: str) -> int:
    """Eight bytes of BLAKE2b that stand for a source's name in slots."""
    return int.from_bytes(blake2b(source.encode(), digest_size=8).digest(), "little")


def runs_of(seq: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Sequence numbers (B,) as intervals (first, last)."""
    ordered = np.sort(seq)
    cuts = np.flatnonzero(np.diff(ordered) > 1) + 1
    return [(int(part[0]), int(part[-1])) for part in np.split(ordered, cuts) if len(part)]


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
        runs = runs_of(seq)
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

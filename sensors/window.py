"""What a robot keeps until its host has stored it: a bounded window of numbered batches."""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from sensors.link import Buffer

AGAIN = 10.0
"""Seconds after which a batch without an answer is sent again."""


@dataclass(eq=False)
class Parcel:
    """A batch on its way.

    Attributes:
        serial: its number, from 1 on.
        events: how many it holds.
        frames: as they are sent.
        nbytes: of all frames.
        sent_at: when it was last sent; none: it is not under way.
        not_before: when it may be sent.
    """

    serial: int
    events: int
    frames: list[Buffer]
    nbytes: int
    sent_at: float | None = None
    not_before: float = 0.0


class Window:
    """Parcels by number: some under way, the rest waiting.

    At any time, in events: published = acknowledged + dropped_overflow + dropped_oversized + refused_… + `events`.

    Args:
        batches: most parcels kept.
        nbytes: most bytes kept.

    Attributes:
        counts: events `published`, and by what became of them.
        events: events kept.
        largest: bytes of the largest parcel that the host takes; none: not known yet.
    """

    def __init__(self, batches: int, nbytes: int) -> None:
        self._limit, self._limit_bytes = batches, nbytes
        self._kept: OrderedDict[int, Parcel] = OrderedDict()
        self._nbytes = 0
        self._serial = 0
        self._under_way = self._bytes_under_way = 0
        self.events = 0
        self.counts: Counter[str] = Counter()
        self.largest: int | None = None

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, events: int, frames: list[Buffer]) -> None:
        """Keep a batch; makes room by dropping the oldest that is not under way, itself if all others are."""
        self._serial += 1
        parcel = Parcel(self._serial, events, frames, sum(map(len, frames)))
        self._kept[parcel.serial] = parcel
        self._nbytes += parcel.nbytes
        self.events += events
        self.counts["published"] += events
        if self.largest is not None and parcel.nbytes > self.largest:
            self.settle(parcel.serial, "dropped_oversized")
        while len(self._kept) > self._limit or self._nbytes > self._limit_bytes:
            oldest = next(p.serial for p in self._kept.values() if p.sent_at is None)
            self.settle(oldest, "dropped_overflow")

    def due(self, now: float, batches: int, nbytes: int) -> Iterator[Parcel]:
        """Parcels to be sent now, oldest first, while at most so much is under way; `sent` each of them."""
        for parcel in self._kept.values():
            if parcel.sent_at is not None:
                if now - parcel.sent_at >= AGAIN:
                    yield parcel
                continue
            full = self._under_way and self._bytes_under_way + parcel.nbytes > nbytes
            if full or self._under_way >= batches or parcel.not_before > now:
                # Those behind it wait as well, so that batches keep their order.
                return
            yield parcel

    def sent(self, parcel: Parcel, now: float) -> None:
        """Note that this one is under way."""
        if parcel.sent_at is None:
            self._under_way += 1
            self._bytes_under_way += parcel.nbytes
        parcel.sent_at = now

    def recall(self, serial: int, not_before: float = 0.0) -> None:
        """Have this one sent again, not before that time."""
        if (parcel := self._kept.get(serial)) is not None:
            self._land(parcel)
            parcel.not_before = not_before

    def recall_all(self, largest: int) -> None:
        """Have all sent again, to a host that takes no larger parcels than that."""
        self.largest = largest
        for parcel in list(self._kept.values()):
            self.recall(parcel.serial)
            if parcel.nbytes > largest:
                self.settle(parcel.serial, "dropped_oversized")

    def settle(self, serial: int, outcome: str) -> None:
        """Let go of this one, and count its events under `outcome`; an unknown serial is passed over."""
        if (parcel := self._kept.pop(serial, None)) is not None:
            self._land(parcel)
            self._nbytes -= parcel.nbytes
            self.events -= parcel.events
            self.counts[outcome] += parcel.events

    def _land(self, parcel: Parcel) -> None:
        if parcel.sent_at is not None:
            self._under_way -= 1
            self._bytes_under_way -= parcel.nbytes
            parcel.sent_at = None

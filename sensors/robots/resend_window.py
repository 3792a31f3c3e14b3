"""A robot's resend window: numbered batches, kept in memory and in a journal until the host has stored them."""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from sensors.robots.link import Buffer
from sensors.robots.robot_journal import RobotJournal

AGAIN = 10.0
"""Seconds after which an unacknowledged batch is resent."""


@dataclass(eq=False)
class Parcel:
    """A batch on its way.

    Attributes:
        serial: its number, from 1 on.
        events: how many it holds.
        frames: as they are sent.
        nbytes: of all frames.
        record: its file in the journal; None while it is kept in memory alone.
        sent_at: when it was last sent; None while it is not under way.
        not_before: when it may be sent.
    """

    serial: int
    events: int
    frames: list[Buffer]
    nbytes: int
    record: str | None = None
    sent_at: float | None = None
    not_before: float = 0.0


class ResendWindow:
    """Parcels by number: some under way, the rest waiting.

    At any time, in events: published + restored = acknowledged + dropped_overflow + dropped_oversized + refused_… +
    `events`. What has been counted as published is in the journal, but for `unjournaled` events.

    Args:
        batches: most parcels kept.
        nbytes: most bytes kept.
        journal: keeps the parcels beyond the end of the process; None: they end with it.

    Attributes:
        counts: events `published`, `restored` (kept by an earlier start), and by what became of them. Batches of
            earlier starts that are not among them: `journal_damaged`, `journal_unread`.
        events: events kept.
        largest: bytes of the largest parcel that the host takes; None until it is known.
    """

    def __init__(self, batches: int, nbytes: int, journal: RobotJournal | None = None) -> None:
        self._limit, self._limit_bytes = batches, nbytes
        self._journal = journal
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
        """Keep a batch; a full window drops its oldest batch that is not under way, which may be the new one."""
        # The journal has the batch before it is counted, so all events counted survive the death of the process.
        record = self._journal.write(frames) if self._journal is not None else None
        self._keep(events, frames, record, "published")

    def restore(self) -> None:
        """Load the batches that earlier starts left in the journal; beyond the bounds, the oldest are dropped."""
        if self._journal is not None:
            for kept in self._journal.restore():
                self._keep(kept.events, kept.frames, kept.record, "restored")
            self.counts["journal_damaged"] = self._journal.damaged
            self.counts["journal_unread"] = self._journal.unread

    def rewrite(self) -> None:
        """Write to the journal the batches that the disk did not take before, as far as it takes them now."""
        for parcel in self._kept.values():
            if self._journal is not None and parcel.record is None:
                parcel.record = self._journal.write(parcel.frames)
                if parcel.record is None:
                    return

    @property
    def unjournaled(self) -> int:
        """Events kept in memory alone though there is a journal, as its disk does not take them."""
        if self._journal is None:
            return 0
        return sum(parcel.events for parcel in self._kept.values() if parcel.record is None)

    def _keep(self, events: int, frames: list[Buffer], record: str | None, origin: str) -> None:
        self._serial += 1
        parcel = Parcel(self._serial, events, frames, sum(map(len, frames)), record)
        self._kept[parcel.serial] = parcel
        self._nbytes += parcel.nbytes
        self.events += events
        self.counts[origin] += events
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
        """Plan to resend this batch, not before that time."""
        if (parcel := self._kept.get(serial)) is not None:
            self._land(parcel)
            parcel.not_before = not_before

    def recall_all(self, largest: int) -> None:
        """Plan to resend all batches, to a host whose largest parcel has `largest` bytes."""
        self.largest = largest
        for parcel in list(self._kept.values()):
            self.recall(parcel.serial)
            if parcel.nbytes > largest:
                self.settle(parcel.serial, "dropped_oversized")

    def settle(self, serial: int, outcome: str) -> None:
        """Remove this batch and count its events under `outcome`; an unknown serial is ignored."""
        if (parcel := self._kept.pop(serial, None)) is not None:
            self._land(parcel)
            self._nbytes -= parcel.nbytes
            self.events -= parcel.events
            self.counts[outcome] += parcel.events
            if self._journal is not None and parcel.record is not None:
                self._journal.remove(parcel.record)

    def _land(self, parcel: Parcel) -> None:
        if parcel.sent_at is not None:
            self._under_way -= 1
            self._bytes_under_way -= parcel.nbytes
            parcel.sent_at = None

"""What a sender keeps until the receiver has stored it: bounded, in order, every event counted by what became of it.

Teachers, live sensors and robots send batches of events through one. The receiver tells repeated events by their ids,
so a batch may be sent as often as it takes, and each event is stored once.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import Generic, TypeVar

RESEND_AFTER = 10.0
"""Seconds without an answer after which a batch is resent."""


@dataclass(eq=False, kw_only=True)
class Parcel:
    """A batch on its way.

    Attributes:
        events: how many it holds.
        nbytes: its size.
        bounded: whether it counts towards the window's bounds and may be dropped to make room.
        sent_at: when it was last sent; None: it is not under way.
        not_before: when it may be sent.
    """

    events: int
    nbytes: int
    bounded: bool = True
    sent_at: float | None = None
    not_before: float = 0.0


P = TypeVar("P", bound=Parcel)


class ResendWindow(Generic[P]):
    """Parcels in the order in which they came: some under way, the rest waiting.

    A full window drops its oldest parcel that is not under way: of one that is, nobody knows yet whether it is stored.
    At any time, in events: those added = those settled, by outcome, + `events`.

    Args:
        batches: most parcels kept.
        nbytes: most bytes kept.
        resend_after: seconds without an answer after which a parcel is resent.

    Attributes:
        counts: events added, by origin, and settled, by outcome.
        events: events kept.
    """

    def __init__(self, batches: int, nbytes: float = inf, resend_after: float = RESEND_AFTER) -> None:
        self._limit, self._limit_bytes, self._resend_after = batches, nbytes, resend_after
        # A dict for its order: a parcel is found and removed at once.
        self._kept: dict[P, None] = {}
        self._bounded = self._bounded_bytes = 0
        self._under_way = self._under_way_bytes = 0
        self.events = 0
        self.counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[P]:
        return iter(list(self._kept))

    def add(self, parcel: P, origin: str, overflow: str) -> list[P]:
        """Keep a parcel.

        Args:
            parcel: a new one.
            origin: its events are counted under this name.
            overflow: those that are dropped to make room are counted under this one.

        Returns:
            The parcels dropped to make room: the oldest ones not under way, and the new one if all others are.
        """
        self._kept[parcel] = None
        self.events += parcel.events
        self.counts[origin] += parcel.events
        self._bounded += parcel.bounded
        self._bounded_bytes += parcel.bounded * parcel.nbytes
        dropped = []
        while self._bounded > self._limit or self._bounded_bytes > self._limit_bytes:
            oldest = next(kept for kept in self._kept if kept.bounded and kept.sent_at is None)
            self.settle(oldest, overflow)
            dropped.append(oldest)
        return dropped

    @property
    def share(self) -> float:
        """How much of its bounds is used, 0…1."""
        return max(self._bounded / self._limit, self._bounded_bytes / self._limit_bytes)

    def due(self, now: float, batches: int, nbytes: float = inf, resend: bool = True) -> list[P]:
        """Parcels to be sent now, oldest first; call `sent` for each one that is.

        Args:
            now: monotonic seconds.
            batches: most parcels under way.
            nbytes: most bytes under way, or one parcel.
            resend: whether to resend parcels that have had no answer for too long.
        """
        found = []
        under_way, under_way_bytes = self._under_way, self._under_way_bytes
        for parcel in self._kept:
            if parcel.sent_at is not None:
                if resend and now - parcel.sent_at >= self._resend_after:
                    found.append(parcel)
                continue
            full = under_way >= batches or (under_way and under_way_bytes + parcel.nbytes > nbytes)
            if full or parcel.not_before > now:
                # Those behind it wait as well, so that batches keep their order.
                break
            under_way += 1
            under_way_bytes += parcel.nbytes
            found.append(parcel)
        return found

    def sent(self, parcel: P, now: float) -> None:
        """Note that this parcel is under way."""
        if parcel.sent_at is None:
            self._under_way += 1
            self._under_way_bytes += parcel.nbytes
        parcel.sent_at = now

    def overdue(self, now: float) -> list[P]:
        """Parcels that have had no answer for too long."""
        return [kept for kept in self._kept if kept.sent_at is not None and now - kept.sent_at >= self._resend_after]

    def postpone(self, parcel: P, not_before: float = 0.0) -> None:
        """The parcel is not under way any more; it may be sent from `not_before` on."""
        self._land(parcel)
        parcel.not_before = not_before

    def settle(self, parcel: P, outcome: str) -> bool:
        """Remove a parcel and count its events under `outcome`; False where it was settled before."""
        if found := self.remove(parcel):
            self.counts[outcome] += parcel.events
        return found

    def remove(self, parcel: P) -> bool:
        """Remove a parcel whose events the caller counts; False where it was removed before."""
        if parcel not in self._kept:
            return False
        del self._kept[parcel]
        self._land(parcel)
        self.events -= parcel.events
        self._bounded -= parcel.bounded
        self._bounded_bytes -= parcel.bounded * parcel.nbytes
        return True

    def _land(self, parcel: P) -> None:
        if parcel.sent_at is not None:
            self._under_way -= 1
            self._under_way_bytes -= parcel.nbytes
            parcel.sent_at = None

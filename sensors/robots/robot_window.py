"""A robot's resend window: numbered batches, kept in memory and in a journal until the host has stored them."""

from collections import Counter
from dataclasses import dataclass

from sensors.core.resend_window import Parcel, ResendWindow
from sensors.robots.link import Buffer
from sensors.robots.robot_journal import RobotJournal


@dataclass(eq=False, kw_only=True)
class RobotParcel(Parcel):
    """A robot's batch on its way.

    Attributes:
        serial: its number, from 1 on.
        frames: as they are sent.
        record: its file in the journal; None while it is kept in memory alone.
    """

    serial: int
    frames: list[Buffer]
    record: str | None = None


class RobotWindow:
    """A robot's parcels by number.

    At any time, in events: published + restored = acknowledged + dropped_overflow + dropped_oversized + refused_… +
    `events`. What has been counted as published is in the journal, but for `unjournaled` events.

    Args:
        batches: most parcels kept.
        nbytes: most bytes kept.
        journal: keeps the parcels beyond the end of the process; None: they end with it.

    Attributes:
        largest: bytes of the largest parcel that the host takes; None until it is known.
    """

    def __init__(self, batches: int, nbytes: int, journal: RobotJournal | None = None) -> None:
        self._journal = journal
        self._window = ResendWindow[RobotParcel](batches, nbytes)
        self._by_serial: dict[int, RobotParcel] = {}
        self._serial = 0
        self.largest: int | None = None

    def __len__(self) -> int:
        return len(self._window)

    @property
    def events(self) -> int:
        """Events kept."""
        return self._window.events

    @property
    def counts(self) -> Counter[str]:
        """Events `published`, `restored` (kept by an earlier start), and by what became of them.

        Batches of earlier starts that are not among them: `journal_damaged`, `journal_unread`.
        """
        return self._window.counts

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
        if self._journal is None:
            return
        for parcel in self._window:
            if parcel.record is None:
                parcel.record = self._journal.write(parcel.frames)
                if parcel.record is None:
                    return

    @property
    def unjournaled(self) -> int:
        """Events kept in memory alone though there is a journal, as its disk does not take them."""
        if self._journal is None:
            return 0
        return sum(parcel.events for parcel in self._window if parcel.record is None)

    def due(self, now: float, batches: int, nbytes: int) -> list[RobotParcel]:
        """Parcels to be sent now, oldest first, while at most so much is under way; `sent` each of them."""
        return self._window.due(now, batches, nbytes)

    def sent(self, parcel: RobotParcel, now: float) -> None:
        """Note that this one is under way."""
        self._window.sent(parcel, now)

    def recall(self, serial: int, not_before: float = 0.0) -> None:
        """Plan to resend this batch, not before that time; an unknown serial is ignored."""
        if (parcel := self._by_serial.get(serial)) is not None:
            self._window.postpone(parcel, not_before)

    def recall_all(self, largest: int) -> None:
        """Plan to resend all batches, to a host whose largest parcel has `largest` bytes."""
        self.largest = largest
        for parcel in self._window:
            self._window.postpone(parcel)
            if parcel.nbytes > largest:
                self.settle(parcel.serial, "dropped_oversized")

    def settle(self, serial: int, outcome: str) -> None:
        """Remove this batch and count its events under `outcome`; an unknown serial is ignored."""
        if (parcel := self._by_serial.get(serial)) is not None:
            self._window.settle(parcel, outcome)
            self._forget(parcel)

    def _keep(self, events: int, frames: list[Buffer], record: str | None, origin: str) -> None:
        self._serial += 1
        nbytes = sum(map(len, frames))
        parcel = RobotParcel(serial=self._serial, events=events, nbytes=nbytes, frames=frames, record=record)
        self._by_serial[parcel.serial] = parcel
        if self.largest is not None and nbytes > self.largest:
            # It is dropped before it can push out another.
            self.counts[origin] += events
            self.counts["dropped_oversized"] += events
            self._forget(parcel)
            return
        for dropped in self._window.add(parcel, origin, "dropped_overflow"):
            self._forget(dropped)

    def _forget(self, parcel: RobotParcel) -> None:
        del self._by_serial[parcel.serial]
        if self._journal is not None and parcel.record is not None:
            self._journal.remove(parcel.record)

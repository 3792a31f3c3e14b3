"""Batches on their way to replay, of live sensors or of a teacher: what replay's answers do to them."""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import Any, Generic, TypeVar

from sensors.core.event import EventBatch
from sensors.core.resend_window import RESEND_AFTER, Parcel, ResendWindow

AWAY = 0.2
"""Seconds until a batch is resent after replay was not there."""
UNDER_WAY = 8
"""Batches of sensors that wait for an answer at one time."""
REASONS = ("throttled", "unanswered", "overflow", "refused", "stopped")
"""Why sensors' events are dropped."""
LATENCIES = 4096
"""Newest latencies that percentiles are taken over."""


@dataclass(eq=False, init=False)
class Delivery(Parcel):
    """A batch of events on its way.

    Attributes:
        batch: its events.
        captured: monotonic second at which the sample that decided it was captured.
        receipt: what the robot's host acknowledges once it is stored; None for this machine's own events.
    """

    batch: EventBatch
    captured: float
    receipt: Any

    def __init__(self, batch: EventBatch, captured: float, receipt: Any = None) -> None:
        super().__init__(events=len(batch), nbytes=batch.nbytes, bounded=receipt is None)
        self.batch, self.captured, self.receipt = batch, captured, receipt


D = TypeVar("D", bound=Delivery)


class Outbox(Generic[D]):
    """The resend window of a process that sends to replay.

    A robot's batch is never dropped to make room: it is kept there until it is acknowledged, and its window bounds how
    many there are. At any time, in events: offered = stored + repeated + dropped, of whatever reason, + `events`.

    Args:
        batches: most batches of this machine's own that are kept.
        nbytes: most bytes of them.
        resend: whether a batch is sent until it is answered; if not, what replay turns away or does not answer is
            dropped, a robot's batch, too.
        under_way: most batches that wait for an answer at one time.
        resend_after: seconds without an answer after which a batch is resent or given up.

    Attributes:
        counts: events `offered`, `stored`, `repeated` (replay had them already), and dropped: `throttled` (replay told
            to wait), `unanswered` (replay was away or silent), `overflow` (neither; they came too fast), `refused`
            (replay takes no such events), or the reason given to `stop`. Sendings turned away count as `turned_away`,
            those without answer as `lost`.
    """

    def __init__(
        self,
        batches: int,
        nbytes: float = inf,
        resend: bool = True,
        under_way: int = UNDER_WAY,
        resend_after: float = RESEND_AFTER,
    ) -> None:
        self._resend, self._most_under_way = resend, under_way
        self._window = ResendWindow[D](batches, nbytes, resend_after)
        self._trouble = "overflow"
        self._latencies: deque[float] = deque(maxlen=LATENCIES)
        self._lags: deque[float] = deque(maxlen=LATENCIES)

    def __len__(self) -> int:
        return len(self._window)

    def __iter__(self) -> Iterator[D]:
        """What is kept, oldest first."""
        return iter(self._window)

    @property
    def events(self) -> int:
        """Events kept."""
        return self._window.events

    @property
    def crowded(self) -> bool:
        """Whether what can wait should: half of the room for this machine's own batches is used."""
        return self._window.share >= 0.5

    @property
    def counts(self) -> Counter[str]:
        """Totals since the start."""
        return self._window.counts

    def add(self, delivery: D) -> None:
        """Keep a batch; makes room by dropping the oldest of this machine's own, itself if all others are under way."""
        self._window.add(delivery, "offered", self._trouble)

    def due(self, now: float) -> list[D]:
        """Batches to be sent now, oldest first; `sent` each of them."""
        found = self._window.due(now, self._most_under_way, resend=self._resend)
        if unanswered := sum(delivery.sent_at is not None for delivery in found):
            self._trouble = "unanswered"
            self.counts["lost"] += unanswered
        return found

    def sent(self, delivery: D, now: float) -> None:
        """Note that this one is under way."""
        self._window.sent(delivery, now)

    def recall(self, delivery: D) -> None:
        """Send this one again."""
        self._window.postpone(delivery)

    def answered(self, delivery: D, accepted: int, duplicate: int, throttled_ms: float, now: float) -> bool:
        """Take replay's answer; whether the batch is stored, or given up, for good."""
        if throttled_ms > 0:
            self.counts["turned_away"] += 1
            return self._put_off(delivery, now + throttled_ms / 1000, "throttled")
        if not self._window.remove(delivery):
            # Settled by an earlier answer.
            return True
        self._trouble = "overflow"
        self.counts["stored"] += accepted
        self.counts["repeated"] += duplicate
        if delivery.receipt is None:
            self._latencies.append(max(now - delivery.captured, 0.0))
            self._lags.append(max(now - float(delivery.batch.end.max()), 0.0))
        return True

    def unanswered(self, delivery: D, now: float) -> bool:
        """Replay is away: the batch is sent again soon, or given up; whether it is given up."""
        self.counts["lost"] += 1
        return self._put_off(delivery, now + AWAY, "unanswered")

    def overdue(self, now: float) -> list[D]:
        """Batches that were given up now, as no answer has come and they are not sent again."""
        late = [] if self._resend else self._window.overdue(now)
        for delivery in late:
            self.unanswered(delivery, now)
        return late

    def refused(self, delivery: D) -> None:
        """Replay takes no such batch, now or later."""
        self._window.settle(delivery, "refused")

    def stop(self, reason: str = "stopped") -> None:
        """Drop what is kept of this machine's own events; robots keep theirs and send them to the next host."""
        for delivery in self._window:
            if delivery.receipt is None:
                self._window.settle(delivery, reason)

    @property
    def dropped(self) -> dict[str, int]:
        """Events dropped, by reason; each reason is there from the start."""
        return {name: self.counts[name] for name in REASONS}

    def latencies(self) -> dict[str, float]:
        """Seconds of this machine's own newest batches, as soon as there are any.

        `latency_p50`, `latency_p99`: from the capture of the sample that decided it to replay's answer; `lag_p50`,
        `lag_p99`: from the end of the event itself.
        """
        found = {}
        for name, values in (("latency", self._latencies), ("lag", self._lags)):
            if values:
                ordered = sorted(values)
                found[f"{name}_p50"] = ordered[len(ordered) // 2]
                found[f"{name}_p99"] = ordered[min(int(0.99 * len(ordered)), len(ordered) - 1)]
        return found

    def _put_off(self, delivery: D, until: float, reason: str) -> bool:
        """Resend this one from `until` on, or give it up; whether it is given up."""
        self._trouble = reason
        self._window.postpone(delivery, until)
        if not self._resend:
            self._window.settle(delivery, reason)
        return not self._resend

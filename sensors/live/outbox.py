"""What sensors have perceived and replay has not taken yet: a bounded queue that never waits for anybody."""

from collections import Counter, deque
from dataclasses import dataclass
from typing import Any

from sensors.core.event import EventBatch

AGAIN = 10.0
"""Seconds after which a batch without an answer is sent again; replay tells repeats by their ids."""
AWAY = 0.2
"""Seconds until a batch is sent again that replay was not there for."""
UNDER_WAY = 8
"""Batches that wait for an answer at one time."""
REASONS = ("throttled", "unanswered", "overflow", "refused", "stopped")
"""Why events are dropped."""
LATENCIES = 4096
"""Newest latencies that percentiles are taken over."""


@dataclass(eq=False)
class Delivery:
    """A batch of events on its way.

    Attributes:
        batch: its events.
        captured: monotonic second at which the sample that decided it was captured.
        receipt: what the robot's host acknowledges once it is stored; none for this machine's own events.
        sent_at: when it was last sent; None: it is not under way.
        not_before: when it may be sent.
    """

    batch: EventBatch
    captured: float
    receipt: Any = None
    sent_at: float | None = None
    not_before: float = 0.0


class Outbox:
    """Batches in the order in which they came; when there is no more room, the oldest that is not under way goes.

    A robot's batch is never dropped: it is kept there until it is acknowledged, and its window bounds how many there
    are. Nor is one under way: whether it is stored is not known yet. At any time, in events:
    offered = stored + repeated + dropped, of whatever reason, + `events`.

    Args:
        batches: most batches of this machine's own that are kept.
        nbytes: most bytes of them.
        resend: whether a batch is sent until it is answered; if not, what replay turns away or does not answer is
            dropped, a robot's batch, too.

    Attributes:
        counts: events `offered`, `stored`, `repeated` (replay had them already), and dropped: `throttled` (replay told
            to wait), `unanswered` (replay was away or silent), `overflow` (neither; they came too fast), `refused`
            (replay takes no such events), `stopped` (not known to be stored when it was over). Sendings turned away
            count as `turned_away`, those without answer as `lost`.
        events: events kept.
    """

    def __init__(self, batches: int, nbytes: int, resend: bool = True) -> None:
        self._resend = resend
        self._limit, self._limit_bytes = batches, nbytes
        self._kept: deque[Delivery] = deque()
        self._own = self._own_bytes = 0
        self._trouble = "overflow"
        self.events = 0
        self.counts: Counter[str] = Counter()
        self._latencies: deque[float] = deque(maxlen=LATENCIES)
        self._lags: deque[float] = deque(maxlen=LATENCIES)

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, delivery: Delivery) -> None:
        """Keep a batch; makes room by dropping the oldest of this machine's own, itself if all others are under way."""
        self._kept.append(delivery)
        self.events += len(delivery.batch)
        self.counts["offered"] += len(delivery.batch)
        if delivery.receipt is None:
            self._own += 1
            self._own_bytes += delivery.batch.nbytes
        while self._own > self._limit or self._own_bytes > self._limit_bytes:
            self._drop(next(p for p in self._kept if p.receipt is None and p.sent_at is None), self._trouble)

    def due(self, now: float) -> list[Delivery]:
        """Batches to be sent now, oldest first; `sent` each of them."""
        found: list[Delivery] = []
        under_way = sum(p.sent_at is not None for p in self._kept)
        for delivery in self._kept:
            if delivery.sent_at is not None:
                if now - delivery.sent_at >= AGAIN and self._resend:
                    self._trouble = "unanswered"
                    self.counts["lost"] += 1
                    found.append(delivery)
                continue
            if delivery.not_before > now or under_way >= UNDER_WAY:
                # Those behind it wait as well, so that events keep their order.
                break
            under_way += 1
            found.append(delivery)
        return found

    def sent(self, delivery: Delivery, now: float) -> None:
        """Note that this one is under way."""
        delivery.sent_at = now

    def answered(self, delivery: Delivery, accepted: int, duplicate: int, throttled_ms: float, now: float) -> bool:
        """Take replay's answer; whether the batch is stored, or given up, for good."""
        if throttled_ms > 0:
            self._trouble = "throttled"
            self.counts["turned_away"] += 1
            delivery.sent_at, delivery.not_before = None, now + throttled_ms / 1000
            if not self._resend:
                self._drop(delivery, "throttled")
            return not self._resend
        if not self._forget(delivery):
            # Settled by an earlier answer.
            return True
        self._trouble = "overflow"
        self.counts["stored"] += accepted
        self.counts["repeated"] += duplicate
        if delivery.receipt is None:
            self._latencies.append(max(now - delivery.captured, 0.0))
            self._lags.append(max(now - float(delivery.batch.end.max()), 0.0))
        return True

    def unanswered(self, delivery: Delivery, now: float) -> bool:
        """Replay is away: the batch is sent again soon, or given up; whether it is given up."""
        self._trouble = "unanswered"
        self.counts["lost"] += 1
        delivery.sent_at, delivery.not_before = None, now + AWAY
        if not self._resend:
            self._drop(delivery, "unanswered")
        return not self._resend

    def overdue(self, now: float) -> list[Delivery]:
        """Batches that were given up now, as no answer has come and they are not sent again."""
        late = [p for p in self._kept if p.sent_at is not None and now - p.sent_at >= AGAIN and not self._resend]
        for delivery in late:
            self.unanswered(delivery, now)
        return late

    def refused(self, delivery: Delivery) -> None:
        """Replay takes no such batch, now or later."""
        self._drop(delivery, "refused")

    def stop(self) -> None:
        """It is over: what is still kept here will not be stored; robots send theirs to whoever listens next."""
        for delivery in [p for p in self._kept if p.receipt is None]:
            self._drop(delivery, "stopped")

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

    def _drop(self, delivery: Delivery, reason: str) -> None:
        if self._forget(delivery):
            self.counts[reason] += len(delivery.batch)

    def _forget(self, delivery: Delivery) -> bool:
        """Let go of it; whether it was still kept."""
        try:
            self._kept.remove(delivery)
        except ValueError:
            return False
        self.events -= len(delivery.batch)
        if delivery.receipt is None:
            self._own -= 1
            self._own_bytes -= delivery.batch.nbytes
        return True

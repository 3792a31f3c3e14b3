"""The samples-per-insert limiter: how far sources may run ahead of the learner.

It answers and never blocks: a source that is too far ahead is told how long to wait.
"""

import time
from collections.abc import Callable
from math import isfinite

from sensors.core.errors import ConfigError

SHORTEST_WAIT = 5.0
"""Milliseconds."""
LONGEST_WAIT = 500.0
"""Milliseconds."""
_RATE_WINDOW = 0.05


def deficit(inserted: float, sampled: float, samples_per_insert: float, offset: float) -> float:
    """Samples that the learner still owes a table: inserted x samples per insert - sampled, plus the offset.

    Without a limit (`samples_per_insert` 0) nothing is ever owed: what was drawn for each event, below zero. Tables
    that are compared by it are drawn from in the proportion of their events, as they are where there is a limit.
    """
    if samples_per_insert == 0.0:
        return -(sampled - offset) / max(inserted, 1.0)
    return inserted * samples_per_insert - sampled + offset


class Limiter:
    """Keeps the learner's deficit under `slack` events' worth of samples.

    A batch larger than the slack is let in when nothing is owed, so a small slack slows sources down and
    never locks them out. Samples drawn beyond what is owed count as credit for at most `slack` events, so a
    learner that idled over old events does not let a flood in later.

    Attributes:
        samples_per_insert: samples owed for each event; 0 lets everything in.
        slack: events.
        min_size: events; a table with fewer is never throttled.
        offset: samples added to the deficit, moved by `change` and by credit that lapses.
    """

    def __init__(
        self,
        samples_per_insert: float,
        slack: float,
        min_size: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start with nothing owed.

        Raises:
            ConfigError: a value is out of range.
        """
        self.offset = 0.0
        self._clock = clock
        self._rate = 0.0
        self._seen: tuple[float, float] | None = None
        self._set(samples_per_insert, slack, min_size)

    def change(
        self, inserted: float, sampled: float, *, samples_per_insert: float, slack: float, min_size: float
    ) -> None:
        """Set new limits; what the learner owes stays the same number of events.

        Raises:
            ConfigError: a value is out of range; the old limits stay.
        """
        limited = self.samples_per_insert > 0
        owed = self.deficit(inserted, sampled) / self.samples_per_insert if limited else 0.0
        before = self.samples_per_insert
        self._set(samples_per_insert, slack, min_size)
        if before != samples_per_insert:
            self.offset = sampled - (inserted - owed) * samples_per_insert

    def deficit(self, inserted: float, sampled: float) -> float:
        """Samples owed now."""
        return deficit(inserted, sampled, self.samples_per_insert, self.offset)

    def wait_ms(self, inserted: float, sampled: float, size: float, count: int) -> float:
        """How long a source with `count` new events should wait: 0 (come in) or 5…500 milliseconds.

        Args:
            inserted: events the table took so far.
            sampled: samples drawn from it so far.
            size: events it holds.
            count: events offered.
        """
        self._observe(sampled)
        spi = self.samples_per_insert
        if spi == 0.0:
            return 0.0
        owed = self.deficit(inserted, sampled)
        if owed < -self.slack * spi:
            self.offset -= owed + self.slack * spi
            owed = -self.slack * spi
        excess = owed + count * spi - self.slack * spi
        if size < self.min_size or owed <= 0.0 or excess <= 0.0:
            return 0.0
        excess = min(excess, owed)
        wait = 1e3 * excess / self._rate if self._rate > 0.0 else LONGEST_WAIT / 10
        return min(max(wait, SHORTEST_WAIT), LONGEST_WAIT)

    def _observe(self, sampled: float) -> None:
        now = self._clock()
        if self._seen is None:
            self._seen = (now, sampled)
            return
        then, before = self._seen
        if now - then >= _RATE_WINDOW:
            rate = max(0.0, sampled - before) / (now - then)
            self._rate = rate if self._rate == 0.0 else 0.5 * (self._rate + rate)
            self._seen = (now, sampled)

    def _set(self, samples_per_insert: float, slack: float, min_size: float) -> None:
        for name, value, low in (
            ("samples_per_insert", samples_per_insert, 0.0),
            ("limiter_slack", slack, 1.0),
            ("min_size", min_size, 1.0),
        ):
            if not isfinite(value) or value < low:
                raise ConfigError(f"{name}={value!r}: expected a number >= {low:g}")
        self.samples_per_insert, self.slack, self.min_size = samples_per_insert, slack, min_size

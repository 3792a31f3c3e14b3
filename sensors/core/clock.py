"""How far another machine's clock is from ours, from exchanged times: an interval that must hold the truth.

A question leaves at `sent`, arrives at the other machine at `received`, is answered there at `answered` and the
answer is here at `returned` (NTP's four times). However the way's delays divide, their clock's lead over ours lies in

    [answered - returned, received - sent]

Each exchange gives such an interval. The result is the intersection of all of them, each widened by what two
crystals can drift apart since. The estimate is its middle, the error bound half its width. An exchange that
contradicts the others means that a clock was set or had slept: what was known is forgotten.
"""

from math import inf, isfinite

MAX_DRIFT = 200e-6
"""Seconds a second by which two machines' clocks drift apart at most (100 ppm each)."""
FIRST = 4
"""Exchanges after which the estimate is good enough to be used."""


class ClockEstimator:
    """Another machine's clock as seen from here.

    Attributes:
        exchanges: how many were used since the clock was last set.
        jumps: how often a clock turned out to have been set.
        refused: exchanges that made no sense.
    """

    def __init__(self, max_drift: float = MAX_DRIFT) -> None:
        self._max_drift = max_drift
        self.jumps = 0
        self.refused = 0
        self.reset()

    def reset(self) -> None:
        """Forget what is known: the other machine is another one, or started anew."""
        self._low, self._high, self._at = -inf, inf, 0.0
        self.exchanges = 0

    @property
    def ready(self) -> bool:
        """Whether there were enough exchanges."""
        return self.exchanges >= FIRST

    def observe(self, sent: float, received: float, answered: float, returned: float) -> None:
        """Take in one exchange: our clock, their clock twice, our clock; seconds."""
        low, high = answered - returned, received - sent
        if not (isfinite(low) and isfinite(high) and low <= high and sent <= returned and received <= answered):
            self.refused += 1
            return
        known_low, known_high = self._interval(returned)
        if low > known_high or high < known_low:
            self.jumps += 1
            self.exchanges = 0
            known_low, known_high = -inf, inf
        self._low, self._high, self._at = max(low, known_low), min(high, known_high), returned
        self.exchanges += 1

    def offset(self) -> float:
        """Seconds to add to our clock to get theirs; 0 while nothing is known."""
        return (self._low + self._high) / 2 if self.exchanges else 0.0

    def error(self, now: float) -> float:
        """Largest error of `offset` at `now` on our clock, seconds; infinite while nothing is known."""
        low, high = self._interval(now)
        return (high - low) / 2

    def _interval(self, now: float) -> tuple[float, float]:
        drifted = self._max_drift * max(now - self._at, 0.0)
        return self._low - drifted, self._high + drifted

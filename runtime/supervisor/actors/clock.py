"""The supervisor's clock."""

import time

LONGEST_STEP = 1.0
"""Most seconds that count between two rounds of the supervisor: beyond them it did not watch."""


class Clock:
    """Seconds for which the supervisor watched: a suspended machine or a delayed supervisor adds almost nothing."""

    def __init__(self) -> None:
        self._now = 0.0
        self._last = time.monotonic()

    def advance(self) -> float:
        """Add the time since the last call, `LONGEST_STEP` at most; returns the time."""
        now = time.monotonic()
        self._now += min(now - self._last, LONGEST_STEP)
        self._last = now
        return self._now

    def __call__(self) -> float:
        """The time at the last `advance`."""
        return self._now

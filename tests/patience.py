"""Time on a machine that others use, too: what must come is waited for; what is promised soon has a few tries."""

import time
from collections.abc import Callable

PATIENCE = 60.0
"""Seconds to wait for what must come; whoever waits that long waits for nothing."""
TRIES = 5


def wait_for(condition: Callable[[], object], seconds: float = PATIENCE) -> bool:
    """Whether a condition came to be met in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def took(act: Callable[[], object]) -> float:
    """Seconds that it took."""
    began = time.monotonic()
    act()
    return time.monotonic() - began


def quickest(attempt: Callable[[], float], limit: float) -> float:
    """Seconds of the first of a few tries that stays below a promised limit, or of the quickest of them all.

    Others who use the machine make a try longer, never shorter.
    """
    best = float("inf")
    for _ in range(TRIES):
        best = min(best, attempt())
        if best < limit:
            break
    return best

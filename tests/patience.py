"""Time on a machine that others use, too: what must come is waited for; what is promised soon has a few tries."""

import os
import select
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


def read_until(descriptor: int, complete: Callable[[bytes], object], seconds: float = PATIENCE) -> bytes:
    """What a pipe or a terminal hands over until it is complete, or came to its end, or the time is up.

    One read returns what is there: the kernel passes on what was written to a terminal in pieces, and later.
    """
    got, end = b"", time.monotonic() + seconds
    while not complete(got):
        left = end - time.monotonic()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            break
        part = os.read(descriptor, 1 << 16)
        if not part:
            break
        got += part
    return got


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

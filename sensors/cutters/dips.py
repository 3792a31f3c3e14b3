"""Where speech that runs on dips: between words, and where speech that is too long is best cut."""

import numpy as np
from numpy.typing import NDArray

SMOOTHED = 5
"""Powers of 10 ms that are averaged, in decibel: a dip of a pitch period or two is none."""


def dips(power: NDArray[np.float64], depth: float, least: int) -> list[int]:
    """Frames at which speech dips, in their order.

    The deepest dip is taken first, then the deepest on both sides of it, and so on.

    Args:
        power: (frames,) power of each 10 ms, above 0.
        depth: decibel by which a dip lies below the loudest sound on its quieter side.
        least: frames from a dip to the next one, and to both ends.
    """
    found: list[int] = []
    waiting = [(0, len(power))]
    level = smooth(power)
    while waiting:
        first, last = waiting.pop()
        at = deepest(level[first:last], least)
        if at is not None and at[1] >= depth:
            found.append(first + at[0])
            waiting += [(first, first + at[0]), (first + at[0], last)]
    return sorted(found)


def deepest(level: NDArray[np.float64], least: int) -> tuple[int, float] | None:
    """The deepest dip.

    Args:
        level: (frames,) decibel, as `smooth` gives them.
        least: frames from the dip to both ends.

    Returns:
        Its frame and its depth in decibel; None where there are too few frames.
    """
    if len(level) < 2 * least + 1:
        return None
    before, after = np.maximum.accumulate(level), np.maximum.accumulate(level[::-1])[::-1]
    depth = (np.minimum(before, after) - level)[least : len(level) - least]
    at = int(depth.argmax())
    return least + at, float(depth[at])


def smooth(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Powers as decibel, averaged over 50 ms; the first and the last are repeated beyond the ends."""
    level = np.pad(10 * np.log10(power), SMOOTHED // 2, mode="edge")
    averaged: NDArray[np.float64] = np.convolve(level, np.full(SMOOTHED, 1 / SMOOTHED), "valid")
    return averaged

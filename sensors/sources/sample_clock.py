"""When sound was heard: the steady clock of its samples, held to the machine's clock against jitter and drift."""

from typing import NamedTuple

GAIN = 0.005
"""Share of the difference between both clocks that one chunk corrects: 4 s to follow at 50 chunks a second."""
FAR = 0.05
"""Difference that no jitter explains when it lasts, seconds."""
LASTING = 0.5
"""How long it must last to count as lost sound, seconds."""
EARLY = 0.05
"""How far sound may seem to be heard before its time, as the count of samples has it, seconds."""


class ChunkTime(NamedTuple):
    """When a chunk was heard.

    Attributes:
        start: monotonic second of its first sample, later than that of the chunk before it.
        gap: sound was lost, just before it or while it was `unsure`.
        unsure: it is late as if sound had been lost; what comes next will tell.
    """

    start: float
    gap: bool = False
    unsure: bool = False


class SampleClock:
    """Gives each chunk its time; chunks that follow each other without loss stay contiguous but for the correction.

    Callbacks come late by some milliseconds, and after a busy moment in a burst, while the samples in them were
    taken evenly. So the count of samples leads, and the times at which chunks were seen correct it slowly. They are
    never early, though: a backlog that comes at once when a device is opened moves the count back to the clock.

    Args:
        rate: samples a second.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._last = -float("inf")
        self._next: float | None = None
        self._far_since: float | None = None

    def stamp(self, seen: float, count: int, gap: bool = False) -> ChunkTime:
        """The time of a chunk's first sample.

        Args:
            seen: when the first sample was heard as far as the callback knows, monotonic seconds.
            count: samples in the chunk.
            gap: the device says that sound was lost before it.
        """
        if self._next is None or gap:
            start, self._far_since = seen, None
        elif (error := seen - self._next) <= FAR:
            start, self._far_since = min(self._next + GAIN * error, seen + EARLY), None
        else:
            # A busy moment or a loss: neither is drift, so nothing is corrected until it is known which.
            start = self._next
            if self._far_since is None:
                self._far_since = seen
            elif seen - self._far_since >= LASTING:
                start, gap, self._far_since = seen, True, None
        start = max(start, self._last + 1 / self._rate)
        self._last, self._next = start, start + count / self._rate
        return ChunkTime(start, gap, self._far_since is not None)

"""When sound was heard: the steady clock of its samples, held to the machine's clock against jitter and drift."""

GAIN = 0.005
"""Share of the difference between both clocks that one chunk corrects: 4 s to follow at 50 chunks a second."""
FAR = 0.1
"""Difference that no jitter explains when it lasts, seconds."""
LASTING = 0.5
"""How long it must last to count as lost sound, seconds."""
EARLY = 0.05
"""How far sound may seem to be heard before its time, as the count of samples has it, seconds."""


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
        self._next: float | None = None
        self._far_since: float | None = None

    def stamp(self, seen: float, count: int, gap: bool = False) -> tuple[float, bool]:
        """The time of a chunk's first sample.

        Args:
            seen: when the first sample was heard as far as the callback knows, monotonic seconds.
            count: samples in the chunk.
            gap: the device says that sound was lost before it.

        Returns:
            the monotonic second of the first sample, and whether sound was lost before it.
        """
        if self._next is None or gap:
            start, self._far_since = seen, None
        else:
            error = seen - self._next
            start = min(self._next + GAIN * error, seen + EARLY)
            if error <= FAR:
                self._far_since = None
            elif self._far_since is None:
                self._far_since = seen
            elif seen - self._far_since >= LASTING:
                start, gap, self._far_since = seen, True, None
        self._next = start + count / self._rate
        return start, gap

"""Several channels to one, without losing the sound of channels that cancel each other."""

import numpy as np
from numpy.typing import NDArray

CANCELLED = 0.01
"""Channels cancel each other where the mix has less than this share of the power that unrelated ones would leave it."""
MEMORY = 0.95
"""What is left, after one block, of what earlier blocks say about the channels: about 0.4 s of blocks of 20 ms."""
_AGAIN = 4.0  # how far above the bound the mix must come before channels are mixed again, so that it does not flutter


def cancelled(channels: NDArray[np.float32]) -> int | None:
    """The channel to take alone because the average of all would lose the sound; None where the average keeps it.

    Args:
        channels: (samples, channels) float32.
    """
    count = channels.shape[1]
    if count == 1:
        return None
    # Constant offsets are no sound.
    powers = channels.var(axis=0, dtype=np.float64)
    mix = channels.mean(axis=1, dtype=np.float64).var()
    return int(powers.argmax()) if mix < CANCELLED * powers.sum() / count**2 else None


class Mixer:
    """Blocks of several channels to blocks of one.

    The average, as for files; the loudest channel alone while the channels cancel each other. From one to the other
    the sound fades within a block.

    Attributes:
        alone: number of the channel that is taken alone; None while all are averaged.
    """

    def __init__(self) -> None:
        self.alone: int | None = None
        self._powers: NDArray[np.float64] = np.zeros(1)
        self._mix = 0.0

    def mix(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """One channel.

        Args:
            block: (samples, channels) float32.

        Returns:
            (samples,) float32.
        """
        count = block.shape[1]
        if count == 1:
            return block[:, 0]
        average = block.mean(axis=1)
        # Constant offsets are no sound.
        self._powers = MEMORY * self._powers + block.var(axis=0, dtype=np.float64)
        self._mix = MEMORY * self._mix + float(average.var(dtype=np.float64))
        bound = CANCELLED * self._powers.sum() / count**2
        before = self.alone
        if self._mix < bound:
            self.alone = int(self._powers.argmax()) if before is None else before
        elif self._mix > _AGAIN * bound:
            self.alone = None
        after = average if self.alone is None else block[:, self.alone]
        if before == self.alone:
            return after
        share = np.linspace(0, 1, len(block), dtype=np.float32)
        return (1 - share) * (average if before is None else block[:, before]) + share * after

"""Blocks of sound from a device of any rate: their times by a steady clock, and 16 kHz."""

from collections.abc import Callable
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from sensors.signals.readings import Chunk
from sensors.signals.spectrogram import SAMPLE_RATE
from sensors.sources.sample_clock import SampleClock


class TimedSound:
    """Blocks of one opened device in, chunks out.

    Args:
        rate: samples a second of the device.
        block: usual length of a block, seconds; what is lost is counted in such blocks.
        lose: counts lost blocks, by reason.
    """

    def __init__(self, rate: float, block: float, lose: Callable[[str, int], None]) -> None:
        self._rate, self._block, self._lose = rate, block, lose
        self._clock = SampleClock(rate)
        self._end: float | None = None
        self._resampler: Any = None
        self._taken = self._given = 0  # samples into and out of the resampler
        self._gap = False

    def chunk(self, seen: float, samples: NDArray[np.float32], lost: bool, counted: bool) -> Chunk | None:
        """The next chunk; None while the resampler gives nothing yet.

        Args:
            seen: monotonic second at which the block's first sample was heard, as far as is known.
            samples: (n,) float32, n >= 1.
            lost: sound was lost just before the block.
            counted: that loss is counted already.
        """
        start, gap, unsure = self._clock.stamp(seen, len(samples), lost)
        if gap and not counted:
            # As far as the times tell: the device says that it lost sound, not how much.
            missing = start - self._end if self._end is not None else 0.0
            self._lose("device", max(1, round(missing / self._block)))
        self._end = start + len(samples) / self._rate
        if self._rate == SAMPLE_RATE:
            return Chunk(start, samples, gap, unsure)
        if self._resampler is None or gap:
            self._resampler = soxr.ResampleStream(self._rate, SAMPLE_RATE, 1, dtype="float32")
            self._taken, self._given, self._gap = 0, 0, gap
        # What comes out lags behind what went in, and its times with it.
        start += self._lag()
        out: NDArray[np.float32] = self._resampler.resample_chunk(samples)
        self._taken += len(samples)
        self._given += len(out)
        if not len(out):
            return None
        gap, self._gap = self._gap, False
        return Chunk(start, out, gap, unsure)

    def finish(self) -> Chunk | None:
        """What the resampler still holds at the end of a recording; None: nothing."""
        if self._resampler is None or self._end is None:
            return None
        rest: NDArray[np.float32] = self._resampler.resample_chunk(np.zeros(0, np.float32), last=True)
        start, self._resampler = self._end + self._lag(), None
        return Chunk(start, rest, self._gap) if len(rest) else None

    def _lag(self) -> float:
        """Seconds by which the end of what came out of the resampler differs from that of what went in, below 0."""
        return self._given / SAMPLE_RATE - self._taken / self._rate

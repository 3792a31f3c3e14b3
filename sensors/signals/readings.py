"""What sources give: pieces of sound, pictures, and rows of values of any other sensor. All are `percept.Reading`s."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from sensors.signals.spectrogram import SAMPLE_RATE


@dataclass(frozen=True)
class Chunk:
    """A piece of sound.

    Attributes:
        start: monotonic second of the first sample.
        samples: (n,) float32 mono at 16 kHz, nominally -1…1, n >= 1.
        gap: sound was lost, or the device was opened anew, just before the first sample or among the `unsure`
            chunks before it.
        unsure: sound may have been lost, here or in an unsure chunk before; the next that is not unsure says by its
            `gap` whether it was.
    """

    kind: ClassVar[str] = "sound"

    start: float
    samples: NDArray[np.float32]
    gap: bool = False
    unsure: bool = False

    @property
    def begin(self) -> float:
        """Monotonic second of the first sample."""
        return self.start

    @property
    def end(self) -> float:
        """Monotonic second at which the last sample is over."""
        return self.start + len(self.samples) / SAMPLE_RATE

    @property
    def nbytes(self) -> int:
        """Bytes of the samples."""
        return self.samples.nbytes

    def after_loss(self) -> Self:
        """The same sound, marked: some was lost before it."""
        return replace(self, gap=True)

    def moved(self, seconds: float) -> Self:
        """The same sound, `seconds` later."""
        return replace(self, start=self.start + seconds)


@dataclass(frozen=True)
class Frame:
    """A picture.

    Attributes:
        time: monotonic second at which it was taken.
        picture: (H, W) uint8 grey or (H, W, 3) uint8 blue, green, red; any size.
    """

    kind: ClassVar[str] = "pictures"

    time: float
    picture: NDArray[np.uint8]

    @property
    def begin(self) -> float:
        """Monotonic second at which it was taken."""
        return self.time

    @property
    def end(self) -> float:
        """Monotonic second at which it was taken."""
        return self.time

    @property
    def gap(self) -> bool:
        """False: a picture stands for itself, and its time says what is missing before it."""
        return False

    @property
    def nbytes(self) -> int:
        """Bytes of the picture."""
        return self.picture.nbytes

    def after_loss(self) -> Self:
        """The picture itself: its time says what is missing before it."""
        return self

    def moved(self, seconds: float) -> Self:
        """The same picture, `seconds` later."""
        return replace(self, time=self.time + seconds)


@dataclass(frozen=True)
class Values:
    """Rows of values with their times. A sensor's own readings are a subclass of it that changes `kind`.

    Attributes:
        kind: names such readings in a recording; each sense that has readings of its own has a kind of its own.
        times: (n,) float64, monotonic second at which each row was measured, never falling, n >= 1.
        values: (n, *shape) of numbers: one row for each time.
        gap: rows were lost, or the device was opened anew, just before the first row.
    """

    kind: ClassVar[str] = "values"

    times: NDArray[np.float64]
    values: NDArray[Any]
    gap: bool = False

    @property
    def begin(self) -> float:
        """Monotonic second of the first row."""
        return float(self.times[0])

    @property
    def end(self) -> float:
        """Monotonic second of the last row."""
        return float(self.times[-1])

    @property
    def nbytes(self) -> int:
        """Bytes of the rows and their times."""
        return self.times.nbytes + self.values.nbytes

    def after_loss(self) -> Self:
        """The same rows, marked: some were lost before them."""
        return replace(self, gap=True)

    def moved(self, seconds: float) -> Self:
        """The same rows, `seconds` later."""
        return replace(self, times=self.times + seconds)

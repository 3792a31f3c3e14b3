"""What a microphone far from the speaker hears of a sound.

The room swallows the upper bands, adds its own noise, and the sound comes later.
"""

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
_DB = 255 / 80
"""Stored steps a decibel."""


def hear_from_afar(
    clips: Bytes,
    rng: np.random.Generator,
    *,
    latest: int = 6,
    damping: float = 40.0,
    noise: float = 6.0,
) -> Bytes:
    """What the far microphone makes of log-mel clips.

    Args:
        clips: (N, 1, bands, frames) uint8, -80…0 dB.
        rng: drawn from a fixed number of times for a given N.
        latest: largest delay, frames; each clip has its own, at least 1.
        damping: loss in the highest band, dB; it grows with the square of the band from none in the lowest.
        noise: scale of the room's noise, dB: it is `noise` times |N(0, 1)|, never below 0 and 0.8 `noise` on average.

    Returns:
        (N, 1, bands, frames) uint8, a new array.
    """
    count, _, bands, frames = clips.shape
    late = rng.integers(1, latest + 1, size=(count,))
    out = np.zeros(clips.shape, np.float32)
    for target, source, delay in zip(out, clips, late, strict=True):
        target[..., delay:] = source[..., : frames - delay]
    out -= np.float32(_DB * damping) * np.linspace(0, 1, bands, dtype=np.float32)[:, None] ** 2
    out = np.maximum(out, 0) + np.float32(_DB * noise) * np.abs(rng.standard_normal(clips.shape, np.float32))
    return np.rint(np.clip(out, 0, 255)).astype(np.uint8)

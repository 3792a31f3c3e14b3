"""Sound for the tests of streams: made words in noise, and chunks of it."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sensors.signals.spectrogram import SAMPLE_RATE
from sensors.sources.source import Chunk

CHUNK = 320


def word(seconds: float, rng: np.random.Generator, level: float = 0.1) -> NDArray[np.float32]:
    """Something like a voiced word: harmonics of a gliding pitch, fading in and out within 20 ms."""
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    phase = 2 * np.pi * np.cumsum(rng.uniform(100, 200) * (1 + 0.2 * t / seconds)) / SAMPLE_RATE
    wave = sum(np.sin(k * phase + rng.uniform(0, 6)) / k**0.5 for k in range(1, 25))
    edge = np.clip(np.minimum(t, seconds - t) / 0.02, 0, 1)
    said: NDArray[np.float32] = (level * edge * wave / np.std(wave)).astype(np.float32)
    return said


def stream(
    words: list[tuple[float, float]], seconds: float, rng: np.random.Generator, noise: float = 0.003
) -> NDArray[np.float32]:
    """Noise of this many seconds with words of (start, length)."""
    sound = noise * rng.standard_normal(round(seconds * SAMPLE_RATE), np.float32)
    for start, length in words:
        said = word(length, rng)
        first = round(start * SAMPLE_RATE)
        sound[first : first + len(said)] += said
    return sound


def chunks(sound: NDArray[np.float32], start: float = 0.0, size: int = CHUNK) -> Iterator[Chunk]:
    """The sound as a source gives it."""
    for first in range(0, len(sound), size):
        yield Chunk(start + first / SAMPLE_RATE, sound[first : first + size])

"""How far sound stands above its background: one score each 10 ms, by a noise floor that follows the room.

The power spectrum of 25 ms windows is summed in 20 bands, evenly spaced on the mel scale from 100 Hz to 7.5 kHz. Each
band's floor is the quietest 100 ms of the last 6 s, corrected for being a minimum; what runs on for longer than that,
such as a fan, becomes floor. The score is the mean over the bands of how many decibel they lie above their floors, each
between 0 and 20, averaged over 50 ms. Bands of speech that noise does not cover thus still count, and no band decides
alone. There is no learning in it and no model to load.
"""

from collections import deque
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensors.signals.spectrogram import SAMPLE_RATE, triangles

HOP = 160
"""Samples from one score to the next: 10 ms."""
WINDOW = 400
"""Samples that one score's spectrum sees: 25 ms."""
BANDS = 20
"""Bands that are looked at on their own."""
SMOOTHED = 5
"""Scores that are averaged: the score at a moment is known 2 hops later."""

_N_FFT = 512
_RANGE_HZ = (100.0, 7500.0)
_HIGHEST_DB = 20.0
_BLOCK = 10
# Longer than the longest utterance: what is taken for background was never within one utterance alone.
_BLOCKS = 60
MEMORY = _BLOCKS * _BLOCK * HOP / SAMPLE_RATE
"""Seconds of sound that the floors are taken from."""
SILENCE = 10**-7.5
"""Power, -75 dB of full scale: what lies below is silence, whatever its shape."""
_SILENCE = SILENCE / BANDS


class Score(NamedTuple):
    """What is known of 10 ms of sound.

    Attributes:
        above: decibel above the floor, 0…20, averaged over the bands and over 50 ms.
        power: what the sound has more than the floor, of all bands together, averaged over 30 ms; full scale is
            about 1. At least `SILENCE`.
    """

    above: float
    power: float


class Voice:
    """Sound in, scores out; keeps what is left of a hop, the floors and the last few scores, no more."""

    def __init__(self) -> None:
        self._rest = np.empty(0, np.float32)
        self._recent: deque[float] = deque(maxlen=SMOOTHED)
        self._powers: deque[float] = deque(maxlen=SMOOTHED)
        self._block = np.zeros(BANDS)
        self._in_block = 0
        self._blocks: deque[NDArray[np.float64]] = deque(maxlen=_BLOCKS)
        self._floor: NDArray[np.float64] | None = None

    @property
    def background(self) -> NDArray[np.float64]:
        """Power of the noise in each band, (20,); that of silence before a tenth of a second was heard."""
        return np.full(BANDS, _SILENCE) if self._floor is None else self._floor.copy()

    def observe(self, samples: NDArray[np.float32]) -> list[Score]:
        """Scores that these samples complete.

        Args:
            samples: (n,) float32 at 16 kHz, following those seen before.

        Returns:
            Oldest first: score k since the start (or `restart`) is that of the sound around sample
            k x `HOP` + `WINDOW` / 2.
        """
        sound = np.concatenate([self._rest, samples])
        count = max(0, (len(sound) - WINDOW) // HOP + 1)
        self._rest = sound[count * HOP :]
        if not count:
            return []
        scores = []
        for power in band_powers(sound, count):
            self._learn(power)
            floor = power if self._floor is None else self._floor
            self._recent.append(float(np.clip(10 * np.log10(power / floor), 0, _HIGHEST_DB).mean()))
            self._powers.append(float(np.maximum(power - floor, 0).sum()))
            if len(self._recent) > SMOOTHED // 2:
                # The middle of those that the score is of, and its neighbours.
                near = list(self._powers)[-SMOOTHED // 2 - 1 : -SMOOTHED // 2 + 2]
                loud = max(sum(near) / len(near), SILENCE)
                scores.append(Score(sum(self._recent) / len(self._recent), loud))
        return scores

    def restart(self) -> None:
        """The next samples do not follow those before; the floors stay."""
        self._rest = np.empty(0, np.float32)
        self._recent.clear()
        self._powers.clear()

    def _learn(self, power: NDArray[np.float64]) -> None:
        self._block += power
        self._in_block += 1
        if self._in_block == _BLOCK:
            self._blocks.append(self._block / _BLOCK)
            self._block, self._in_block = np.zeros(BANDS), 0
            lowest = np.min(self._blocks, axis=0)
            self._floor = np.maximum(lowest * _correction()[:, len(self._blocks) - 1], _SILENCE)


def background_spectrum(background: NDArray[np.float64], points: int) -> NDArray[np.float64]:
    """Noise of these powers in the bands as a power spectrum, smooth over the frequencies.

    Args:
        background: (20,) as `Voice.background` gives it.
        points: of a Fourier transform.

    Returns:
        (points // 2 + 1,): mean squared magnitude for a window whose squares add up to 1.
    """
    centres = np.fft.rfftfreq(_N_FFT, 1 / SAMPLE_RATE) @ _filters() / _filters().sum(axis=0)
    density = background / _filters().sum(axis=0) / np.square(_hann()).sum()
    spectrum: NDArray[np.float64] = np.exp(
        np.interp(np.fft.rfftfreq(points, 1 / SAMPLE_RATE), centres, np.log(density))
    )
    return spectrum


def band_powers(sound: NDArray[np.float32], count: int) -> NDArray[np.float64]:
    """Power in each band of the first `count` windows, (count, 20), never 0."""
    rows = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::HOP][:count]
    spectrum = np.abs(np.fft.rfft(rows * _hann(), _N_FFT)) ** 2
    powers: NDArray[np.float64] = spectrum @ _filters() + _SILENCE
    return powers


@cache
def _hann() -> NDArray[np.float64]:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)


@cache
def _filters() -> NDArray[np.float64]:
    """(257, 20): triangles of equal height, so that full scale is about 1 over all bands."""
    low, high = (2595 * np.log10(1 + f / 700) for f in _RANGE_HZ)
    edges = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    weights = triangles(edges, SAMPLE_RATE, _N_FFT).T
    scaled: NDArray[np.float64] = weights * (2 / (_N_FFT * np.square(_hann()).sum()))
    return scaled


@cache
def _correction() -> NDArray[np.float64]:
    """How far the mean of steady noise lies above the least of n blocks, (20, blocks): column n-1 for n blocks.

    Measured on one minute of white noise; narrow bands waver more and need more.
    """
    noise = np.random.default_rng(0).standard_normal(60 * SAMPLE_RATE).astype(np.float32)
    powers = band_powers(noise, (len(noise) - WINDOW) // HOP + 1)
    blocks = powers[: len(powers) // _BLOCK * _BLOCK].reshape(-1, _BLOCK, BANDS).mean(axis=1)
    starts = len(blocks) - _BLOCKS
    return np.stack(
        [
            powers.mean(axis=0) / np.mean([blocks[k : k + n].min(axis=0) for k in range(starts)], axis=0)
            for n in range(1, _BLOCKS + 1)
        ],
        axis=1,
    )

"""Recordings played one after the other with noise: the sound, and where in it each word is heard."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensors.signals.spectrogram import SAMPLE_RATE

Wave = NDArray[np.float32]
Spans = NDArray[np.float64]
LOUDNESS = 0.05
"""Effective amplitude of every word that is played."""
KINDS = ("white", "pink")
FRAME = 160
"""Samples of one frame: 10 ms."""
_START_S = 1.5
_PAUSE_S = (0.5, 1.5)
_FADED = 160


@dataclass(frozen=True)
class Clip:
    """One recording and what is known of it.

    Attributes:
        wave: (n,) float32 at 16 kHz.
        first: sample at which its word begins to be heard.
        last: the sample after the word's end.
        said: the word.
    """

    wave: Wave
    first: int
    last: int
    said: str


@dataclass(frozen=True)
class Played:
    """Words one after the other.

    Attributes:
        sound: (n,) float32 at 16 kHz, without added noise.
        file: (words, 2) seconds at which each recording begins and ends.
        audible: (words, 2) seconds at which each word is first and last heard.
        said: the words.
    """

    sound: Wave
    file: Spans
    audible: Spans
    said: tuple[str, ...]

    def with_noise(self, kind: str, level: float, seed: int) -> Wave:
        """The sound in noise that is `level` decibel weaker than the words."""
        hiss = noise(kind, len(self.sound), seed) * np.float32(LOUDNESS * 10 ** (-level / 20))
        return self.sound + hiss


def play(clips: Sequence[Clip], seed: int) -> Played:
    """Make the words equally loud and put 0.5 to 1.5 s of silence between them; 1.5 s are silent at the start."""
    rng = np.random.default_rng(seed)
    parts: list[Wave] = [np.zeros(round(_START_S * SAMPLE_RATE), np.float32)]
    at, file, audible = len(parts[0]), [], []
    for clip in clips:
        loudness = np.sqrt(np.square(clip.wave[clip.first : clip.last], dtype=np.float64).mean())
        pause = np.zeros(int(rng.uniform(*_PAUSE_S) * SAMPLE_RATE), np.float32)
        parts += [faded(clip.wave) * np.float32(LOUDNESS / loudness), pause]
        file.append((at, at + len(clip.wave)))
        audible.append((at + clip.first, at + clip.last))
        at += len(clip.wave) + len(pause)
    said = tuple(clip.said for clip in clips)
    return Played(np.concatenate(parts), np.array(file) / SAMPLE_RATE, np.array(audible) / SAMPLE_RATE, said)


def faded(wave: Wave) -> Wave:
    """The sound with 10 ms of fading at both ends, so that its own noise begins and ends without a click."""
    count = min(_FADED, len(wave) // 2)
    wave = wave.copy()
    wave[:count] *= np.linspace(0, 1, count, dtype=np.float32)
    wave[len(wave) - count :] *= np.linspace(1, 0, count, dtype=np.float32)
    return wave


def noise(kind: str, samples: int, seed: int) -> Wave:
    """White or pink (-3 dB an octave above 50 Hz) noise of unit power."""
    white = np.random.default_rng(seed).standard_normal(samples, np.float32)
    if kind == "white":
        return white
    spectrum = np.fft.rfft(white)
    spectrum /= np.sqrt(np.maximum(np.fft.rfftfreq(samples, 1 / SAMPLE_RATE), 50))
    pink = np.fft.irfft(spectrum, samples)
    return np.asarray(pink / pink.std(), np.float32)


def frame_levels(wave: Wave) -> NDArray[np.float64]:
    """Mean power of each whole 10 ms, (frames,)."""
    rows = wave[: len(wave) // FRAME * FRAME].reshape(-1, FRAME)
    levels: NDArray[np.float64] = np.square(rows, dtype=np.float64).mean(axis=1)
    return levels

"""Waveforms to `speech` samples: MFCC as HTK makes them, 24 frames of 26 coefficients.

One frame is 12 cepstral coefficients, the log energy and the deltas of these 13, every 20 ms. The conventions
are those of AV-Letters' own files: no liftering, energy relative to the clip's loudest frame (1 there, a
tenth of the natural logarithm below), deltas by regression over ±2 frames and by plain differences at both
ends.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from sensors.core.errors import DataError
from sensors.signals.spectrogram import SAMPLE_RATE, triangles

STEP = 320
"""Samples from one frame to the next: 20 ms."""
WINDOW = 400
"""Samples under the Hamming window of one frame: 25 ms."""
N_FFT = 512
"""Points of the Fourier transform."""
BANDS = 26
"""Mel bands, 0…8 kHz on HTK's scale."""
COEFFICIENTS = 12
"""Cepstral coefficients of a frame, without the zeroth."""
FRAMES = 24
"""Frames of a stored sample: 480 ms."""
VALUES = 2 * (COEFFICIENTS + 1)
"""Values of a frame: coefficients and energy, and the deltas of both."""
PRE_EMPHASIS = 0.97
"""Share of the sample before that is taken off each sample."""

_INT16 = 32768.0
_FLOOR = 1.0


def mfcc(waves: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """`speech` samples of clips: `speech_frames`, padded with silence or cut to 24 frames (480 ms).

    Args:
        waves: N clips at 16 kHz, each (samples,) float32, nominally -1…1.

    Returns:
        (N, 24, 26) float32.

    Raises:
        DataError: names the clip that is empty, not 1-D float32, or holds NaN or infinite samples.
    """
    shortest = (FRAMES - 1) * STEP + WINDOW
    padded = [np.pad(w, (0, max(0, shortest - len(w)))) if _is_wave(w) else w for w in waves]
    clips = speech_frames(padded)
    return np.stack([clip[:FRAMES] for clip in clips]) if clips else np.empty((0, FRAMES, VALUES), np.float32)


def speech_frames(waves: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """Every whole frame of each clip; a clip shorter than one frame is padded with silence to one.

    Args:
        waves: clips at 16 kHz, each (samples,) float32, nominally -1…1.

    Returns:
        For each clip (frames, 26) float32: 12 coefficients, log energy, 13 deltas.

    Raises:
        DataError: names the clip that is empty, not 1-D float32, or holds NaN or infinite samples.
    """
    for i, wave in enumerate(waves):
        _check(i, wave)
    return [_frames_of(wave) for wave in waves]


def deltas(static: NDArray[np.float32]) -> NDArray[np.float32]:
    """Slopes over time: regression over ±2 frames; the first and last two frames take plain differences.

    Args:
        static: (frames, coefficients) float32.

    Returns:
        The same shape; zeros for a single frame.
    """
    count = len(static)
    out = np.zeros_like(static)
    if count > 1:
        out[:-1] = static[1:] - static[:-1]
        out[max(1, count - 2) :] = static[max(1, count - 2) :] - static[max(0, count - 3) : -1]
    if count > 4:
        near, far = static[3:-1] - static[1:-3], static[4:] - static[:-4]
        out[2:-2] = (near + 2 * far) / 10
    return out


def _frames_of(wave: NDArray[np.float32]) -> NDArray[np.float32]:
    count = max(1, (len(wave) - WINDOW) // STEP + 1)
    # HTK's floors are in the unit of 16-bit samples.
    sound = np.zeros(max(len(wave), WINDOW))
    sound[: len(wave)] = wave * np.float64(_INT16)
    sharp = sound.copy()
    sharp[1:] -= PRE_EMPHASIS * sound[:-1]
    rows = np.lib.stride_tricks.sliding_window_view(sharp, WINDOW)[::STEP][:count]
    magnitude = np.abs(fft.rfft(rows * np.hamming(WINDOW), N_FFT))
    bands = np.log(np.maximum(magnitude @ _filters(), _FLOOR))
    cepstrum = fft.dct(bands, type=2, norm="ortho")[:, 1 : COEFFICIENTS + 1]
    raw = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::STEP][:count]
    energy = np.log(np.maximum(np.einsum("ts,ts->t", raw, raw), _FLOOR))
    energy = 1 - 0.1 * (energy.max() - energy)
    static = np.column_stack([cepstrum, energy]).astype(np.float32)
    return np.hstack([static, deltas(static)])


@cache
def _filters() -> NDArray[np.float64]:
    """Triangles evenly spaced on HTK's mel scale, (257, 26)."""
    top = 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, BANDS + 2) / 2595) - 1)
    return np.ascontiguousarray(triangles(edges, SAMPLE_RATE, N_FFT).T)


def _is_wave(wave: object) -> bool:
    return isinstance(wave, np.ndarray) and wave.dtype == np.float32 and wave.ndim == 1 and len(wave) > 0


def _check(i: int, wave: NDArray[np.float32]) -> None:
    if not _is_wave(wave):
        found = f"shape {wave.shape} {wave.dtype}" if isinstance(wave, np.ndarray) else type(wave).__name__
        raise DataError(f"clip {i}: expected a 1-D float32 waveform of one sample or more, got {found}")
    if not np.isfinite(wave).all():
        raise DataError(f"clip {i}: NaN or infinite samples; give a waveform within -1…1")

"""Background noise taken out of an utterance, so that what is left looks like the datasets' recordings.

Log-mel spectrograms reach 80 dB down; the datasets' rooms are far quieter than those in which robots live, and what was
learned or is graded on the ones fits the others badly. So each short-time spectrum is lowered by how much of it the
room's noise explains (a Wiener-like gain, with the noise as `sensors/cutters/voice.py` follows it), by 30 dB at most.
"""

import numpy as np
from numpy.typing import NDArray

from sensors.cutters.voice import background_spectrum

WINDOW = 512
"""Samples of one short-time spectrum: 32 ms, every 8 ms."""
OVERSUBTRACTION = 3.0
"""Times the noise's mean power that is taken off: noise wavers, and what sticks out of its mean would ring."""
LEAST_GAIN = 10 ** (-30 / 20)
"""The noise is lowered by 30 dB and no more, as silence that is perfect is in no recording either."""
_HOP = WINDOW // 4


def clean(samples: NDArray[np.float32], background: NDArray[np.float64]) -> NDArray[np.float32]:
    """The same sound with less of its background.

    Args:
        samples: (n,) float32 at 16 kHz.
        background: (20,) power of the noise in each of `sensors/cutters/voice.py`'s bands.

    Returns:
        (n,) float32.
    """
    window = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW))
    count = (len(samples) + WINDOW) // _HOP + 1
    padded = np.zeros(WINDOW + (count - 1) * _HOP)
    padded[WINDOW - _HOP :][: len(samples)] = samples
    rows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::_HOP]
    spectra = np.fft.rfft(rows * window)
    noise = background_spectrum(background, WINDOW) * np.square(window).sum()
    power = np.maximum(np.abs(spectra) ** 2, 1e-20)
    gain = np.maximum(1 - OVERSUBTRACTION * noise / power, LEAST_GAIN)
    pieces = np.fft.irfft(spectra * gain, WINDOW) * window
    out = np.zeros_like(padded)
    for shift in range(WINDOW // _HOP):
        # Every fourth piece lies beside the one before: added at once.
        beside = pieces[shift :: WINDOW // _HOP]
        first = shift * _HOP
        out[first : first + beside.size] += beside.ravel()
    return np.asarray(out[WINDOW - _HOP :][: len(samples)] / (WINDOW / _HOP / 2), np.float32)

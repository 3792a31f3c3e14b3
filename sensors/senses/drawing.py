"""Samples as pictures to look at, for the `view` of a sense: by what the axes mean."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
SIDE = 96
"""Rows and columns of a drawn curve, and fewest of a drawn spectrogram, pixels."""
_COLOURS = ((36, 114, 247), (180, 119, 31), (44, 160, 44), (40, 39, 214), (189, 103, 148), (75, 86, 140))


def picture_view(sample: NDArray[np.uint8]) -> Picture:
    """A picture (channels, H, W) uint8, grey or red, green, blue, as (H, W, 3) BGR."""
    colours = np.ascontiguousarray(sample.transpose(1, 2, 0))
    code = cv2.COLOR_RGB2BGR if len(sample) == 3 else cv2.COLOR_GRAY2BGR
    return np.asarray(cv2.cvtColor(colours, code), np.uint8)


def spectrogram_view(sample: NDArray[np.uint8]) -> Picture:
    """A spectrogram (1, bands, frames) uint8 in colours of its loudness.

    Time runs from left to right, low pitch is at the bottom; the first third alone is shown where the rest is silent.
    """
    bands = sample[0]
    frames = bands.shape[1]
    shown = frames // 3 if bands[:, frames // 3 :].mean() < 16 else frames
    heard = np.ascontiguousarray(bands[::-1, :shown])
    size = max(SIDE, shown), max(SIDE, len(bands))
    return np.asarray(cv2.applyColorMap(cv2.resize(heard, size), cv2.COLORMAP_MAGMA), np.uint8)


def film_view(sample: NDArray[np.uint8]) -> Picture:
    """The middle frame of a film (frames, H, W) uint8, as (H, W, 3) BGR."""
    return np.asarray(cv2.cvtColor(sample[len(sample) // 2], cv2.COLOR_GRAY2BGR), np.uint8)


def label_view(sample: NDArray[Any]) -> Picture:
    """A number (1,), written."""
    drawn = np.full((SIDE, SIDE, 3), 255, np.uint8)
    cv2.putText(drawn, str(int(sample[0])), (12, 64), cv2.FONT_HERSHEY_SIMPLEX, 1.4, (40, 40, 40), 2, cv2.LINE_AA)
    return drawn


def curves_view(low: float | None = None, high: float | None = None) -> Callable[[NDArray[Any]], Picture]:
    """Makes a view of sequences (frames, values): a curve for each value.

    Args:
        low: value at the lower edge of the picture; None: the sample's smallest.
        high: value at its upper edge; None: the sample's largest.
    """

    def view(sample: NDArray[Any]) -> Picture:
        drawn = np.full((SIDE, SIDE, 3), 255, np.uint8)
        values = np.asarray(sample, np.float64)
        bottom = values.min() if low is None else low
        top = values.max() if high is None else high
        x = np.linspace(2, SIDE - 3, len(values))
        for column, colour in zip(values.T, _COLOURS * (1 + values.shape[1] // len(_COLOURS)), strict=False):
            y = SIDE - 3 - (np.clip(column, bottom, top) - bottom) / max(top - bottom, 1e-9) * (SIDE - 6)
            points = np.stack([x, y], 1).round().astype(np.int32)
            cv2.polylines(drawn, [points], False, colour, 1, cv2.LINE_AA)
        return drawn

    return view

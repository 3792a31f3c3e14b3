"""One sample as a square picture to look at, or as a sound to listen to, by the layout of its modality."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sensors.griffin_lim import invert
from sensors.modalities import Modality
from sensors.spectrogram import dequantise

TILE = 96
"""Rows and columns of a tile, pixels."""
Picture = NDArray[np.uint8]
INK = (40, 40, 40)
_COLOURS = ((36, 114, 247), (180, 119, 31), (44, 160, 44), (40, 39, 214), (189, 103, 148), (75, 86, 140))


def tile(sample: NDArray[Any], modality: Modality) -> Picture:
    """A sample as a picture.

    Args:
        sample: (*shape) in the modality's stored unit; values need not be rounded.
        modality: says what the axes mean.

    Returns:
        (TILE, TILE, 3) uint8, BGR; grey where the layout has no picture.
    """
    draw = _DRAWN.get(modality.layout)
    return np.full((TILE, TILE, 3), 200, np.uint8) if draw is None else draw(sample, modality)


def write(picture: Picture, words: str, at: tuple[int, int], size: float) -> None:
    """Write a line of text into a picture, in place; what is not ASCII becomes '?'."""
    ascii_only = words.encode("ascii", "replace").decode()  # OpenCV's fonts have no other letters
    cv2.putText(picture, ascii_only, at, cv2.FONT_HERSHEY_SIMPLEX, size, INK, 1, cv2.LINE_AA)


def _picture(sample: NDArray[Any], modality: Modality) -> Picture:
    grown = cv2.resize(_bytes(sample, modality).transpose(1, 2, 0), (TILE, TILE), interpolation=cv2.INTER_NEAREST)
    # Stored colours are red, green, blue.
    code = cv2.COLOR_RGB2BGR if modality.shape[0] == 3 else cv2.COLOR_GRAY2BGR
    return np.asarray(cv2.cvtColor(grown, code), np.uint8)


def _spectrogram(sample: NDArray[Any], modality: Modality) -> Picture:
    """Time runs from left to right, low pitch is at the bottom; the first third alone where the rest is silent."""
    bands = _bytes(sample, modality)[0]
    frames = bands.shape[1]
    shown = frames // 3 if bands[:, frames // 3 :].mean() < 16 else frames
    heard = np.ascontiguousarray(bands[::-1, :shown])
    return np.asarray(cv2.applyColorMap(cv2.resize(heard, (TILE, TILE)), cv2.COLORMAP_MAGMA), np.uint8)


def _sequence(sample: NDArray[Any], modality: Modality) -> Picture:
    """A curve for each value, over the range of the sample or of the modality."""
    drawn = np.full((TILE, TILE, 3), 255, np.uint8)
    values = np.asarray(sample, np.float64)
    low, high = _range(values, modality)
    x = np.linspace(2, TILE - 3, len(values))
    for column, colour in zip(values.T, _COLOURS * (1 + values.shape[1] // len(_COLOURS)), strict=False):
        y = TILE - 3 - (np.clip(column, low, high) - low) / max(high - low, 1e-9) * (TILE - 6)
        points = np.stack([x, y], 1).round().astype(np.int32)
        cv2.polylines(drawn, [points], False, colour, 1, cv2.LINE_AA)
    return drawn


def _range(values: NDArray[np.float64], modality: Modality) -> tuple[float, float]:
    if np.isfinite(modality.low) and np.isfinite(modality.high) and modality.high - modality.low < 1e3:
        return modality.low, modality.high
    if modality.dtype.kind == "u":
        return 0.0, float(np.iinfo(modality.dtype.name).max)
    return float(values.min()), float(values.max())


def _film(sample: NDArray[Any], modality: Modality) -> Picture:
    """The middle frame."""
    frame = _bytes(sample, modality)[len(sample) // 2]
    grown = cv2.resize(frame, (TILE, TILE), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(grown, cv2.COLOR_GRAY2BGR), np.uint8)


def _bytes(sample: NDArray[Any], modality: Modality) -> Picture:
    if modality.dtype == np.uint8:
        return np.asarray(np.clip(sample, 0, 255).round(), np.uint8)
    return np.asarray(np.clip(np.asarray(sample, np.float64) * modality.scale * 255, 0, 255).round(), np.uint8)


_DRAWN: dict[str, Callable[[NDArray[Any], Modality], Picture]] = {
    "picture": _picture,
    "spectrogram": _spectrogram,
    "sequence": _sequence,
    "film": _film,
}


def _wave(sample: NDArray[Any]) -> NDArray[np.float32]:
    stored = np.clip(sample, 0, 255).round().astype(np.uint8)
    return invert(dequantise(stored[None])[0])


SOUNDS: dict[str, Callable[[NDArray[Any]], NDArray[np.float32]]] = {"spectrogram": _wave}
"""Layout -> from one sample (*shape) in the stored unit to a waveform, float32 at 16 kHz."""

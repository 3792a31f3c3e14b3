"""Lip clips as rows for a network, and rows as clips: means over blocks of 4 × 4 pixels.

A mouth's movement is coarse. Of 60 × 80 pixels, 15 × 20 say as much of the letter, at a sixteenth of the size.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from sensors.core.errors import TransferError
from sensors.signals.lips import FRAMES, HEIGHT, WIDTH, restore_lips

BLOCK = 4
"""Pixels on a side."""
_ROWS, _COLUMNS = HEIGHT // BLOCK, WIDTH // BLOCK
LENGTH = FRAMES * _ROWS * _COLUMNS
"""Values in a row: 12 frames of 15 × 20."""


def to_rows(stored: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Stored `lips` samples (N, 12, 60, 80) uint8 to (N, 3600) float32.

    A value is the mean over a block of differences from the clip's mean frame, -0.502…0.498 of full brightness.

    Raises:
        TransferError: another shape or dtype.
    """
    if stored.shape[1:] != (FRAMES, HEIGHT, WIDTH) or stored.dtype != np.uint8:
        raise TransferError(f"lips: expected (N, {FRAMES}, {HEIGHT}, {WIDTH}) uint8, not {_what(stored)}")
    # Sums of whole numbers are exact, so rows do not depend on their company.
    sums = stored.reshape(-1, FRAMES, _ROWS, BLOCK, _COLUMNS, BLOCK).sum((3, 5), dtype=np.float32)
    grey = restore_lips(np.zeros(1, np.uint8))
    return np.asarray(sums / np.float32(BLOCK * BLOCK * 255) + grey, np.float32).reshape(len(stored), LENGTH)


def soften(rows: NDArray[np.float32], deviation: float) -> NDArray[np.float32]:
    """Rows (N, 3600) with a Gaussian over every frame, whose deviation is given in blocks; edges are repeated."""
    films = rows.reshape(-1, FRAMES, _ROWS, _COLUMNS)
    soft = ndimage.gaussian_filter(films, (0, 0, deviation, deviation), mode="nearest")
    return np.asarray(soft, np.float32).reshape(rows.shape)


def from_rows(rows: ArrayLike) -> NDArray[np.float32]:
    """Rows (N, 3600) to clips (N, 12, 60, 80) float32, every pixel its block's value; the inverse of `to_rows`.

    Raises:
        TransferError: another shape.
    """
    values = np.asarray(rows, np.float32)
    if values.ndim != 2 or values.shape[1] != LENGTH:
        raise TransferError(f"lips: expected rows of {LENGTH} values, not {_what(values)}")
    clips = values.reshape(-1, FRAMES, _ROWS, _COLUMNS)
    return np.ascontiguousarray(clips.repeat(BLOCK, 2).repeat(BLOCK, 3))


def _what(values: NDArray[np.generic]) -> str:
    return f"{values.shape} {values.dtype}"

"""How differences from a clip's mean frame are stored as `lips` samples, and read again."""

import numpy as np
from numpy.typing import NDArray

FRAMES, HEIGHT, WIDTH = 12, 60, 80
"""Of a stored clip."""
GREY = 128
"""The stored brightness that stands for no difference from the mean frame."""


def store_lips(difference: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Differences from a mean frame as stored `lips` samples; beyond -128…127 steps of brightness they saturate.

    Args:
        difference: any shape, in fractions of full brightness (1 is 255 steps).

    Returns:
        uint8, the same shape.
    """
    stored: NDArray[np.uint8] = np.clip(np.rint(difference * 255) + GREY, 0, 255).astype(np.uint8)
    return stored


def restore_lips(stored: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Differences in fractions of full brightness from stored `lips` samples: (stored - `GREY`) / 255, float32.

    A network that is given `lips` as the registry scales them, stored / 255, sees the same plus `GREY` / 255.
    """
    return (stored.astype(np.float32) - GREY) / np.float32(255)

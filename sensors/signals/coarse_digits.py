"""Ink in the form of the embedded handwriting: scikit-learn's digits, which are 8×8 pixels and fill their frame.

A run that has learned from them knows no thin lines and no margin; in the form of MNIST the same drawing looks strange.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sensors.signals.frames import digit_images

_SIDE = 8
_FULL = 16.0
_FILL = 0.9  # of the frame's side that the longer side of what is drawn takes
_OUTLINE = 0.15  # ink that counts for the size of what is drawn


def coarse_form(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """Ink as scikit-learn's digits have it.

    Args:
        ink: (h, w) float32 0…1, not empty.

    Returns:
        (8, 8) float32 0…16, the darkest place 16.
    """
    x, y, width, height = cv2.boundingRect((ink > _OUTLINE).astype(np.uint8))
    # Whole parts for each pixel of the result, so that its borders fall between those of the frame.
    part = max(1, int(np.ceil(max(width, height) / _FILL / _SIDE)))
    frame = np.zeros((part * _SIDE, part * _SIDE), np.float32)
    top, left = (len(frame) - height) // 2, (len(frame) - width) // 2
    frame[top : top + height, left : left + width] = ink[y : y + height, x : x + width]
    small = np.asarray(cv2.resize(frame, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.float32)
    scaled: NDArray[np.float32] = np.round(small * np.float32(_FULL) / small.max())
    return scaled


def coarse_sample(ink: NDArray[np.float32]) -> NDArray[Any]:
    """Ink (h, w) float32 0…1 as an `image` sample (*shape) uint8, as the embedded handwriting becomes one."""
    sample: NDArray[np.uint8] = digit_images(coarse_form(ink)[None])[0]
    return sample

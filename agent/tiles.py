"""One sample as a square picture, as its sense shows it."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sensors.modalities import Modality
from sensors.senses import sense

TILE = 96
"""Rows and columns of a tile, pixels."""
Picture = NDArray[np.uint8]
INK = (40, 40, 40)


def tile(sample: NDArray[Any], modality: Modality) -> Picture:
    """A sample as a picture.

    Args:
        sample: (*shape) in the modality's stored unit; values need not be rounded.
        modality: of the sample.

    Returns:
        (TILE, TILE, 3) uint8, BGR.
    """
    picture = sense(modality.name).view(modality.stored(sample))
    shrinks = max(picture.shape[:2]) > TILE
    method = cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(picture, (TILE, TILE), interpolation=method), np.uint8)


def write(picture: Picture, words: str, at: tuple[int, int], size: float) -> None:
    """Write a line of text into a picture, in place; what is not ASCII becomes '?'."""
    ascii_only = words.encode("ascii", "replace").decode()  # OpenCV's fonts have no other letters
    cv2.putText(picture, ascii_only, at, cv2.FONT_HERSHEY_SIMPLEX, size, INK, 1, cv2.LINE_AA)

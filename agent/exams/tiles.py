"""One sample as a square picture, as its sense shows it."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sensors.core.modalities import Modality
from sensors.senses import sense

TILE = 96
"""Rows and columns of a tile, pixels."""
Picture = NDArray[np.uint8]
INK = (40, 40, 40)
FONT = cv2.FONT_HERSHEY_SIMPLEX


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
    cv2.putText(picture, _ascii(words), at, FONT, size, INK, 1, cv2.LINE_AA)


def wrap(words: str, width: int, size: float) -> list[str]:
    """A text as lines that `write` can write within a width, pixels.

    Parts between which '   ' stands stay together where they fit into a line; longer ones are broken between words, and
    a word that is longer than a line is broken anywhere.
    """
    lines = [""]
    for part in words.split("   "):
        pieces = [part] if _fits(part, width, size) else part.split()
        for number, piece in enumerate(pieces):
            between = "" if not lines[-1] else " " if number else "   "
            if _fits(lines[-1] + between + piece, width, size):
                lines[-1] += between + piece
                continue
            lines += [""] * bool(lines[-1])
            for letter in piece:
                if lines[-1] and not _fits(lines[-1] + letter, width, size):
                    lines.append("")
                lines[-1] += letter
    return lines


def _fits(words: str, width: int, size: float) -> bool:
    return int(cv2.getTextSize(_ascii(words), FONT, size, 1)[0][0]) <= width


def _ascii(words: str) -> str:
    """OpenCV's fonts have no other letters."""
    return words.encode("ascii", "replace").decode()

"""Colour pictures as JPEG, as a recording keeps them: written within a number of bytes, read without surprises."""

import io
from math import isfinite

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

BEST, WORST = 92, 30
"""Qualities of a JPEG between which a budget chooses."""
MOST_SCANS = 64
"""Scans of a progressive JPEG that is decoded: each one goes over the whole picture."""


class JpegBudget:
    """Chooses the quality of one source's pictures so that together they keep to a number of bytes a second.

    A picture of the worst quality is kept whatever its size.

    Args:
        rate: bytes a second.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._quality = 85.0 if isfinite(rate) else BEST
        self._spare = 0.0
        self._last: float | None = None

    def encode(self, picture: NDArray[np.uint8], time: float) -> bytes:
        """A picture as JPEG.

        Args:
            picture: (H, W, 3) uint8 BGR.
            time: second at which it was taken.

        Raises:
            ValueError: it cannot be a JPEG.
        """
        try:
            _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, round(self._quality)])
        except cv2.error:
            raise ValueError(f"picture of shape {picture.shape} cannot be packed") from None
        passed = 1 / 15 if self._last is None else min(max(time - self._last, 0.0), 1.0)
        self._last = time
        # What was saved or spent too much in the last seconds is made up for.
        self._spare = min(max(self._spare + self._rate * passed - len(data), -5 * self._rate), self._rate)
        step = 1.0 if self._spare > 0 else -2.0 if self._spare > -self._rate / 4 else -6.0
        self._quality = min(max(self._quality + step, WORST), BEST)
        return data.tobytes()


def refuse_jpeg(data: bytes, side: int) -> str:
    """Why a picture is not decoded, in a word, as its header says: a small file can hold a picture of gigabytes.

    Args:
        data: the file's bytes.
        side: longest side of a picture that is decoded, pixels.

    Returns:
        `damaged`, `large`, or nothing.
    """
    size = jpeg_size(data)
    if size is None:
        return "damaged"
    return "large" if max(size) > side or data.count(b"\xff\xda") > MOST_SCANS else ""


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Width and height that a JPEG's header says; None where the bytes are no JPEG."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            return image.size
    except Exception:  # whatever a decoder raises means that the picture is damaged
        return None

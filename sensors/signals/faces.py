"""A speaker's face before the camera to pictures of the lips, 60×80.

The rule. The largest face that OpenCV's cascade finds is the speaker's. The lips are the box, 4 wide by 3 high, that is
half as wide as the face, in its middle, and centred at four fifths of its height. The face is sought in every few
pictures only and its box follows slowly, so that the mouth moves within the box rather than the box with the mouth.
For programs of one's own: a live run perceives no lips by itself.
"""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sensors.core.errors import SourceError
from sensors.signals.lips import HEIGHT, WIDTH

_CASCADE = "haarcascade_frontalface_default.xml"
_PLACES = ("/usr/share/opencv4/haarcascades", "/usr/share/opencv/haarcascades")
_SEARCH = 320  # longer side of the picture in which faces are sought, pixels
_SMALLEST = 0.12  # smallest face, as a share of the shorter side
_SHARE, _DOWN = 0.5, 0.8  # width of the lips' box and its middle, as shares of the face


class Lips:
    """Follows the speaker's lips from picture to picture.

    Args:
        cascade: file of a face cascade; None for the one that ships with OpenCV.
        every: pictures from one search for the face to the next.
        follow: share of its way to where the face was found that the box goes at each search.

    Raises:
        SourceError: this OpenCV has no cascades, or the file is none.
    """

    def __init__(self, cascade: str | None = None, every: int = 5, follow: float = 0.3) -> None:
        self._cascade = _load(cascade)
        self._every, self._follow = every, follow
        self._count = 0
        self._face: NDArray[np.float64] | None = None  # x, y, width and height

    def observe(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
        """The lips in the next picture.

        Args:
            picture: (H, W) uint8 grey.

        Returns:
            (60, 80) uint8; None where there is no face.
        """
        if self._count % self._every == 0 or self._face is None:
            self._seek(picture)
        self._count += 1
        return None if self._face is None else lips_of(picture, self._face)

    def _seek(self, picture: NDArray[np.uint8]) -> None:
        scale = min(1.0, _SEARCH / max(picture.shape))
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        side = max(20, round(_SMALLEST * min(small.shape)))
        found = self._cascade.detectMultiScale(cv2.equalizeHist(small), 1.15, 5, minSize=(side, side))
        if len(found) == 0:
            self._face = None
            return
        face = np.array(max(found, key=lambda f: f[2] * f[3]), float) / scale
        near = self._face is not None and float(np.abs(face - self._face).max()) < 0.5 * float(face[2])
        if self._face is not None and near:
            face = self._face + self._follow * (face - self._face)
        self._face = face


def lips_of(picture: NDArray[np.uint8], face: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The lips of a face.

    Args:
        picture: (H, W) uint8 grey.
        face: x, y, width and height, pixels; may reach beyond the picture, whose edge is then repeated.

    Returns:
        (60, 80) uint8.
    """
    x, y, width, height = (float(v) for v in face)
    unit = _SHARE * width / WIDTH
    left, top = x + width / 2 - unit * WIDTH / 2, y + _DOWN * height - unit * HEIGHT / 2
    if unit > 1.2:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), unit / 2), np.uint8)
    # Pixel centres of the result to those of the picture.
    place = np.array([[unit, 0, left + (unit - 1) / 2], [0, unit, top + (unit - 1) / 2]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    lips = cv2.warpAffine(picture, place, (WIDTH, HEIGHT), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(lips, np.uint8)


def _load(cascade: str | None) -> Any:
    # OpenCV 5 moved cascades to its contrib package, and ships no files for them.
    make = getattr(cv2, "CascadeClassifier", None) or getattr(
        getattr(cv2, "xobjdetect", None), "CascadeClassifier", None
    )
    if make is None:
        raise SourceError(
            f"lips: OpenCV {cv2.__version__} has no face cascades; pip install 'opencv-python-headless<5' for them"
        )
    places = [
        str(Path(place) / _CASCADE) for place in (getattr(getattr(cv2, "data", None), "haarcascades", ""), *_PLACES)
    ]
    path = cascade or next((p for p in places if Path(p).is_file()), None)
    if path is None:
        raise SourceError("lips: no face cascade is installed; give an OpenCV cascade file (XML)")
    if not Path(path).is_file():
        raise SourceError(f"lips: {path}: no such file; give an OpenCV cascade file (XML)")
    try:
        made = make(path)
        empty = made.empty()
    except (cv2.error, SystemError):
        empty = True
    if empty:
        raise SourceError(f"lips: {path}: no face cascade; give an OpenCV cascade file (XML)")
    return made

"""Pictures that a script shows: strokes on cards before a room, as a cheap camera gives them."""

import cv2
import numpy as np
from numpy.typing import NDArray

SIZE = (320, 240)


def drawing(number: int) -> NDArray[np.uint8]:
    """One of many digit-like drawings, (28, 28) uint8, bright on dark: a stroke through random points."""
    rng = np.random.default_rng(number)
    out = np.zeros((28, 28), np.uint8)
    points = rng.integers(5, 23, (4, 2)).astype(np.int32)
    cv2.polylines(out, [points], False, 255, 2, cv2.LINE_AA)
    return out


def room(seed: int = 0) -> NDArray[np.uint8]:
    """A dim room with soft furniture."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 100, (6, 8)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, SIZE, interpolation=cv2.INTER_CUBIC), np.uint8)


def show(
    digit: NDArray[np.uint8] | None,
    rng: np.random.Generator,
    *,
    shift: tuple[float, float] = (0.0, 0.0),
    slant: float = 0.05,
    light: float = 1.0,
    noise: float = 3.0,
) -> NDArray[np.uint8]:
    """A picture of the room and, if there is a digit, of a white card with it in black, about 150 pixels high.

    Args:
        digit: (28, 28) uint8, bright ink.
        rng: of the camera's noise.
        shift: of the card, pixels.
        slant: share by which the card's right side is shorter than its left.
        light: factor of all brightness.
        noise: standard deviation, steps of brightness.
    """
    picture = room().astype(np.float32)
    if digit is not None:
        card = np.full((160, 160), 230, np.float32)
        ink = cv2.resize(digit, (112, 112), interpolation=cv2.INTER_LINEAR).astype(np.float32)
        card[24:136, 24:136] -= ink * (200 / 255)
        x, y = 85 + shift[0], 45 + shift[1]
        corners = np.array([[x, y], [x + 148, y + 148 * slant], [x + 148, y + 148 * (1 - slant)], [x, y + 148]])
        square = np.array([[0, 0], [160, 0], [160, 160], [0, 160]], np.float32)
        matrix = cv2.getPerspectiveTransform(square, corners.astype(np.float32))
        warped = cv2.warpPerspective(card, matrix, SIZE)
        mask = cv2.warpPerspective(np.ones_like(card), matrix, SIZE)
        picture = picture * (1 - mask) + warped * mask
    picture = light * picture + noise * rng.standard_normal(picture.shape, np.float32)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)

"""Pictures in which a hand shows a thing: cheap ones, without the benchmarks' photographs."""

import cv2
import numpy as np
from numpy.typing import NDArray

SKIN = (112, 146, 205)


def room(seed: int = 0) -> NDArray[np.uint8]:
    """A room of coloured patches, (240, 320, 3)."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(60, 190, (6, 8, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (320, 240), interpolation=cv2.INTER_CUBIC), np.uint8)


def shown(
    at: tuple[int, int] | None,
    *,
    colour: tuple[int, int, int] | None = (200, 60, 30),
    size: int = 70,
    light: float = 1.0,
    seed: int = 0,
) -> NDArray[np.uint8]:
    """The room, and in it a striped thing at a place, held by a hand whose arm comes from below.

    Args:
        at: middle of the thing; None: nobody is there.
        colour: of the thing; None: the hand is empty.
        size: of the thing, pixels.
        light: factor of all brightness.
        seed: of the camera's noise.
    """
    picture = room()
    if at is not None:
        x, y = at
        cv2.line(picture, (x + 10, y + size // 2 + 10), (x + 30, 260), SKIN, 34, cv2.LINE_AA)
        if colour is not None:
            half = size // 2
            cv2.rectangle(picture, (x - half, y - half), (x + half, y + half), colour, -1)
            for row in range(y - half, y + half, 16):
                cv2.rectangle(picture, (x - half, row), (x + half, row + 5), (40, 200, 40), -1)
        cv2.ellipse(picture, (x + 10, y + size // 2 + 6), (26, 18), 0, 0, 360, SKIN, -1, cv2.LINE_AA)
    noise = np.random.default_rng(seed).normal(0, 3, picture.shape)
    return np.clip(light * picture.astype(np.float32) + noise, 0, 255).astype(np.uint8)

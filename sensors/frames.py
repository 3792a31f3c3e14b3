"""Pictures to the stored form of `image` and `lips`."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sensors.errors import DataError
from sensors.modalities import IMAGE, LIPS


def mnist_images(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """MNIST's 28×28 pictures as `image` samples, resized bilinearly.

    Args:
        images: (N, 28, 28) uint8, bright ink on dark.

    Returns:
        (N, 1, 32, 32) uint8.

    Raises:
        DataError: another shape or dtype.
    """
    _check("MNIST images", images, (28, 28), np.uint8)
    resized: NDArray[np.uint8] = _resize(images, IMAGE.shape[1:], cv2.INTER_LINEAR)
    return resized[:, None]


def digit_images(images: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """scikit-learn's 8×8 digits as `image` samples, upsampled bicubically.

    Args:
        images: (N, 8, 8) float, ink 0…16.

    Returns:
        (N, 1, 32, 32) uint8: ink 16 is 255.

    Raises:
        DataError: another shape or dtype, or values outside 0…16.
    """
    _check("digit images", images, (8, 8), np.floating)
    # Written so that NaN fails it too.
    if not ((images >= 0) & (images <= 16)).all():
        raise DataError("digit images: values outside 0…16; give scikit-learn's digits as they come")
    # The cubic overshoots beside sharp edges.
    large = np.clip(_resize(images.astype(np.float32), IMAGE.shape[1:], cv2.INTER_CUBIC), 0, 16)
    scaled: NDArray[np.uint8] = (large * np.float32(255 / 16) + np.float32(0.5)).astype(np.uint8)
    return scaled[:, None]


def lip_frames(clips: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Twelve-frame mouth clips as `lips` samples, resized by area where they are not 60×80.

    Args:
        clips: (N, 12, height, width) uint8.

    Returns:
        (N, 12, 60, 80) uint8.

    Raises:
        DataError: another number of axes or frames, an empty picture, or another dtype.
    """
    frames, *size = LIPS.shape
    if clips.ndim != 4 or clips.shape[1] != frames or clips.dtype != np.uint8 or 0 in clips.shape[2:]:
        raise DataError(f"lip clips: expected (N, {frames}, height, width) uint8, got {clips.shape} {clips.dtype}")
    if clips.shape[2:] == tuple(size):
        return np.ascontiguousarray(clips)
    flat = clips.reshape(-1, *clips.shape[2:])
    return _resize(flat, tuple(size), cv2.INTER_AREA).reshape(-1, *LIPS.shape)


def _check(name: str, images: NDArray[Any], size: tuple[int, int], kind: type[np.generic]) -> None:
    if images.ndim != 3 or images.shape[1:] != size or not np.issubdtype(images.dtype, kind):
        wanted = "uint8" if kind is np.uint8 else "float"
        raise DataError(f"{name}: expected shape (N, {size[0]}, {size[1]}) {wanted}, got {images.shape} {images.dtype}")


def _resize(images: NDArray[Any], size: tuple[int, ...], method: int) -> NDArray[Any]:
    height, width = size
    out = np.empty((len(images), height, width), images.dtype)
    for image, place in zip(images, out, strict=True):
        cv2.resize(image, (width, height), dst=place, interpolation=method)
    return out

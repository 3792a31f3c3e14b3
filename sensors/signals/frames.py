"""Pictures to the stored form of `image`, which follows its settings: size and colour."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sensors.core.errors import DataError
from sensors.core.modalities import modality


def mnist_images(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """MNIST's 28×28 pictures as `image` samples, resized bilinearly.

    Args:
        images: (N, 28, 28) uint8, bright ink on dark.

    Returns:
        (N, *shape of `image`) uint8; in colour all channels are equal.

    Raises:
        DataError: another shape or dtype.
    """
    _check("MNIST images", images, (28, 28), np.uint8)
    channels, *size = modality("image").shape
    return _channels(_resize(images, tuple(size), cv2.INTER_LINEAR), channels)


def digit_images(images: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """scikit-learn's 8×8 digits as `image` samples, upsampled bicubically.

    Args:
        images: (N, 8, 8) float, ink 0…16.

    Returns:
        (N, *shape of `image`) uint8: ink 16 is 255; in colour all channels are equal.

    Raises:
        DataError: another shape or dtype, or values outside 0…16.
    """
    _check("digit images", images, (8, 8), np.floating)
    # Written so that NaN fails it too.
    if not ((images >= 0) & (images <= 16)).all():
        raise DataError("digit images: values outside 0…16; give scikit-learn's digits as they come")
    # The cubic overshoots beside sharp edges.
    channels, *size = modality("image").shape
    large = np.clip(_resize(images.astype(np.float32), tuple(size), cv2.INTER_CUBIC), 0, 16)
    scaled: NDArray[np.uint8] = (large * np.float32(255 / 16) + np.float32(0.5)).astype(np.uint8)
    return _channels(scaled, channels)


def fit_picture(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture of any size as an `image` sample.

    The shorter side is scaled to the sample's size, by area where it shrinks, and what is then beyond the middle of the
    longer side is cut off.

    Args:
        picture: (H, W) grey or (H, W, 3) BGR, uint8.

    Returns:
        (*shape of `image`) uint8. Channels are red, green and blue, or grey.
    """
    channels, rows, columns = modality("image").shape
    height, width = picture.shape[:2]
    unit = max(rows / height, columns / width)
    size = max(columns, round(width * unit)), max(rows, round(height * unit))
    scaled = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if unit < 1 else cv2.INTER_LINEAR)
    top, left = (size[1] - rows) // 2, (size[0] - columns) // 2
    middle = np.asarray(scaled[top : top + rows, left : left + columns], np.uint8)
    if middle.ndim == 2:
        sample: NDArray[np.uint8] = _channels(middle[None], channels)[0]
        return sample
    if channels == 1:
        return np.asarray(cv2.cvtColor(np.ascontiguousarray(middle), cv2.COLOR_BGR2GRAY), np.uint8)[None]
    return np.ascontiguousarray(middle[..., ::-1].transpose(2, 0, 1))


def _channels(grey: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """Grey pictures (N, H, W) as (N, channels, H, W), all channels equal."""
    return np.ascontiguousarray(np.broadcast_to(grey[:, None], (len(grey), channels, *grey.shape[1:])))


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

"""Flaws of the simulated world, added when a sample is emitted: affine jitter, noise and failing light."""

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


def jitter(images: Bytes, rng: np.random.Generator) -> Bytes:
    """Turn (±10°), scale (85…105 %), shear (±0.1) and shift (±1.5 pixels) each image on its own.

    The digits fill their frame, so they shrink more than they grow.

    Args:
        images: (N, 1, H, W) uint8, dark background.
        rng: drawn from a fixed number of times for a given N.

    Returns:
        (N, 1, H, W) uint8, a new array.
    """
    n, _, height, width = images.shape
    turn = np.deg2rad(rng.uniform(-10, 10, n))
    scale = rng.uniform(0.85, 1.05, (n, 2))
    shear = rng.uniform(-0.1, 0.1, n)
    cos, sin = np.cos(turn), np.sin(turn)
    linear = np.empty((n, 2, 2))
    linear[:, 0, 0], linear[:, 0, 1] = cos * scale[:, 0], (cos * shear - sin) * scale[:, 1]
    linear[:, 1, 0], linear[:, 1, 1] = sin * scale[:, 0], (sin * shear + cos) * scale[:, 1]
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    offset = centre - linear @ centre + rng.uniform(-1.5, 1.5, (n, 2))
    matrices = np.concatenate([linear, offset[:, :, None]], axis=2)
    out = np.empty_like(images)
    for source, matrix, target in zip(images[:, 0], matrices, out[:, 0], strict=True):
        cv2.warpAffine(source, matrix, (width, height), dst=target)
    return out


def add_noise(samples: Bytes, share: float | NDArray[np.float64], rng: np.random.Generator) -> Bytes:
    """Add normal noise of standard deviation `share` x 255 to each value, rounded and clipped to 0…255.

    Args:
        samples: (N, 1, H, W) uint8.
        share: of all samples, or (N,) of each.
        rng: drawn from a fixed number of times for a given shape.

    Returns:
        (N, 1, H, W) uint8, a new array.
    """
    noise = rng.standard_normal(samples.shape, np.float32)
    noise *= _each(255 * share)
    noise += samples
    np.rint(noise, out=noise)
    np.clip(noise, 0, 255, out=noise)
    return noise.astype(np.uint8)


def darken(images: Bytes, light: float | NDArray[np.float64]) -> Bytes:
    """Multiply each value by `light` (0…1, of all images or (N,) of each), rounded; a new (N, 1, H, W) array."""
    dark: NDArray[np.float32] = np.rint(images * _each(light))
    return dark.astype(np.uint8)


def _each(values: float | NDArray[np.float64]) -> NDArray[np.float32]:
    """One value for all samples, or (N,) values as (N, 1, 1, 1), to multiply samples by."""
    return np.asarray(values, np.float32).reshape(-1, 1, 1, 1)

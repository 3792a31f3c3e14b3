"""Flaws of the simulated world, added when a sample is emitted: small moves, noise and failing light."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sensors.core.modalities import Modality

Bytes = NDArray[np.uint8]
Values = NDArray[np.floating[Any]]


def jitter(images: Bytes, rng: np.random.Generator) -> Bytes:
    """Turn (±10°), scale (85…105 %), shear (±0.1) and shift (±1.5 of 32 pixels) each image on its own.

    Drawings fill their frame, so they shrink more than they grow. All channels of an image move alike. Beyond the edge
    of an image there is black; in a picture of several channels, which has no paper, its edge is repeated.

    Args:
        images: (N, channels, H, W) uint8.
        rng: drawn from a fixed number of times for a given N.

    Returns:
        (N, channels, H, W) uint8, a new array.
    """
    n, channels, height, width = images.shape
    turn = np.deg2rad(rng.uniform(-10, 10, n))
    scale = rng.uniform(0.85, 1.05, (n, 2))
    shear = rng.uniform(-0.1, 0.1, n)
    cos, sin = np.cos(turn), np.sin(turn)
    linear = np.empty((n, 2, 2))
    linear[:, 0, 0], linear[:, 0, 1] = cos * scale[:, 0], (cos * shear - sin) * scale[:, 1]
    linear[:, 1, 0], linear[:, 1, 1] = sin * scale[:, 0], (sin * shear + cos) * scale[:, 1]
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    offset = centre - linear @ centre + rng.uniform(-1.5, 1.5, (n, 2)) * (np.array([width, height]) / 32)
    matrices = np.concatenate([linear, offset[:, :, None]], axis=2)
    border = cv2.BORDER_CONSTANT if channels == 1 else cv2.BORDER_REPLICATE
    out = np.empty_like(images)
    for source, matrix, target in zip(images, matrices, out, strict=True):
        for plane, place in zip(source, target, strict=True):
            cv2.warpAffine(plane, matrix, (width, height), dst=place, borderMode=border)
    return out


def add_noise(samples: Bytes, share: float | NDArray[np.float64], rng: np.random.Generator) -> Bytes:
    """Add normal noise of standard deviation `share` x 255 to each value, rounded and clipped to 0…255.

    Args:
        samples: (N, *shape) uint8.
        share: of all samples, or (N,) of each.
        rng: drawn from a fixed number of times for a given shape.

    Returns:
        (N, *shape) uint8, a new array.
    """
    noise = rng.standard_normal(samples.shape, np.float32)
    noise *= _each(255 * share, samples.ndim)
    noise += samples
    np.rint(noise, out=noise)
    np.clip(noise, 0, 255, out=noise)
    return noise.astype(np.uint8)


def measurement_noise(
    modality: Modality, span: float | None = None
) -> Callable[[Values, float | NDArray[np.float64], np.random.Generator], Values]:
    """Makes the `noise` of a sense whose samples are floats: normal noise, clipped to what the modality allows.

    Args:
        modality: states the lowest and the highest value.
        span: the full range of a value, of which noise is a share; None: six standard deviations of the given samples,
            for each value of the last axis on its own.
    """

    def noise(samples: Values, share: float | NDArray[np.float64], rng: np.random.Generator) -> Values:
        each = 6 * samples.std(axis=tuple(range(samples.ndim - 1)), dtype=np.float32) if span is None else span
        drawn = rng.standard_normal(samples.shape, np.float32) * _each(share, samples.ndim) * each
        return np.asarray(np.clip(samples + drawn, modality.low, modality.high), samples.dtype)

    return noise


def darken(images: Bytes, light: float | NDArray[np.float64]) -> Bytes:
    """Multiply each value by `light` (0…1, of all images or (N,) of each), rounded; a new (N, *shape) array."""
    dark: NDArray[np.float32] = np.rint(images * _each(light, images.ndim))
    return dark.astype(np.uint8)


def _each(values: float | NDArray[np.float64], axes: int) -> NDArray[np.float32]:
    """One value for all samples, or (N,) values as (N, 1, …, 1), to multiply samples by."""
    return np.asarray(values, np.float32).reshape(-1, *(1,) * (axes - 1))

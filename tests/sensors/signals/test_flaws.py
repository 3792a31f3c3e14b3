"""Jitter and noise."""

import numpy as np
import pytest

from sensors.signals.flaws import add_noise, darken, jitter


def strokes(count: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    images = np.zeros((count, 1, 32, 32), np.uint8)
    images[:, :, 8:24, 14:18] = 255
    return images


def test_jitter_moves_each_image_its_own_way_and_keeps_its_ink() -> None:
    images = strokes(200)
    moved = jitter(images, np.random.default_rng(0))
    assert (images == strokes(200)).all()
    assert len({m.tobytes() for m in moved}) == 200
    ink = moved.sum(axis=(1, 2, 3)) / images.sum(axis=(1, 2, 3))
    assert ink.min() > 0.65 and ink.max() < 1.2
    centres = [np.argwhere(m[0] > 100).mean(axis=0) for m in moved]
    assert np.abs(np.array(centres) - 15.5).max() < 4
    # Not biased to one side.
    assert np.abs(np.mean(centres, axis=0) - 15.5).max() < 0.4


def test_jitter_repeats_under_its_seed() -> None:
    images = strokes(3)
    first, second, other = (jitter(images, np.random.default_rng(s)) for s in (1, 1, 2))
    assert (first == second).all()
    assert (first != other).any()


def test_noise_has_the_asked_deviation_and_stays_in_range() -> None:
    grey = np.full((50, 1, 32, 32), 128, np.uint8)
    noisy = add_noise(grey, 0.1, np.random.default_rng(0))
    assert abs(noisy.std() - 25.5) < 0.5
    assert abs(noisy.mean() - 128) < 0.5
    black = add_noise(np.zeros((5, 1, 32, 32), np.uint8), 1.0, np.random.default_rng(0))
    assert black.min() == 0 and black.max() == 255


def test_noise_and_darkness_can_differ_from_sample_to_sample() -> None:
    grey = np.full((3, 1, 64, 64), 100, np.uint8)
    noisy = add_noise(grey, np.array([0.0, 0.05, 0.1]), np.random.default_rng(0))
    assert noisy.std(axis=(1, 2, 3)) == pytest.approx([0, 12.75, 25.5], rel=0.05, abs=1e-9)
    dark = darken(grey, np.array([1.0, 0.5, 0.0]))
    assert dark.dtype == np.uint8
    assert dark[:, 0, 0, 0].tolist() == [100, 50, 0]
    assert (darken(grey, 0.255) == 26).all()

"""Pictures to stored samples."""

from typing import Any

import numpy as np
import pytest

from sensors.core.errors import DataError
from sensors.core.event import EventBatch
from sensors.signals.frames import digit_images, mnist_images
from tests.sensors.batches import fields


def test_mnist_keeps_the_picture() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (5, 28, 28), np.uint8)
    large = mnist_images(images)
    assert large.shape == (5, 1, 32, 32) and large.dtype == np.uint8
    # Bilinear: every output pixel lies among its four neighbours' values, by position.
    place = np.clip((np.arange(32) + 0.5) * 28 / 32 - 0.5, 0, 27)
    low = np.minimum(place.astype(int), 26)
    share = place - low
    rows = images[:, low] * (1 - share[:, None]) + images[:, low + 1] * share[:, None]
    expected = rows[:, :, low] * (1 - share) + rows[:, :, low + 1] * share
    assert np.abs(large[:, 0] - expected).max() <= 1
    assert mnist_images(np.empty((0, 28, 28), np.uint8)).shape == (0, 1, 32, 32)


def test_pictures_keep_their_order() -> None:
    images = np.zeros((256, 28, 28), np.uint8)
    images += np.arange(256, dtype=np.uint8)[:, None, None]
    assert (mnist_images(images)[:, 0] == np.arange(256)[:, None, None]).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_digits_fill_the_whole_range(dtype: Any) -> None:
    images = np.zeros((2, 8, 8), dtype)
    images[1, 2:6, 2:6] = 16
    large = digit_images(images)
    assert large.shape == (2, 1, 32, 32) and large.dtype == np.uint8
    assert (large[0] == 0).all()
    assert large[1, 0, 12:20, 12:20].min() == 255
    # Where the cubic falls below zero beside the square, it is clipped, not wrapped around.
    assert (large[1, 0, 4:6, 12:20] == 0).all() and large[1, 0, :6].max() < 8
    np.testing.assert_array_equal(large[1, 0], large[1, 0].T)


@pytest.mark.parametrize(
    ("prepare", "images", "message"),
    [
        (mnist_images, np.zeros((2, 32, 32), np.uint8), r"MNIST images: expected shape \(N, 28, 28\) uint8"),
        (mnist_images, np.zeros((28, 28), np.uint8), r"MNIST images: .*got \(28, 28\)"),
        (mnist_images, np.zeros((2, 28, 28)), "MNIST images: .*float64"),
        (digit_images, np.zeros((2, 8, 8), np.uint8), r"digit images: expected shape \(N, 8, 8\) float"),
        (digit_images, np.zeros((2, 64)), r"digit images: .*got \(2, 64\)"),
        (digit_images, np.full((2, 8, 8), 17.0), "digit images: values outside 0…16"),
        (digit_images, np.full((2, 8, 8), np.nan), "digit images: values outside 0…16"),
    ],
)
def test_other_pictures_are_refused(prepare: Any, images: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        prepare(images)


def test_prepared_pictures_make_events() -> None:
    f = fields("image") | {"samples": {"image": mnist_images(np.zeros((3, 28, 28), np.uint8))}}
    assert EventBatch(**f).kind == "image"

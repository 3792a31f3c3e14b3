"""Ink becomes a sample of the form that the embedded handwriting has."""

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from sensors.signals.cards import card_image, mnist_sample
from sensors.signals.coarse_digits import coarse_form, coarse_sample
from sensors.signals.frames import digit_images


def likeness(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def test_digits_of_the_set_that_are_drawn_large_are_nearly_themselves_again() -> None:
    found, usual = [], []
    for digit in load_digits().images[:20]:
        drawn = np.clip(cv2.resize(digit.astype(np.float32) / 16, (200, 200), interpolation=cv2.INTER_CUBIC), 0, 1)
        known = digit_images(digit[None])[0]
        found.append(likeness(coarse_sample(drawn), known))
        usual.append(likeness(mnist_sample(drawn), known))
    # In MNIST's form they are smaller than in the set.
    assert np.mean(found) > 0.85 and np.mean(usual) < 0.65


def test_it_is_the_same_wherever_and_however_large_it_was_drawn() -> None:
    small, large = np.zeros((100, 100), np.float32), np.zeros((400, 300), np.float32)
    cv2.line(small, (60, 20), (50, 80), 1.0, 8)
    cv2.line(large, (80, 40), (50, 220), 1.0, 24)
    assert likeness(coarse_sample(small), coarse_sample(large)) > 0.98


def test_a_dot_and_a_broad_line_have_their_form_too() -> None:
    for shape in ((3, 3), (1, 90), (90, 1)):
        ink = np.zeros((100, 100), np.float32)
        ink[4 : 4 + shape[0], 4 : 4 + shape[1]] = 1
        form = coarse_form(ink)
        assert form.shape == (8, 8) and form.max() == 16 and form.min() == 0


def test_a_card_takes_the_form_that_is_asked_for() -> None:
    picture = np.full((240, 320, 3), 60, np.uint8)
    picture[40:200, 90:230] = 240
    cv2.line(picture, (160, 70), (160, 170), (10, 10, 10), 12)
    coarse, usual = card_image(picture, coarse_sample), card_image(picture)
    assert coarse is not None and usual is not None
    # The line fills the frame in one form, and 20 of 28 rows in the other.
    assert (coarse.max(axis=(0, 2)) > 60).sum() > (usual.max(axis=(0, 2)) > 60).sum()

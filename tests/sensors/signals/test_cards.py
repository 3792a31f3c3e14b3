import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.proofs.cards import SCENES, printed, seen
from sensors.signals.cards import card_image, find_cards, mnist_form
from sensors.signals.frames import mnist_images


def digit(text: str) -> NDArray[np.uint8]:
    """A digit in MNIST's form: 28×28, bright on black, 20 pixels high."""
    large = np.zeros((280, 280), np.uint8)
    cv2.putText(large, text, (70, 240), cv2.FONT_HERSHEY_SIMPLEX, 8.0, 255, 24, cv2.LINE_AA)
    return mnist_form(np.asarray(large / 255, np.float32))


def alike(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


@pytest.mark.parametrize("name", ["bright", "dark", "slanted", "all"])
def test_a_digit_drawn_on_a_card_becomes_mnists_picture(name: str) -> None:
    rng = np.random.default_rng(1)
    scores = []
    for text in "02358":
        image = card_image(seen(printed(digit(text), SCENES[name].dark), SCENES[name], rng))
        own = mnist_images(digit(text)[None])[0]
        scores.append(0.0 if image is None else alike(image, own))
        assert image is None or (image.shape == own.shape and image.dtype == np.uint8)
    assert min(scores) > 0.6
    assert np.median(scores) > 0.9


def test_bright_and_dark_cards_give_the_same_sample() -> None:
    scene = SCENES["easy"]
    bright, dark = (
        card_image(seen(printed(digit("5"), is_dark), scene, np.random.default_rng(3))) for is_dark in (False, True)
    )
    assert bright is not None and dark is not None
    assert alike(bright, dark) > 0.8
    assert bright[0, 0, 0] == 0 and bright.max() > 200


def test_the_card_is_found_where_it_is() -> None:
    picture = np.full((480, 640), 90, np.uint8)
    corners = np.array([[200, 100], [420, 120], [410, 330], [190, 310]], np.int32)
    cv2.fillPoly(picture, [corners], 220)
    found = find_cards(picture)[0]
    assert np.abs(found.corners - corners).max() < 5


@pytest.mark.parametrize("paper", [220, 30])
def test_a_blank_card_and_a_wall_give_nothing(paper: int) -> None:
    rng = np.random.default_rng(0)
    scene = SCENES["bright"]
    for _ in range(4):
        assert card_image(seen(None, scene, rng)) is None
        blank = np.full((280, 280), float(paper), np.float32)
        assert card_image(seen(blank, scene, rng)) is None


@pytest.mark.parametrize("shape", [(1, 1), (3, 900), (48, 64), (480, 640)])
def test_pictures_of_any_size_and_content_are_survived(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    for picture in (np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8), rng.integers(0, 256, shape, np.uint8)):
        assert card_image(picture) is None


def test_a_card_that_is_cut_off_by_the_picture_is_left_alone() -> None:
    picture = np.full((480, 640), 90, np.uint8)
    cv2.rectangle(picture, (-50, 100), (250, 400), 220, -1)
    cv2.putText(picture, "3", (60, 330), cv2.FONT_HERSHEY_SIMPLEX, 6.0, 20, 18, cv2.LINE_AA)
    assert card_image(picture) is None


@pytest.mark.slow
def test_the_benchmark_prints_its_figures(data_dir: Path) -> None:
    command = [sys.executable, "benchmarks/proofs/cards.py", "--data", str(data_dir), "--count", "40", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=True)
    figures = json.loads(done.stdout.splitlines()[-1])
    for scene in SCENES:
        assert figures[f"{scene}_found"] >= 0.9 and figures[f"{scene}_alike"] >= 0.9
        assert figures[f"{scene}_false"] <= 0.05

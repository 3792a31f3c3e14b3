"""Live pictures in colour: from every kind of camera to the sample, and into events."""

import io
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sensors.cameras.camera import Camera
from sensors.core.modalities import modality
from sensors.perception.perception import Perception
from sensors.senses import configure, sense
from sensors.signals.cards import card_image, card_picture
from sensors.signals.readings import Frame
from sensors.sources.live_config import SensorsConfig
from sensors.sources.source import Ended
from tests.patience import PATIENCE
from tests.sensors.web_camera import WebCamera, body

BLUE, GREEN, RED = (200, 60, 30), (40, 170, 50), (30, 40, 210)
"""In OpenCV's order: blue, green, red."""


@pytest.fixture
def colored() -> Iterator[None]:
    """Pictures of 64×64 in colour."""
    configure({"image": {"size": 64, "color": True}})
    yield
    configure({})


def given(address: str, color: bool) -> list[NDArray[np.uint8]]:
    found = []
    with Camera(address, fps=30, timeout=PATIENCE, color=color) as camera:
        while True:
            try:
                found.append(camera.read().picture)
            except Ended:
                return found


def near(picture: NDArray[np.uint8], color: tuple[int, int, int]) -> bool:
    return bool((np.abs(picture.reshape(-1, 3).mean(axis=0) - color) < 12).all())


def one_of(color: tuple[int, int, int]) -> NDArray[np.uint8]:
    return np.full((48, 64, 3), color, np.uint8)


def test_a_film_gives_colours_only_where_they_are_wanted(tmp_path: Path) -> None:
    path = str(tmp_path / "film.avi")
    writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"MJPG"), 30, (64, 48))
    for color in (BLUE, GREEN, RED):
        writer.write(one_of(color))
    writer.release()
    assert [near(p, c) for p, c in zip(given(path, True), (BLUE, GREEN, RED), strict=True)] == [True] * 3
    assert [p.shape for p in given(path, False)] == [(48, 64)] * 3


def test_numbered_files_and_files_of_several_pictures_give_colours(tmp_path: Path) -> None:
    for i, color in enumerate((BLUE, GREEN)):
        cv2.imwrite(str(tmp_path / f"shot_{i}.png"), one_of(color))
    for picture, color in zip(given(str(tmp_path / "shot_%d.png"), True), (BLUE, GREEN), strict=True):
        np.testing.assert_array_equal(picture, one_of(color))
    assert [p.ndim for p in given(str(tmp_path / "shot_%d.png"), False)] == [2, 2]
    pages = [Image.fromarray(one_of(color)[..., ::-1]) for color in (RED, BLUE)]
    pages[0].save(tmp_path / "pages.gif", save_all=True, append_images=pages[1:], duration=30)
    assert [near(p, c) for p, c in zip(given(str(tmp_path / "pages.gif"), True), (RED, BLUE), strict=True)] == [
        True
    ] * 2


def test_a_camera_of_snapshots_gives_colours() -> None:
    data = io.BytesIO()
    Image.fromarray(one_of(RED)[..., ::-1]).save(data, "PNG")
    web = WebCamera({"/shot": body("image/png", data.getvalue())})
    try:
        with Camera(web.at("/shot"), fps=20, timeout=PATIENCE, color=True) as camera:
            np.testing.assert_array_equal(camera.read().picture, one_of(RED))
    finally:
        web.close()


def card(number: int) -> NDArray[np.uint8]:
    """A printed photograph, (280, 280, 3) BGR: a disc of one colour on another, on white paper."""
    out = np.full((280, 280, 3), 235, np.uint8)
    ground, disc = ((BLUE, GREEN), (RED, BLUE), (GREEN, RED))[number]
    out[20:260, 20:260] = ground
    cv2.circle(out, (140, 140), 70, disc, -1, cv2.LINE_AA)
    return out


def room(shown: NDArray[np.uint8] | None, rng: np.random.Generator, noise: float = 3.0) -> NDArray[np.uint8]:
    """What a camera sees, (480, 640, 3) BGR: a wall and, perhaps, a card."""
    wall = cv2.resize(rng.integers(60, 120, (4, 5, 3)).astype(np.uint8), (640, 480), interpolation=cv2.INTER_CUBIC)
    picture = wall.astype(np.float32)
    if shown is not None:
        corners = np.array([[190, 100], [470, 110], [465, 385], [186, 380]], np.float32)
        flat = np.array([[0, 0], [280, 0], [280, 280], [0, 280]], np.float32)
        view = cv2.getPerspectiveTransform(flat, corners)
        cover = cv2.warpPerspective(np.ones((280, 280), np.float32), view, (640, 480))[..., None]
        picture = picture * (1 - cover) + cv2.warpPerspective(shown, view, (640, 480)) * cover
    noisy = picture + noise * rng.standard_normal(picture.shape, np.float32)
    return np.asarray(np.clip(noisy, 0, 255), np.uint8)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_card_is_seen_in_its_colours(colored: None, number: int) -> None:
    sample = card_picture(room(card(number), np.random.default_rng(number)))
    assert sample is not None and sample.shape == modality("image").shape == (3, 64, 64)
    middle, corner = sample[:, 28:36, 28:36].mean(axis=(1, 2)), sample[:, 8:12, 30:34].mean(axis=(1, 2))
    ground, disc = ((BLUE, GREEN), (RED, BLUE), (GREEN, RED))[number]
    # Samples are red, green, blue.
    assert np.abs(middle - disc[::-1]).max() < 25 and np.abs(corner - ground[::-1]).max() < 25
    # Drawn, it has OpenCV's order again.
    drawn = sense("image").view(sample)
    assert np.abs(drawn[28:36, 28:36].mean(axis=(0, 1)) - disc).max() < 25


def test_a_wall_a_blank_card_and_a_card_of_one_colour_show_nothing(colored: None) -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        assert card_picture(room(None, rng)) is None
        for blank in ((235, 235, 235), (235, 200, 190), (30, 40, 60)):
            assert card_picture(room(np.full((280, 280, 3), blank, np.uint8), rng)) is None


def test_grey_cards_are_read_from_pictures_in_colour_as_from_grey_ones() -> None:
    rng = np.random.default_rng(0)
    ink = np.full((280, 280, 3), 230, np.uint8)
    cv2.putText(ink, "7", (70, 220), cv2.FONT_HERSHEY_SIMPLEX, 7.0, (20, 20, 20), 22, cv2.LINE_AA)
    picture = room(ink, rng)
    sample = card_image(picture)
    assert sample is not None and sample.shape == (1, 32, 32)
    np.testing.assert_array_equal(sample, card_image(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)))


def test_cards_in_colour_become_events(colored: None) -> None:
    perception = Perception("robot", 1)
    found = []
    for i, number in enumerate([None] * 8 + [0] * 24 + [None] * 8 + [2] * 24 + [None] * 40):
        shown = None if number is None else card(number)
        picture = room(shown, np.random.default_rng(9))
        found += perception.observe(Frame(i / 15, picture), i / 15) + perception.advance(i / 15)
    found += perception.flush(i / 15)
    assert [batch.kind for batch in found] == ["image", "image"]
    first, second = (batch.samples["image"][0] for batch in found)
    assert first.shape == (3, 64, 64)
    assert np.abs(first[:, 28:36, 28:36].mean(axis=(1, 2)) - GREEN[::-1]).max() < 25
    assert np.abs(second[:, 28:36, 28:36].mean(axis=(1, 2)) - RED[::-1]).max() < 25


def test_the_camera_of_the_settings_is_in_colour_where_pictures_are(colored: None, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "shot_0.png"), one_of(RED))
    stream = sense("image").stream
    assert stream is not None
    (camera,) = stream.sources(SensorsConfig(camera=str(tmp_path / "shot_%d.png")))
    camera.connect()
    end = time.monotonic() + PATIENCE
    picture = camera.read().picture
    assert time.monotonic() < end and picture.shape == (48, 64, 3)
    camera.disconnect()

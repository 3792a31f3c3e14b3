from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from sensors.core.errors import SourceError
from sensors.signals.faces import Lips, lips_of


def drawn_face(mouth: float, size: int = 240, centre: tuple[int, int] = (320, 240)) -> NDArray[np.uint8]:
    """A face that the cascade takes for one; `mouth` says how far it is open, 0…1."""
    picture = np.full((480, 640), 90, np.float32)

    def oval(x: float, y: float, a: float, b: float, grey: float) -> None:
        at = (int(centre[0] + x * size / 200), int(centre[1] + y * size / 200))
        axes = (int(a * size / 200), int(b * size / 200))
        cv2.ellipse(picture, at, axes, 0, 0, 360, grey, -1, cv2.LINE_AA)

    oval(0, -10, 95, 130, 50)
    oval(0, 10, 80, 112, 190)
    for side in (-1, 1):
        oval(side * 35, -18, 26, 17, 140)
        oval(side * 35, -44, 26, 6, 60)
        oval(side * 35, -18, 15, 7, 225)
        oval(side * 35, -18, 7, 7, 25)
    oval(0, 5, 12, 34, 215)
    oval(0, 32, 18, 8, 170)
    oval(0, 66, 30, 6 + 16 * mouth, 110)
    if mouth > 0:
        oval(0, 66, 22, 14 * mouth, 30)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.02 * size), np.uint8)


@pytest.fixture
def lips() -> Lips:
    try:
        return Lips()
    except SourceError as error:
        pytest.skip(f"no face cascade here: {error}")


@pytest.mark.parametrize("size", [160, 240, 300])
def test_an_opening_mouth_is_seen(lips: Lips, size: int) -> None:
    dark = []
    for mouth in (0.0, 0.5, 1.0):
        for _ in range(2):
            got = lips.observe(drawn_face(mouth, size))
        assert got is not None and got.shape == (60, 80) and got.dtype == np.uint8
        dark.append(float((got < 80).mean()))
        middle = np.argwhere(got < 130).mean(axis=0)
        assert abs(middle[1] - 40) < 6 and abs(middle[0] - 30) < 12
    assert dark[0] < dark[1] < dark[2]


def test_the_box_follows_slowly_and_a_lost_face_ends_it(lips: Lips) -> None:
    lips.observe(drawn_face(0.5))
    moved = [lips.observe(drawn_face(0.5, centre=(330, 240))) for _ in range(40)]
    assert all(m is not None for m in moved)
    for _ in range(5):
        gone = lips.observe(np.full((480, 640), 90, np.uint8))
    assert gone is None


def test_the_largest_face_is_the_speakers(lips: Lips) -> None:
    picture = drawn_face(1.0, 240, (220, 240))
    small = cv2.resize(drawn_face(0.0), (200, 150))
    picture[150:300, 440:640] = small
    got, alone = lips.observe(picture), lips_of(drawn_face(1.0, 240, (220, 240)), np.array([124.0, 135, 190, 190]))
    assert got is not None
    assert abs(float((got < 80).mean()) - float((alone < 80).mean())) < 0.1


def test_lips_are_cut_out_where_the_face_says() -> None:
    picture = np.zeros((480, 640), np.uint8)
    # Half as wide as the face of 160, 3 high to 4 wide, its middle at four fifths of the height: no scaling.
    pattern = np.random.default_rng(0).integers(0, 256, (60, 80), dtype=np.uint8)
    picture[198:258, 240:320] = pattern
    assert np.array_equal(lips_of(picture, np.array([200.0, 100, 160, 160])), pattern)


def test_a_face_at_the_edge_repeats_it() -> None:
    picture = np.full((60, 80), 77, np.uint8)
    assert (lips_of(picture, np.array([60.0, 40, 200, 200])) == 77).all()


def test_a_file_that_is_no_cascade_is_refused(lips: Lips, tmp_path: Path) -> None:
    wrong = tmp_path / "cascade.xml"
    with pytest.raises(SourceError, match="no such file"):
        Lips(str(wrong))
    wrong.write_text("<nothing/>")
    with pytest.raises(SourceError, match="no face cascade"):
        Lips(str(wrong))


def test_without_cascades_the_fix_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, "CascadeClassifier", raising=False)
    monkeypatch.delattr(cv2, "xobjdetect", raising=False)
    with pytest.raises(SourceError, match="opencv-python-headless<5"):
        Lips()

"""Drawn mouths: open ones are dark inside, rounded ones narrow, faces differ, cameras add noise."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from teacher.datasets.synthesis.mouth import Mouth, film, make_mouth
from teacher.datasets.synthesis.visemes import OPENING, ROUNDING, TEETH, WIDTH

STILL = np.zeros((3, 6), np.float32)


def plain(skew: float = 0.0, across: float = 0.0, down: float = 0.0) -> Mouth:
    """Straight, evenly lit, and in the middle of the frame if nothing else is asked for."""
    return dataclasses.replace(
        make_mouth(np.random.default_rng(0)),
        **{"skew": skew, "across": across, "down": down, "tilt": 0.0, "sag": 0.0, "beard": 0.0},
        **{"skin": 120.0, "lip": 90.0, "half": 22.0, "drop": 16.0, "upper": 5.0, "lower": 6.0, "teeth": 130.0},
        light=(0.0, 0.0),
        texture=0,
    )


def pose(**columns: float) -> NDArray[np.float32]:
    poses = STILL.copy()
    for name, value in columns.items():
        poses[:, {"opening": OPENING, "width": WIDTH, "rounding": ROUNDING, "teeth": TEETH}[name]] = value
    return poses


def shoot(mouth: Mouth, poses: NDArray[np.float32], seed: int = 1) -> NDArray[np.float64]:
    """The mean frame, so that noise is small."""
    frames = film(mouth, poses, np.random.default_rng(seed))
    assert frames.shape == (len(poses), 60, 80) and frames.dtype == np.uint8
    return np.asarray(frames.mean(0), np.float64)


def dark(frame: NDArray[np.float64], below: float = 60.0) -> tuple[int, int]:
    """Rows and columns in the middle of the frame that hold what is as dark as the inside of a mouth."""
    inside = frame[15:50, 10:70] < below
    return int(inside.any(1).sum()), int(inside.any(0).sum())


def test_the_more_it_opens_the_more_of_its_inside_is_seen() -> None:
    heights = [dark(shoot(plain(), pose(opening=o)))[0] for o in (0.0, 0.3, 0.6, 1.0)]
    assert heights[0] <= 3 and sorted(heights) == heights and heights[3] >= heights[1] + 6


def test_a_rounded_mouth_is_narrower_than_a_spread_one() -> None:
    rounded, spread = (dark(shoot(plain(), pose(opening=0.5, **p)))[1] for p in ({"rounding": 1.0}, {"width": 1.0}))
    assert rounded + 8 < spread


def test_teeth_are_bright_and_do_not_show_through_closed_lips() -> None:
    mouth = plain()
    without, with_teeth = (shoot(mouth, pose(opening=0.8, teeth=t)) for t in (0.0, 1.0))
    assert (with_teeth - without)[20:45, 25:55].max() > 40
    closed = [shoot(mouth, pose(teeth=t)) for t in (0.0, 1.0)]
    assert np.abs(closed[1] - closed[0]).max() < 8


def test_an_uneven_mouth_opens_more_on_one_side() -> None:
    shares = []
    for skew in (-0.5, 0.0, 0.5):
        frame = shoot(plain(skew=skew), pose(opening=0.6)) < 60
        shares.append(frame[15:50, 40:65].sum() / frame[15:50, 15:65].sum())
    assert shares[0] + 0.05 < shares[1] < shares[2] - 0.05


def test_a_mouth_elsewhere_is_seen_elsewhere() -> None:
    middle, moved = (shoot(plain(across=a, down=d), pose(opening=0.8)) < 60 for a, d in ((0, 0), (6, -4)))
    places = [np.argwhere(frame[12:52, 8:72]).mean(0) for frame in (middle, moved)]
    assert np.allclose(places[1] - places[0], (-4, 6), atol=1.0)


def test_faces_differ_and_the_same_seed_films_the_same() -> None:
    first, again, other = (make_mouth(np.random.default_rng(s)) for s in (3, 3, 4))
    assert first == again != other
    open_mouth = pose(opening=0.5)
    films = [film(first, open_mouth, np.random.default_rng(s)) for s in (1, 1, 2)]
    assert np.array_equal(films[0], films[1]) and not np.array_equal(films[0], films[2])
    assert np.abs(shoot(first, open_mouth) - shoot(other, open_mouth)).mean() > 5


def test_a_still_mouth_is_filmed_with_noise_and_little_motion() -> None:
    frames = film(plain(), np.zeros((25, 6), np.float32), np.random.default_rng(0)).astype(np.float64)
    # Differences of skin from frame to frame, away from the mouth's edges: the camera's noise alone.
    assert 1 < np.diff(frames[:, 8:16, 30:50], axis=0).std() / np.sqrt(2) < 4
    assert 0 < np.abs(frames - frames.mean(0)).mean() < 6

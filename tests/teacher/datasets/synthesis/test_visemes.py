"""How drawn mouths move: poses on time, lips that close where they must, phonemes that look alike."""

import numpy as np
import pytest
from numpy.typing import NDArray

from sensors.core.errors import DataError
from teacher.datasets.synthesis.visemes import OPENING, ROUNDING, TUCK, WIDTH, movement, viseme

TIMES = np.arange(-0.3, 0.7, 0.01)


def move(*phonemes: tuple[float, str], end: float = 0.35, lag: float = 0.02) -> NDArray[np.float32]:
    return movement(phonemes, end, TIMES, lag)


def at(poses: NDArray[np.float32], time: float) -> NDArray[np.float32]:
    return np.asarray(poses[np.abs(TIMES - time).argmin()], np.float32)


def test_a_mouth_rests_before_and_after_and_opens_between() -> None:
    poses = move((0.0, "'A@"))
    assert poses.shape == (len(TIMES), 6) and poses.dtype == np.float32
    assert np.abs(poses[[0, -1]]).max() < 1e-3
    assert at(poses, 0.15)[OPENING] > 0.8
    # It opens before it is heard.
    assert 0.05 < at(poses, 0.0)[OPENING] < at(poses, 0.1)[OPENING]


def test_lips_close_for_m_between_open_vowels() -> None:
    opening = move((0.0, "'E"), (0.15, "m"), (0.25, "'E"), end=0.4)[:, OPENING]
    near = np.abs(TIMES - 0.2).argmin()
    assert opening[near] < 0.15 < 0.4 < min(opening[near - 12], opening[near + 12])


def test_a_diphthong_goes_from_one_pose_to_another() -> None:
    poses = move((0.0, "'aI"), end=0.4)
    assert at(poses, 0.08)[OPENING] > at(poses, 0.32)[OPENING] + 0.3
    assert at(poses, 0.32)[WIDTH] > 0.5 > at(poses, 0.08)[WIDTH]


def test_rounding_and_biting_belong_to_their_phonemes() -> None:
    assert at(move((0.0, "j"), (0.1, "'u:")), 0.25)[ROUNDING] > 0.8 > 0.2 > at(move((0.0, "'i:")), 0.2)[ROUNDING]
    bitten = move((0.0, "'E"), (0.2, "f"), end=0.32)
    assert at(bitten, 0.26)[TUCK] > 0.7 and at(bitten, 0.05)[TUCK] < 0.05


def test_p_and_b_look_alike_k_leans_on_its_vowel() -> None:
    assert np.array_equal(move((0.0, "p"), (0.08, "'i:")), move((0.0, "b"), (0.08, "i:")))
    early = [at(move((0.0, "k"), (0.1, vowel)), 0.05)[OPENING] for vowel in ("'A@", "'u:")]
    assert early[0] > early[1] + 0.2


def test_a_phoneme_without_length_is_seen_nevertheless() -> None:
    """The engine lets the L of 'el' end where it starts."""
    whole, cut = (at(move((0.0, "'E"), (start, "f")), 0.32)[TUCK] for start in (0.25, 0.35))
    assert cut > 0.5 and whole > 0.5


def test_slow_lips_reach_less() -> None:
    quick, slow = (move((0.0, "'A@"), end=0.12, lag=lag)[:, OPENING].max() for lag in (0.01, 0.06))
    assert slow < 0.9 * quick


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(DataError, match='no pose for the phoneme "\'3:"'):
        viseme("'3:")
    with pytest.raises(DataError, match="without phonemes"):
        move()

import numpy as np
import pytest

from sensors.cutters.dips import deepest, dips, smooth


def valley(*levels: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Powers of stretches of 12 frames with these levels in decibel."""
    return 10 ** (np.repeat(levels, 12) / 10)


def test_the_deepest_dip_lies_where_sound_is_faintest() -> None:
    at, depth = deepest(smooth(valley(0, -20, -5)), 6) or (0, 0.0)
    assert 12 <= at < 24 and depth == pytest.approx(15)
    assert deepest(smooth(valley(0)), 6) is None


def test_dips_are_found_by_their_depth_and_keep_their_distance() -> None:
    power = valley(0, -20, 0, -8, 0)
    assert len(dips(power, 12, 6)) == 1 and len(dips(power, 6, 6)) == 2
    assert dips(power, 6, 6) == sorted(dips(power, 6, 6))
    first, second = dips(power, 6, 6)
    assert 12 <= first < 24 and 36 <= second < 48
    assert dips(power, 30, 6) == [] and dips(valley(0, -20), 1, 6) == []

import numpy as np

from sensors.signals.lips import GREY, restore_lips, store_lips


def test_stored_lips_are_read_again() -> None:
    stored = np.arange(256, dtype=np.uint8)
    assert restore_lips(stored).dtype == np.float32
    assert np.array_equal(store_lips(restore_lips(stored)), stored)
    assert restore_lips(np.array([GREY], np.uint8)).tolist() == [0.0]


def test_values_beyond_the_range_saturate() -> None:
    assert store_lips(np.array([-1.0, 0.0, 1.0], np.float32)).tolist() == [0, GREY, 255]

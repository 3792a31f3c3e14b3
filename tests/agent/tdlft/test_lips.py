from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.tdlft.lips import BLOCK, LENGTH, from_rows, to_rows
from sensors.core.errors import TransferError
from sensors.signals.lips import restore_lips


def clips(count: int, seed: int = 0) -> NDArray[Any]:
    return np.random.default_rng(seed).integers(0, 256, (count, 12, 60, 80), np.uint8)


def test_a_value_is_the_mean_of_its_block() -> None:
    stored = clips(3)
    rows = to_rows(stored)
    assert rows.shape == (3, LENGTH) and rows.dtype == np.float32
    value = rows.reshape(3, 12, 60 // BLOCK, 80 // BLOCK)[1, 7, 2, 19]
    assert value == pytest.approx(restore_lips(stored[1, 7, 8:12, 76:80]).mean(), abs=1e-6)
    assert np.array_equal(to_rows(stored[1:2])[0], rows[1])
    assert to_rows(stored[:0]).shape == (0, LENGTH)


def test_grey_is_no_difference() -> None:
    assert np.abs(to_rows(np.full((1, 12, 60, 80), 128, np.uint8))).max() < 1e-6


def test_rows_come_back_as_blocks_and_are_the_same_rows_again() -> None:
    rows = to_rows(clips(2))
    made = from_rows(rows)
    assert made.shape == (2, 12, 60, 80) and made.dtype == np.float32
    assert (made[0, 3, 4:8, 12:16] == rows[0].reshape(12, 15, 20)[3, 1, 3]).all()
    flat = np.full((1, 12, 60, 80), 200, np.uint8)
    assert np.allclose(from_rows(to_rows(flat)), restore_lips(flat), atol=1e-6)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(TransferError, match="uint8"):
        to_rows(clips(2).astype(np.float32))
    with pytest.raises(TransferError, match="12, 60, 80"):
        to_rows(clips(2)[:, :11])
    with pytest.raises(TransferError, match="3600"):
        from_rows(np.zeros((2, 3599)))

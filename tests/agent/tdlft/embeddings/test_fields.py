import numpy as np
import pytest
from numpy.typing import NDArray

from agent.tdlft.embeddings.fields import Fields


def logistic(fields: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-fields)), np.float32)


def test_fields_of_training_rows_are_standardised_and_undo_the_logistic_function() -> None:
    entered = np.random.default_rng(0).normal(size=(200, 5)) * [0.1, 1, 2, 3, 2] + [0, 1, -1, 0, 2]
    made = Fields(logistic(entered))(logistic(entered))
    assert made.dtype == np.float32
    assert made.mean(0) == pytest.approx(np.zeros(5), abs=1e-4) and made.std(0) == pytest.approx(np.ones(5), abs=1e-4)
    assert made == pytest.approx((entered - entered.mean(0)) / entered.std(0), abs=1e-2)


def test_new_rows_are_scaled_as_training_rows_are() -> None:
    rng = np.random.default_rng(1)
    entered, new = rng.normal(size=(50, 3)), 3 + rng.normal(size=(4, 3))
    expected = (new - entered.mean(0)) / entered.std(0)
    assert Fields(logistic(entered))(logistic(new)) == pytest.approx(expected, abs=1e-2)


def test_saturated_units_still_tell_how_sure_they_are() -> None:
    # In H the third row is as good as the second; by its fields it is as near to neither.
    entered = np.array([[-8.0], [4.0], [12.0]])
    h = logistic(entered)
    assert h[2] - h[1] == pytest.approx(0, abs=0.02)
    made = Fields(h)(h)[:, 0]
    assert made[2] - made[1] > 0.5 * (made[1] - made[0])


def test_units_at_their_ends_and_units_that_never_change_are_finite() -> None:
    rows = np.array([[0, 1, 0.25], [1, 1, 0.25]], np.float32)
    made = Fields(rows)(rows)
    assert np.isfinite(made).all() and made[0, 0] == pytest.approx(-1) and (made[:, 1:] == 0).all()

import numpy as np

from benchmarks.studies.hearing.scores import boundaries, errors, frame_f1, overlapped


def test_a_boundary_counts_once_and_within_50_ms() -> None:
    truth = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert boundaries(truth, truth) == (1.0, 1.0)
    assert boundaries(np.empty((0, 2)), truth) == (0.0, 0.0)
    # One start in time, one end too late, one utterance that was none.
    assert boundaries(np.array([[1.04, 2.06], [7.0, 8.0]]), truth) == (0.25, 0.25)
    # Two starts beside one: one of them is too many.
    assert boundaries(np.array([[0.99, 1.005], [1.01, 2.0]]), truth) == (0.5, 0.5)


def test_errors_are_told_of_the_stretch_that_overlaps_most() -> None:
    truth = np.array([[1.0, 2.0], [5.0, 6.0]])
    starts, ends = errors(np.array([[1.1, 1.9], [1.95, 2.4]]), truth)
    np.testing.assert_allclose(starts, [0.1])
    np.testing.assert_allclose(ends, [-0.1])
    assert overlapped(np.array([[1.1, 1.9], [3.0, 4.0]]), truth) == (1, 1)


def test_frame_f1_is_the_harmonic_mean_of_recall_and_precision() -> None:
    truth = np.array([True, True, True, False, False])
    assert frame_f1(truth, truth) == 1.0
    # Two of three found, one of three wrong.
    assert abs(frame_f1(np.array([True, True, False, True, False]), truth) - 2 / 3) < 1e-9
    assert frame_f1(np.zeros(5, bool), truth) == 0.0

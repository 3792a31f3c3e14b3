from pathlib import Path

import numpy as np
import pytest

from benchmarks.proofs.segmentation import boundaries, measure, noise


def test_a_boundary_counts_once_and_within_50_ms() -> None:
    truth = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert boundaries(truth, truth) == (1.0, 1.0)
    assert boundaries(np.empty((0, 2)), truth) == (0.0, 0.0)
    # One start in time, one end too late, one utterance that was none.
    assert boundaries(np.array([[1.04, 2.06], [7.0, 8.0]]), truth) == (0.25, 0.25)
    # Two starts beside one: one of them is too many.
    assert boundaries(np.array([[0.99, 1.005], [1.01, 2.0]]), truth) == (0.5, 0.5)


def test_noise_has_unit_power_and_pink_falls_by_3_db_an_octave() -> None:
    for kind, fall in (("white", 0.0), ("pink", 3.0)):
        made = noise(kind, 2**17, 0)
        assert made.std() == pytest.approx(1, rel=0.02)
        power = np.abs(np.fft.rfft(made)) ** 2
        low, high = (power[k : 2 * k].mean() for k in (2**12, 2**14))
        assert 10 * np.log10(low / high) == pytest.approx(2 * fall, abs=0.5)


def test_real_words_are_found_and_told(data_dir: Path) -> None:
    figures = measure(data_dir, words=40, seed=1, kinds=["white"], levels=[20], known=500)
    assert figures["white_20_recall"] >= 0.85 and figures["white_20_precision"] >= 0.85
    assert figures["told_of_files"] > 0.5 and figures["white_20_told"] >= figures["told_of_files"] - 0.15

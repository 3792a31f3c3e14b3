"""The embedded handwriting."""

import subprocess
import sys

import numpy as np
from sklearn.datasets import load_digits

from teacher.datasets.readers import digits


def test_forms_are_kept_apart_and_every_digit_is_in_both_parts() -> None:
    samples = digits.load()
    assert samples.train.shape == (1415, 1, 32, 32) and samples.test.shape == (382, 1, 32, 32)
    assert samples.jitter
    for labels in (samples.train_labels, samples.test_labels):
        counts = np.bincount(labels, minlength=10)
        assert counts.min() > 0.8 * counts.max()
    truth = load_digits().target
    assert samples.test_labels.tolist() == truth[1415:].tolist()


def test_the_split_falls_between_two_forms() -> None:
    """Each form starts with 0123456789 three times."""
    text = "".join(map(str, load_digits().target))
    starts = [i for i in range(len(text)) if text.startswith("0123456789" * 3, i)]
    assert digits.TEST_START in starts
    assert len([s for s in starts if s >= digits.TEST_START]) >= 2


def test_a_cached_start_needs_no_scikit_learn() -> None:
    digits.load()
    code = "import sys; from teacher.datasets.readers import digits; digits.load(); print('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"

"""The handwriting that ships with scikit-learn: 1,797 digits of 8×8, brought to 32×32.

scikit-learn's copy is the 'test' part of the UCI set, whose writers are not named. The labels tell the forms
apart nonetheless: each of 14 forms starts 0123456789 three times over and goes on in one fixed order. Whole
forms at the end make the test set, so that no form is in both parts.
"""

from importlib.metadata import PackageNotFoundError, version

import numpy as np

from sensors.core.errors import DataError
from sensors.signals.frames import digit_images
from teacher.datasets.core.samples import Samples, make_samples
from teacher.datasets.preparation.cache import cached

TEST_START = 1415
"""First image of the twelfth form: eleven forms train, three test."""


def load() -> Samples:
    """Load the embedded handwriting; training images gain from jitter.

    Raises:
        DataError: scikit-learn is not installed.
    """
    try:
        key = version("scikit-learn")
    except PackageNotFoundError:
        raise DataError("digits: scikit-learn is not installed; pip install scikit-learn") from None
    return cached("digits", key, _prepare, "image")


def _prepare() -> Samples:
    # Imported here: it costs seconds and 100 MB, which a cached start does without.
    from sklearn.datasets import load_digits

    data = load_digits()
    images = digit_images(data.images)
    labels = data.target.astype(np.int64)
    return make_samples(
        "digits",
        (images[:TEST_START], labels[:TEST_START]),
        (images[TEST_START:], labels[TEST_START:]),
        "last 3 of 14 handwritten forms test, so writers are apart as far as the set tells",
        jitter=True,
    )

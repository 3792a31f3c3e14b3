"""Holding a validation part out of the training part."""

import numpy as np
import pytest

from sensors.core.errors import DataError
from teacher.datasets.core.samples import Samples, hold_out, make_samples


def uneven(*counts: int) -> Samples:
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts)).astype(np.int64)
    samples = np.arange(4 * len(labels), dtype=np.uint32).view(np.uint8).reshape(-1, 1, 4, 4)
    return make_samples(
        "uneven", (samples, labels), (samples[:1] + 1, labels[:1]), "a split", jitter=True, notes=("n",)
    )


def rows(samples: Samples) -> "tuple[set[bytes], set[bytes]]":
    return {x.tobytes() for x in samples.train}, {x.tobytes() for x in samples.test}


def test_the_parts_are_apart_and_together_are_the_training_part(toy_images: Samples) -> None:
    train, test = rows(hold_out(toy_images, 30, seed=1))
    assert not train & test
    assert train | test == rows(toy_images)[0]
    assert not rows(toy_images)[1] & (train | test)


@pytest.mark.parametrize("count", [1, 10, 33, 100, 599])
def test_the_count_is_kept_and_so_are_the_shares(count: int) -> None:
    whole = uneven(300, 200, 100)
    held = hold_out(whole, count, seed=1)
    counts = np.bincount(held.test_labels, minlength=3)
    # One of each concept at least, and one of each left.
    assert len(held.test) == (count if 5 < count < 599 else 3 if count == 1 else 597)
    assert np.abs(counts - count * np.array([300, 200, 100]) / 600).max() <= 2
    assert (np.bincount(held.train_labels) + counts).tolist() == [300, 200, 100]


def test_a_rare_concept_is_in_both_parts_and_a_lone_sample_stays_in_training() -> None:
    held = hold_out(uneven(200, 2, 1, 0, 50), 10, seed=1)
    assert np.bincount(held.test_labels, minlength=5)[[1, 2, 3]].tolist() == [1, 0, 0]
    assert np.bincount(held.train_labels, minlength=5)[[1, 2, 3]].tolist() == [1, 1, 0]


def test_the_seed_alone_decides_and_all_else_is_kept(toy_images: Samples) -> None:
    first, again, other = (hold_out(toy_images, 30, seed) for seed in (1, 1, 2))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    held = hold_out(uneven(30, 30), 6, seed=1)
    assert (held.name, held.jitter, held.notes) == ("uneven", True, ("n",))
    assert "validation" in held.summary and "a split" in held.summary


@pytest.mark.parametrize("count", [0, -1, 200, 201])
def test_nothing_left_on_either_side_is_refused(toy_images: Samples, count: int) -> None:
    with pytest.raises(DataError, match=f"toy-images: {count} of 200 training samples"):
        hold_out(toy_images, count, seed=1)

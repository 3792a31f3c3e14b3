"""Choosing hyper-parameters inside the training pairs."""

from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
Rows = NDArray[np.float32]


def split(groups: NDArray[Any], folds: int, rng: np.random.Generator) -> list[NDArray[np.bool_]]:
    """Masks of the rows that each fold leaves out: whole groups, dealt at random, as many of each as can be."""
    names = rng.permutation(np.unique(groups))
    return [np.isin(groups, names[at :: min(folds, len(names))]) for at in range(min(folds, len(names)))]


def searching(
    choices: Sequence[T],
    predict: Callable[[T, NDArray[np.bool_]], Rows],
    target: Rows,
    groups: NDArray[Any],
    left_out: Sequence[NDArray[np.bool_]],
) -> Generator[None, None, T]:
    """Find the choice whose predictions of left-out rows best tell their groups apart; the first among equals.

    One yield after each prediction; what it returns is the choice.

    Args:
        choices: at least one.
        predict: (choice, mask of the rows left out) -> predictions of those rows by a map fitted on all others.
        target: (N, outputs).
        groups: (N,) integers.
        left_out: masks; a single one that leaves out everything decides nothing.
    """
    if len(choices) == 1 or len(left_out) < 2:
        return choices[0]
    errors = [0.0] * len(choices)
    for number, choice in enumerate(choices):
        for out in left_out:
            errors[number] += misranked(predict(choice, out), target[out], groups[out])
            yield
    return choices[int(np.argmin(errors))]


def misranked(predicted: Rows, target: Rows, groups: NDArray[Any]) -> float:
    """Sum over rows of the share of other groups that lie nearer to the prediction than its own.

    A group lies where the mean of its true rows lies, and near is what lies in the same direction from the mean of
    all. Squared error will not do: of groups never seen it rates the map best that says least, their common mean.
    """
    names, own = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        return 0.0
    centres = np.stack([target[own == at].mean(0) for at in range(len(names))])
    middle = centres.mean(0)
    centres = centres - middle
    likeness = (predicted - middle) @ (centres / np.linalg.norm(centres, axis=1, keepdims=True).clip(1e-12)).T
    mine = likeness[np.arange(len(own)), own]
    # Half a place for a tie: predictions that are all alike rank in the middle, not first.
    above = (likeness > mine[:, None]).sum(1) + ((likeness == mine[:, None]).sum(1) - 1) / 2
    return float(above.sum() / (len(names) - 1))

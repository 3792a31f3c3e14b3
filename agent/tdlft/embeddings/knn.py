"""KNN: the mean of the video rows of the K nearest audio rows (section 3.1)."""

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from agent.tdlft.embeddings.contract import Embedding, Rows
from agent.tdlft.embeddings.search import searching, split

CHOICES = (1, 2, 3, 5, 8, 12, 20)
BLOCK = 512
"""Rows whose neighbours are gathered at a time: K targets of each are in memory at once."""


class KnnEmbedding(Embedding):
    """Euclidean neighbours among the training pairs; all K weigh the same."""

    NAME = "knn"
    TENSORS: ClassVar[dict[str, str]] = {"source": "na", "target": "nv"}
    PLAIN = ("neighbours",)

    def _fit(self, source: Rows, target: Rows, rng: np.random.Generator, groups: NDArray[Any]) -> Iterator[None]:
        folds = split(groups, self.config.search_folds, rng)
        fixed = self.config.neighbours
        choices = [min(fixed, len(source))] if fixed else [k for k in CHOICES if k < len(source)]
        # Neighbours in order serve every smaller K, so each fold is asked once.
        deepest: dict[int, NDArray[Any]] = {}

        def predict(k: int, out: NDArray[np.bool_]) -> Rows:
            if (key := id(out)) not in deepest:
                known = source[~out]
                index = NearestNeighbors(n_neighbors=min(max(choices), len(known)), algorithm="brute").fit(known)
                deepest[key] = index.kneighbors(source[out], return_distance=False)
            return _means(target[~out], deepest[key][:, :k])

        self.neighbours = yield from searching(choices, predict, target, groups, folds)
        self.source, self.target = source, target

    def _ready(self) -> None:
        # By brute force: rows of hundreds of values have no tree worth its walk, and one matrix product is exact.
        self.index = NearestNeighbors(n_neighbors=self.neighbours, algorithm="brute").fit(self.source)

    def _transfer(self, source: Rows) -> NDArray[Any]:
        return _means(self.target, self.index.kneighbors(source, return_distance=False))


def _means(target: Rows, nearest: NDArray[Any]) -> Rows:
    means = np.empty((len(nearest), target.shape[1]), np.float32)
    for at in range(0, len(nearest), BLOCK):
        means[at : at + BLOCK] = target[nearest[at : at + BLOCK]].mean(1)
    return means

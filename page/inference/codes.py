"""The codes of known samples: what is near a question, a map of the latent space, and clusters without labels."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agent.networks.published import Networks, to_network

PIECE = 8
"""Samples that are encoded at once; a question waits for no longer."""
NEAREST = 5
"""Known samples that are told of a question."""
MOST_NEAREST = 100
"""Most known samples that are told where a program asks for them."""
CLUSTERS = 10
"""Clusters of samples without labels, where there are enough."""
SHOWN = 12
"""Samples that stand for a cluster or a cell."""


@dataclass(frozen=True)
class Near:
    """One known sample near a code.

    Attributes:
        id: its reference.
        concept: number of its name; None without labels.
        distance: of the codes.
        near: 1 where it is as near as known samples typically are to each other, and less where it is farther.
    """

    id: str
    concept: int | None
    distance: float
    near: float


@dataclass(frozen=True)
class EncodedSamples:
    """Known samples of one sense, with their codes.

    Attributes:
        ids: references, N of them.
        concepts: (N,) int64 numbers of names, or None without labels.
        codes: (N, L) float32, of the sense's own latent space.
        translated: other sense -> (N, L) the same in the latent space of that sense.
        typical: median distance of a known sample to its nearest other.
    """

    ids: Sequence[str]
    concepts: NDArray[np.int64] | None
    codes: Tensor
    translated: Mapping[str, Tensor]
    typical: float

    def nearest(self, code: Tensor, count: int = NEAREST) -> list[Near]:
        """Those whose codes are nearest to a code (1, L) of the sense's space, at most `count`, the nearest first."""
        distances = torch.cdist(code, self.codes)[0]
        found = distances.topk(min(count, len(self.ids)), largest=False)
        rows: list[int] = found.indices.tolist()
        return [
            Near(
                self.ids[row],
                None if self.concepts is None else int(self.concepts[row]),
                round(float(distance), 6),
                round(min(1.0, self.typical / max(float(distance), 1e-9)), 4),
            )
            for row, distance in zip(rows, found.values.tolist(), strict=True)
        ]


@dataclass(frozen=True)
class KnownSamples:
    """Samples of one sense that are to be encoded.

    Attributes:
        ids: references, N of them.
        samples: (N, *shape).
        concepts: (N,) int64, or None without labels.
    """

    ids: Sequence[str]
    samples: NDArray[np.generic]
    concepts: NDArray[np.int64] | None


@dataclass(frozen=True)
class Codes:
    """Known samples of all senses as some weights encode them.

    Attributes:
        networks: those weights.
        names: of the concepts; empty without labels.
        known: sense -> its samples.
    """

    networks: Networks
    names: Sequence[str]
    known: Mapping[str, EncodedSamples]

    def nearest(self, sense: str, sample: NDArray[np.generic], count: int = NEAREST) -> dict[str, list[Near]]:
        """The known samples that are nearest to one sample (*shape), at most `count` by sense, the nearest first.

        Those of its own sense are nearest to its code, and those of another sense to its code as it is translated into
        the space of that sense: they are what the sample evokes there.
        """
        if sense not in self.known:
            return {}
        with torch.inference_mode():
            code = self.networks.encode(to_network(sample[None], sense), sense)
            return {
                other: known.nearest(code if other == sense else self.networks.translate(code, sense, other), count)
                for other, known in self.known.items()
                if len(known.ids)
            }


def encoding(
    networks: Networks, material: Mapping[str, KnownSamples], names: Sequence[str]
) -> Generator[None, None, Codes]:
    """Encode known samples, piece by piece."""
    known: dict[str, EncodedSamples] = {}
    for sense, own in material.items():
        codes: list[Tensor] = []
        others: dict[str, list[Tensor]] = {other: [] for other in networks.sides if other != sense}
        for at in range(0, len(own.ids), PIECE):
            with torch.inference_mode():
                code = networks.encode(to_network(own.samples[at : at + PIECE], sense), sense)
                codes.append(code)
                for other, parts in others.items():
                    parts.append(networks.translate(code, sense, other))
            yield
        whole = torch.cat(codes)
        translated = {other: torch.cat(parts) for other, parts in others.items()}
        known[sense] = EncodedSamples(own.ids, own.concepts, whole, translated, typical_distance(whole))
        yield
    return Codes(networks, names, known)


def typical_distance(codes: Tensor) -> float:
    """Median distance of a code to the nearest other one; 0 with fewer than two."""
    if len(codes) < 2:
        return 0.0
    with torch.inference_mode():
        distances = torch.cdist(codes, codes)
        distances.fill_diagonal_(float("inf"))
        return float(distances.min(1).values.median())


@dataclass(frozen=True)
class Map:
    """Two components of the codes in one sense's space.

    Attributes:
        explained: shares of the variance, of both components.
        x: (N,) float64, -1…1.
        y: the same.
        rows: sense and number among its known samples of each point, N of them.
    """

    explained: tuple[float, float]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    rows: Sequence[tuple[str, int]]


def map_of(codes: Codes, sense: str) -> Map:
    """The map of one sense's latent space: its own samples, and those of the others as they are translated into it.

    The components are those of the sense's own samples.
    """
    own = codes.known[sense].codes.double()
    groups = [(sense, own)] + [
        (other, known.translated[sense].double())
        for other, known in codes.known.items()
        if other != sense and sense in known.translated
    ]
    middle = own.mean(0)
    _, sizes, components = torch.linalg.svd(own - middle, full_matrices=False)
    variance = sizes**2
    total = max(float(variance.sum()), 1e-12)
    axes = components[:2]
    points = torch.cat([(group - middle) @ axes.T for _, group in groups]).numpy()
    if points.shape[1] < 2:
        points = np.pad(points, ((0, 0), (0, 2 - points.shape[1])))
    points = points / max(float(np.abs(points).max()), 1e-12)
    shares = [float(part) / total for part in variance[:2]] + [0.0, 0.0]
    rows = [(name, row) for name, group in groups for row in range(len(group))]
    return Map((round(shares[0], 4), round(shares[1], 4)), points[:, 0], points[:, 1], rows)


@dataclass(frozen=True)
class CodeCluster:
    """Samples that lie together.

    Attributes:
        size: how many.
        ids: sense -> references of those nearest to its middle.
    """

    size: int
    ids: Mapping[str, Sequence[str]]


def clusters_of(codes: Codes) -> list[CodeCluster]:
    """Clusters of the known samples, the largest first, by the codes of the sense that has the most of them.

    Samples of the other senses belong to the cluster whose middle is nearest to them as they are translated.
    """
    from sklearn.cluster import KMeans

    if not codes.known:
        return []
    leading = max(codes.known, key=lambda sense: len(codes.known[sense].ids))
    own = codes.known[leading].codes.numpy()
    count = min(CLUSTERS, len(own) // 4)
    if count < 2:
        return []
    middles = np.asarray(KMeans(count, n_init=2, random_state=0).fit(own).cluster_centers_, own.dtype)
    members: dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]] = {}
    for sense, known in codes.known.items():
        values = own if sense == leading else known.translated[leading].numpy()
        distances = np.linalg.norm(values[:, None] - middles[None], axis=2)
        members[sense] = distances.argmin(1), distances.min(1)
    found = []
    for number in range(count):
        ids = {}
        for sense, (cluster, distance) in members.items():
            rows = np.flatnonzero(cluster == number)
            ids[sense] = [codes.known[sense].ids[row] for row in rows[np.argsort(distance[rows])][:SHOWN]]
        found.append(CodeCluster(int((members[leading][0] == number).sum()), ids))
    return sorted(found, key=lambda cluster: -cluster.size)

"""Retrieval: does a sample of one sense find its concept among samples of another? It needs no decoder and no judge.

* R@k: the gallery holds one sample of every concept. The share of queries for which a sample of the right concept is
  among the k nearest. Chance is k / concepts.
* 5-way: five samples, one of the right concept and four of others drawn at random. Chance is 1/5; with fewer than
  five concepts all of them are offered.

Every query meets `DRAWS` galleries, each of other samples, and the shares are means over them: which sample stands for
a concept is a matter of luck.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agent.networks.published import Networks, to_network
from teacher.datasets import ExamSet
from teacher.datasets.core.exam_set import ExamPart

DRAWS = 5
"""Galleries."""
WAYS = 5
"""Samples offered in a matching."""
DEPTHS = (1, 10)
"""k of R@k; a k that reaches all concepts tells nothing and is left out."""
SEED = 11
"""Of galleries and of what is offered, the same at every exam."""
PIECE = 1000
"""Queries that are compared with a gallery at once; a bound of memory."""


@dataclass(frozen=True)
class Retrieved:
    """Outcome of one retrieval exam.

    Attributes:
        shares: 'image_to_audio/r1', '…/r10', '…/five_way' -> share of queries, 0…1.
        chance: likewise the share that guessing reaches, as senses may have different concepts in common.
    """

    shares: dict[str, float]
    chance: dict[str, float]


def encode_exam(networks: Networks, exam: ExamSet) -> dict[str, Tensor]:
    """Latents (N, L) of all test samples, by sense; senses that the networks do not have are left out."""
    return {m: networks.encode(to_network(p.samples, m), m) for m, p in exam.parts.items() if m in networks.sides}


def retrieve(networks: Networks, exam: ExamSet, latents: Mapping[str, Tensor] | None = None) -> Retrieved:
    """Examine every pair of senses, both ways.

    Args:
        networks: what is examined.
        exam: test samples and their labels; concepts that a pair of senses does not share are passed over.
        latents: of these samples, as `encode_exam` gives them; None: they are computed.
    """
    shares: dict[str, float] = {}
    chance: dict[str, float] = {}
    latents = encode_exam(networks, exam) if latents is None else latents
    for source in latents:
        for target in latents:
            if source == target:
                continue
            asked, offered = exam.parts[source], exam.parts[target]
            common = np.intersect1d(asked.labels, offered.labels)
            if len(common) < 2:
                continue
            rows = np.flatnonzero(np.isin(asked.labels, common))
            wanted = networks.translate(latents[source][torch.from_numpy(rows)], source, target)
            found = _shares(wanted, asked.labels[rows], latents[target], offered, common)
            shares |= {f"{source}_to_{target}/{name}": value for name, value in found.items()}
            guessed = {f"r{k}": k / len(common) for k in DEPTHS if k < len(common)}
            guessed["five_way"] = 1 / min(WAYS, len(common))
            chance |= {f"{source}_to_{target}/{name}": value for name, value in guessed.items()}
    return Retrieved(shares, chance)


def _shares(
    wanted: Tensor, labels: NDArray[np.int64], latents: Tensor, offered: ExamPart, common: NDArray[np.int64]
) -> dict[str, float]:
    """Shares over all galleries of one pair of senses."""
    rng = np.random.default_rng(SEED)
    by_concept = [np.flatnonzero(offered.labels == c) for c in common]
    truth = torch.from_numpy(np.searchsorted(common, labels))
    others = min(WAYS, len(common)) - 1
    hits: dict[str, float] = {}
    for _ in range(DRAWS):
        gallery = latents[torch.from_numpy(np.array([rng.choice(rows) for rows in by_concept]))]
        for at in range(0, len(wanted), PIECE):
            true = truth[at : at + PIECE, None]
            distance = torch.cdist(wanted[at : at + PIECE], gallery)
            own = distance.gather(1, true)
            # A sample as near as the right one counts as nearer: a network that maps everything to one point has 0.
            # A distance that is not a number is not farther either, so that broken networks have 0, too.
            nearer = (~(distance > own)).sum(1) - 1
            for k in DEPTHS:
                if k < len(common):
                    hits[f"r{k}"] = hits.get(f"r{k}", 0.0) + float((nearer < k).sum())
            # Others than the right one, each equally likely: random keys, the right one's made the largest.
            keys = torch.from_numpy(rng.random(distance.shape)).scatter(1, true, 2.0)
            rivals = distance.gather(1, keys.topk(others, largest=False).indices)
            hits["five_way"] = hits.get("five_way", 0.0) + float((rivals > own).all(1).sum())
    return {name: count / (DRAWS * len(wanted)) for name, count in hits.items()}

"""The samples that a saved run knows: the newest events of its replay, and their latents."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agent.networks.published import Networks, to_network
from replay.sampler import Sampler
from replay.stored import tables
from sensors.core.errors import StateError
from sensors.core.modalities import labelled

KNOWN = 2_000
"""Newest samples of each sense that are known."""


@dataclass(frozen=True)
class StoredSamples:
    """Samples of one sense.

    Attributes:
        ids: references, 'event.KIND.SERIAL.SENSE' each.
        samples: (N, *shape), stored.
    """

    ids: list[str]
    samples: NDArray[Any]


def known_samples(replay: Path, senses: tuple[str, ...], most: int = KNOWN) -> dict[str, StoredSamples]:
    """The newest samples of each sense in a replay, which may be in use; events of several senses first.

    Args:
        replay: its directory.
        senses: that are wanted.
        most: samples of each sense, at most.

    Returns:
        By sense; senses without a sample are left out.

    Raises:
        StateError: a table is another version's.
        StorageError: a table is damaged.
    """
    found: dict[str, tuple[list[str], list[NDArray[Any]]]] = {}
    for kind, storage in sorted(tables(replay), key=lambda one: -one[0].count("+")):
        wanted = [s for s in kind.split("+") if s in senses and len(found.get(s, ([],))[0]) < most]
        if labelled(kind) or not wanted:
            continue
        batch = Sampler(storage).newest(most)
        for name in wanted if len(batch) else ():
            ids, parts = found.setdefault(name, ([], []))
            left = most - len(ids)
            ids += [f"event.{kind}.{int(serial)}.{name}" for serial in batch.serial[-left:]]
            parts.append(batch.samples[name][-left:])
    return {name: StoredSamples(ids, np.concatenate(parts)) for name, (ids, parts) in found.items()}


def pairs(replay: Path, senses: tuple[str, ...], most: int = KNOWN) -> Mapping[str, NDArray[Any]]:
    """The newest events of the table with the most of these senses: sense -> (N, *shape), row by row one event.

    Args:
        replay: its directory, as of `known_samples`.
        senses: of the learner.
        most: events, at most.

    Raises:
        StateError: replay holds no event of these senses.
    """
    best: Mapping[str, NDArray[Any]] = {}
    for kind, storage in tables(replay):
        inside = [s for s in kind.split("+") if s in senses]
        if labelled(kind) or len(inside) <= len(best):
            continue
        batch = Sampler(storage).newest(most)
        if len(batch):
            best = {name: batch.samples[name] for name in inside}
    if not best:
        raise StateError(f"{replay}: holds no events yet; let the run perceive something first")
    return best


class Gallery:
    """Known samples with their latents, made when they are first asked for.

    Args:
        networks: that encode them.
        known: by sense.
    """

    def __init__(self, networks: Networks, known: Mapping[str, StoredSamples]) -> None:
        self._networks, self.known = networks, known
        self._latents: dict[str, Tensor] = {}

    def nearest(self, latent: Tensor, sense: str, count: int) -> list[tuple[int, float]]:
        """Rows and distances of the known samples of a sense that are nearest to one latent (L,), the nearest first.

        Raises:
            StateError: none of that sense is known.
        """
        if sense not in self.known:
            raise StateError(f"sense {sense!r}: replay holds no sample of it; nothing can be near")
        if sense not in self._latents:
            self._latents[sense] = self._networks.encode(to_network(self.known[sense].samples, sense), sense)
        with torch.inference_mode():
            distances = torch.cdist(latent[None], self._latents[sense])[0]
            found = distances.topk(min(count, len(distances)), largest=False)
        return list(zip(found.indices.tolist(), found.values.tolist(), strict=True))

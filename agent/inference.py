"""The inference model: a learner's published networks, without optimisers, replay or Ray.

    encode     z_S = E_S(x)            translate  z_T = T_S->T(z_S)
    decode     y   = D_T(z_T)          evoke      D_T(T_S->T(E_S(x)))
    nearest    the samples of another sense whose latents lie closest to z_T

The monitor, the agent that answers questions, benchmarks and exports share this one object.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agent.config import LearnerConfig
from agent.smart import Side, load_module
from sensors.modalities import modality

BATCH = 250
"""Samples that pass through a network at once: it bounds memory and does not change results."""


@dataclass(frozen=True)
class Networks:
    """The learner's published networks.

    Attributes:
        step: learner step at which they were published.
        sides: modality -> E, D and T, in evaluation mode.
    """

    step: int
    sides: Mapping[str, Side]

    @classmethod
    def build(cls, published: Mapping[str, Any]) -> "Networks":
        """From what `LearnerActor.weights` answers: step, preset, latent, modalities and arrays by name.

        Raises:
            StateError: arrays are missing, unknown or of another shape.
        """
        names = tuple(published["modalities"])
        config = LearnerConfig(preset=published["preset"], latent=published["latent"])
        arrays: Mapping[str, NDArray[Any]] = published["arrays"]
        sides = {}
        for m in names:
            # On the device 'meta' parameters have no memory: drawing weights only to replace them would take longer
            # than all the rest.
            with torch.device("meta"):
                side = Side(m, tuple(o for o in names if o != m), config)
            own = {k.partition("/")[2]: torch.from_numpy(np.array(v)) for k, v in arrays.items() if _of(k, m)}
            load_module(side, own, f"published weights of {m}", assign=True)
            sides[m] = side.eval().requires_grad_(False)
        return cls(int(published["step"]), sides)

    def encode(self, x: Tensor, source: str) -> Tensor:
        """Latents (N, L) of samples (N, *shape) float 0…1 of `source`."""
        return _apply(self.sides[source].autoencoder.encode, x)

    def translate(self, z: Tensor, source: str, target: str) -> Tensor:
        """Latents (N, L) of `source` in the latent space of `target`; the same where both are one."""
        return z if source == target else _apply(self.sides[source].transcoders[target], z)

    def decode(self, z: Tensor, target: str) -> Tensor:
        """Samples (N, *shape) float 0…1 of `target` from its latents (N, L)."""
        return _apply(self.sides[target].autoencoder.decode, z)

    def evoke(self, x: Tensor, source: str, target: str) -> Tensor:
        """What samples of one modality evoke in another, or in their own.

        Args:
            x: (N, *shape) float 0…1 of `source`.
            source: the modality that is perceived.
            target: the modality that is generated.

        Returns:
            (N, *shape) float 0…1 of `target`.
        """

        def path(part: Tensor) -> Tensor:
            return self.decode(self.translate(self.encode(part, source), source, target), target)

        return _apply(path, x)

    def nearest(self, x: Tensor, source: str, gallery: Tensor, target: str, count: int = 1) -> Tensor:
        """The samples of another sense that are most like what these samples mean.

        Args:
            x: (N, *shape) float 0…1 of `source`.
            source: the modality that is perceived.
            gallery: (G, L) latents of samples of `target`, as `encode` gives them.
            target: the modality that is searched.
            count: how many are wanted, 1…G.

        Returns:
            (N, count) int64 rows of the gallery, the nearest first.
        """
        wanted = self.translate(self.encode(x, source), source, target)
        return torch.cdist(wanted, gallery).topk(count, largest=False).indices


def to_network(samples: NDArray[Any], name: str) -> Tensor:
    """Stored samples (N, *shape) of a modality as float32 network values."""
    return torch.from_numpy(np.array(samples)).float().mul_(modality(name).scale)


def _apply(network: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    with torch.inference_mode():
        return torch.cat([network(part) for part in torch.split(x, BATCH)])


def _of(key: str, name: str) -> bool:
    return key.partition("/")[0] == name

"""SMART's published networks: autoencoders and the transcoders between their latent spaces."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from agent.config import LearnerConfig
from agent.networks.published import Networks, arrays_of, in_pieces
from agent.networks.weights import load_module
from agent.smart.update import Side


@dataclass(frozen=True)
class SmartNetworks(Networks):
    """SMART's published networks.

    Attributes:
        step: learner step at which they were published.
        sides: modality -> E, D and T, in evaluation mode.
    """

    step: int
    sides: Mapping[str, Side]
    decodes = True

    @classmethod
    def build(cls, published: Mapping[str, Any]) -> "SmartNetworks":
        """From what `SmartTurns.publish` handed out: step, preset, latent, modalities and arrays by name.

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
            load_module(side, arrays_of(arrays, m), f"published weights of {m}", assign=True)
            sides[m] = side.eval().requires_grad_(False)
        return cls(int(published["step"]), sides)

    def encode(self, x: Tensor, source: str) -> Tensor:
        """Latents (N, L) of samples (N, *shape) float 0…1 of `source`."""
        return in_pieces(self.sides[source].autoencoder.encode, x)

    def translate(self, z: Tensor, source: str, target: str) -> Tensor:
        """Latents (N, L) of `source` in the latent space of `target`; the same where both are one."""
        return z if source == target else in_pieces(self.sides[source].transcoders[target], z)

    def decode(self, z: Tensor, target: str) -> Tensor:
        """Samples (N, *shape) float 0…1 of `target` from its latents (N, L)."""
        return in_pieces(self.sides[target].autoencoder.decode, z)

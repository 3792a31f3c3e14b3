"""SMART's published networks: autoencoders and the transcoders between their latent spaces."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from agent.config import LearnerConfig
from agent.networks.published import Networks, build_sides, in_pieces
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
        sides = build_sides(published, lambda m: Side(m, tuple(o for o in names if o != m), config))
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

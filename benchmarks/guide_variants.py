"""What `guides.py` compares the project's own guides and turns with: other ways to do the same."""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from agent.guides import ClusterGuides, Guides
from agent.smart import Smart
from sensors.errors import ConfigError

FORGET = 4096
"""Events after which a running centre has forgotten all but a third of what it was."""
RARE = 0.05
"""A running cluster with less than this share of the mean cluster's events starts anew."""


class Refit(ClusterGuides):
    """Clusters found from nothing before every turn: every number, and so every guide, may change."""

    def refresh(self) -> None:
        """Forget the centres first."""
        self.centres = torch.zeros(0)
        super().refresh()


class Centres(ClusterGuides):
    """The guide is the cluster's centre itself, which no real sample has as its latent."""

    def refresh(self) -> None:
        """Centres, scaled as latents are."""
        super().refresh()
        for i, name in enumerate(self.modalities if self.guides else ()):
            own = self.centres[:, i * self.latent : (i + 1) * self.latent]
            self.guides[name] = F.layer_norm(own, (self.latent,))


class Running(ClusterGuides):
    """Centres that follow every batch by a running mean instead of Lloyd's iterations over the bank."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.counts = torch.zeros(0)
        self.sums = torch.zeros(0)

    def observe(self, latents: Mapping[str, Tensor]) -> None:
        """Keep the batch, and move the means."""
        super().observe(latents)
        if not self.counts.numel():
            return
        joint = torch.cat([latents[m] for m in self.modalities], 1)
        nearest = self.assign(latents)
        keep = (1 - 1 / FORGET) ** len(joint)
        self.sums.mul_(keep).index_add_(0, nearest, joint)
        self.counts.mul_(keep).index_add_(0, nearest, torch.ones(len(joint)))

    def refresh(self) -> None:
        """Take over the means; clusters that hardly anything belongs to start anew."""
        if self.counts.numel():
            rare = self.counts < RARE * self.counts.mean()
            if some := int(rare.sum()):
                self.counts[rare] = RARE * self.counts.mean()
                self.sums[rare] = self._pick(self.bank[: self.filled], some) * self.counts[rare, None]
            self.centres = self.sums / self.counts[:, None]
            iterations, self.iterations = self.iterations, 0
            super().refresh()
            self.iterations = iterations
            return
        super().refresh()
        if self.centres.numel():
            points = self.bank[: self.filled]
            nearest = self.assign(dict(zip(self.modalities, torch.split(points, self.latent, 1), strict=True)))
            self.counts = torch.bincount(nearest, minlength=len(self.centres)).float() + 1e-3
            self.sums = self.centres * self.counts[:, None]


class Together(Smart):
    """Both sides learn from the same batch at once: no turns."""

    def step(self, side: str, x: Mapping[str, Tensor], lesson: Tensor, rate: float = 1.0) -> dict[str, Tensor]:
        """One update of every side that the events hold, all with the guides of this turn."""
        losses: dict[str, Tensor] = {}
        for name in self.modalities if len(x) > 1 else (side,):
            losses |= super().step(name, x, lesson, rate)
        return losses


VARIANTS: Mapping[str, type[ClusterGuides]] = {"refit": Refit, "centres": Centres, "running": Running}


def replace_guides(smart: Smart, variant: str) -> None:
    """Put a variant in the place of a learner's cluster guides.

    Raises:
        ConfigError: no such variant, or the learner's guides are no clusters.
    """
    old: Guides = smart.guides
    if not isinstance(old, ClusterGuides) or variant not in VARIANTS:
        raise ConfigError(f"variant {variant!r}: one of {', '.join(VARIANTS)}, in place of guides 'cluster'")
    smart.guides = VARIANTS[variant](old.config, old.modalities, old.latent, 0)

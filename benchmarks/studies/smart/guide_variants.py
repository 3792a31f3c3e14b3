"""What `guides.py` compares the project's own guides and turns with: other ways to do the same."""

from collections.abc import Mapping

import torch
from torch import Tensor

from agent.smart.guides import ClusterGuides, Guides
from agent.smart.update import Smart
from sensors.core.errors import ConfigError


class Refit(ClusterGuides):
    """Clusters found from nothing before every turn: every number, and so every guide, may change."""

    def refresh(self) -> None:
        """Forget the centres first."""
        self.centres = torch.zeros(0)
        super().refresh()


class Together(Smart):
    """Both sides learn from the same batch at once: no turns."""

    def step(self, side: str, x: Mapping[str, Tensor], lesson: Tensor, rate: float = 1.0) -> dict[str, Tensor]:
        """One update of every side that the events hold, all with the guides of this turn."""
        losses: dict[str, Tensor] = {}
        for name in self.modalities if len(x) > 1 else (side,):
            losses |= super().step(name, x, lesson, rate)
        return losses


VARIANTS: Mapping[str, type[ClusterGuides]] = {"refit": Refit}


def replace_guides(smart: Smart, variant: str) -> None:
    """Put a variant in the place of a learner's cluster guides.

    Raises:
        ConfigError: no such variant, or the learner's guides are no clusters.
    """
    old: Guides = smart.guides
    if not isinstance(old, ClusterGuides) or variant not in VARIANTS:
        raise ConfigError(f"variant {variant!r}: one of {', '.join(VARIANTS)}, in place of guides 'cluster'")
    smart.guides = VARIANTS[variant](old.config, old.modalities, old.latent, 0)

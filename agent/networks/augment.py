"""Small random moves of what is perceived: a thing seen from a little aside is still that thing.

A sensor never gives the same picture twice; a finite store of events does. Without moves the encoders learn the store's
samples by heart and stop getting better on new ones. Only the side that learns is moved: its partner in an event is
encoded as it was perceived. No label is involved. Moves grow from nothing, so that they do not slow the beginning.
"""

import torch
from torch import Tensor

from agent.config import AugmentConfig
from agent.networks.layouts import layout_of
from sensors.core.modalities import Modality
from sensors.core.state import StateDict, check_state


class Augment:
    """Moves batches of one modality; its random state is part of a checkpoint.

    Args:
        config: strength, and when it grows.
        seed: of the moves.
    """

    VERSION = 1

    def __init__(self, config: AugmentConfig, seed: int) -> None:
        self.config = config
        self.generator = torch.Generator().manual_seed(seed)

    def strength(self, step: int) -> float:
        """How far things are moved at this learner step, 0…config.augment."""
        grown = (step - self.config.augment_from) / max(self.config.augment_growth, 1)
        return self.config.augment * min(max(grown, 0.0), 1.0)

    def observe(self, x: Tensor, modality: Modality, step: int) -> Tensor:
        """A batch as perceived a little differently; as it is where the modality's layout is not moved.

        Args:
            x: (B, *shape) float 0…1.
            modality: whose samples they are; its layout says how they are moved.
            step: learner step.
        """
        strength = self.strength(step)
        layout = layout_of(modality.layout, modality.shape, modality.name)
        move = layout.mirroring(self.config.mirror).move
        if strength <= 0 or move is None:
            return x
        return move(x, strength, self._uniform)

    def _uniform(self, *shape: int) -> Tensor:
        """Between -1 and 1."""
        return torch.rand(*shape, generator=self.generator) * 2 - 1

    def state_dict(self) -> StateDict:
        """The random generator."""
        return {"version": self.VERSION, "generator": self.generator.get_state()}

    def load_state_dict(self, state: StateDict) -> None:
        """Restore exactly.

        Raises:
            StateError: a key is missing or unknown.
        """
        check_state(state, {"generator"}, self.VERSION, "augment")
        self.generator.set_state(state["generator"].cpu())

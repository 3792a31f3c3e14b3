"""Small random moves of what is perceived: a thing seen from a little aside is still that thing.

A sensor never gives the same picture twice; a finite store of events does. Without moves the encoders learn the store's
samples by heart and stop getting better on new ones. Only the side that learns is moved: its partner in an event is
encoded as it was perceived. No label is involved. Moves grow from nothing, so that they do not slow the beginning.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from agent.config import AugmentConfig
from sensors.state import State, check_state

TURN = 0.2
"""Largest turn of a picture, radians."""
SCALE = 0.1
"""Largest change of a picture's width and height, each on its own, and largest shear; shares."""
SHIFT = 0.0625
"""Largest shift of a picture, share of its width or height."""
STRETCH = 0.15
"""Largest change of a sound's speed, share."""
LATE = 3 / 96
"""Longest silence put before a sound, share of the spectrogram's length."""
PITCH = 0.08
"""Largest change of a spectrogram's scale along the mel bands, share: longer and shorter vocal tracts."""
BANDS = 1 / 96
"""Largest shift along the mel bands, share of them."""


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

    def observe(self, x: Tensor, layout: str, step: int) -> Tensor:
        """A batch as seen or heard a little differently.

        Args:
            x: (B, 1, H, W) float 0…1; H are mel bands and W frames where the layout is 'spectrogram'.
            layout: 'picture' or 'spectrogram'; any other layout is returned as it is.
            step: learner step.
        """
        strength = self.strength(step)
        if strength <= 0 or layout not in ("picture", "spectrogram"):
            return x
        move = self._picture(len(x), strength) if layout == "picture" else self._spectrogram(len(x), strength)
        grid = F.affine_grid(move.to(x.device), list(x.shape), align_corners=False)
        return F.grid_sample(x, grid, align_corners=False)

    def _picture(self, count: int, strength: float) -> Tensor:
        turn = self._uniform(count) * TURN * strength
        width, height, shear = (self._uniform(count) * SCALE * strength for _ in range(3))
        move = torch.zeros(count, 2, 3)
        move[:, 0, 0], move[:, 0, 1] = turn.cos() * (1 + width), shear - turn.sin()
        move[:, 1, 0], move[:, 1, 1] = turn.sin(), turn.cos() * (1 + height)
        move[:, :, 2] = self._uniform(count, 2) * 2 * SHIFT * strength
        return move

    def _spectrogram(self, count: int, strength: float) -> Tensor:
        faster, pitch = self._uniform(count) * STRETCH * strength, self._uniform(count) * PITCH * strength
        late = (self._uniform(count) + 1) * LATE * strength
        move = torch.zeros(count, 2, 3)
        # Coordinates run from -1 to 1: a sound keeps its beginning when its speed changes.
        move[:, 0, 0], move[:, 0, 2] = 1 + faster, faster - late
        # The lowest band stays where it is, as formants move in proportion to their frequency.
        move[:, 1, 1], move[:, 1, 2] = 1 + pitch, pitch + self._uniform(count) * 2 * BANDS * strength
        return move

    def _uniform(self, *shape: int) -> Tensor:
        """Between -1 and 1."""
        return torch.rand(*shape, generator=self.generator) * 2 - 1

    def state_dict(self) -> State:
        """The random generator."""
        return {"version": self.VERSION, "generator": self.generator.get_state()}

    def load_state_dict(self, state: State) -> None:
        """Restore exactly.

        Raises:
            StateError: a key is missing or unknown.
        """
        check_state(state, {"generator"}, self.VERSION, "augment")
        self.generator.set_state(state["generator"].cpu())

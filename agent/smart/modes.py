"""Which partners to follow where what one thing evokes has several middles.

A transcoder that minimises the second term of Eq. 1-2 over all partners of a thing ends in their geometric median.
Where the partners form two groups of like size (a word recorded in two manners) that point lies between the groups,
where no sample ever was and where no decoder has been. 'The representation closest to the centre of its cluster' is
what the paper asks for: so each partner counts the less the farther it lies from what the thing evokes now, measured
against the other partners of things that evoke alike. The minimum then moves into one of the groups, most often the
larger one, and partners that came by chance lose their say. Each neighbourhood keeps the weight that it had in all.
"""

import torch
from torch import Tensor

ALIKE = 0.05
"""Share of a batch that counts as evoking like an event, itself included: half of one of ten frequent concepts."""
FEWEST = 4
"""Events that do so at least: a small batch's too are measured against others."""
MOST = 20.0
"""Largest weight of one partner before a neighbourhood's weights are brought to a mean of one."""


def mode_weights(guess: Tensor, guide: Tensor, sharpness: float) -> Tensor:
    """Weights of a batch's guides by their nearness to what is evoked.

    Args:
        guess: (B, Z) what is evoked now, T(E(x)).
        guide: (B, Z) the guides.
        sharpness: how fast a guide's weight falls, per standard deviation of the squared distances around it; 0: all 1.

    Returns:
        (B,) float32, without gradient; about 1 in the mean over events that evoke alike.
    """
    guess, guide = guess.detach().float(), guide.detach().float()
    apart = torch.cdist(guess, guess).square()
    # To each event its own width: were it one for all, it would be that of the densest concepts, and whoever evokes
    # what few others do would be measured against itself alone, and end between the groups.
    near_by = min(max(FEWEST, int(ALIKE * len(apart))), len(apart))
    width = apart.kthvalue(near_by, dim=1, keepdim=True).values.clamp_min(1e-6)
    alike = torch.exp(-apart / width)
    alike = alike / alike.sum(1, keepdim=True)
    distance = (guess - guide).square().sum(1)
    mean = alike @ distance
    spread = (alike @ distance.square() - mean.square()).clamp_min(1e-12).sqrt()
    near = torch.exp(-sharpness * (distance - mean) / spread.clamp_min(1e-6)).clamp_max(MOST)
    return near / (alike @ near).clamp_min(1e-6)

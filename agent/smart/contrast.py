"""The third term of a turn: what is evoked must be closer to its own guide than to the guides of other events.

Eq. 1-2 ask that T(E(x_n)) lies close to its guide. They do not ask that events differ. With few steps the minimum of the
distance is then near the mean of all guides. Contrastive learning sees exactly those differences; here its loss is added
to a turn, with the guides frozen as ever:

    s_nm = cos(T_S->O(E_S(x_n)), g_m) / tau                    g_m: the guide of event m of the batch, frozen
    L_c = -1/B sum_n log( exp(s_nn) / sum_(m in N(n)) exp(s_nm) )

N(n) is n itself and the events of other lessons, as in `agent/algorithms/contrastive.py`: a lesson is no label, and the
other events of a lesson are no counterexamples.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from sensors.core.event import NO_LESSON


def contrast(guess: Tensor, guide: Tensor, lesson: Tensor, temperature: float) -> Tensor:
    """L_c of one batch.

    Args:
        guess: T(E(x)) of B events, (B, latent) float32.
        guide: their frozen guides, (B, latent) float32.
        lesson: (B,) int64, `NO_LESSON` for none.
        temperature: tau.

    Returns:
        A scalar.
    """
    s = F.normalize(guess.float(), dim=1) @ F.normalize(guide.float(), dim=1).T / temperature
    same = (lesson[:, None] == lesson[None, :]) & (lesson != NO_LESSON)[:, None]
    own = torch.eye(len(s), dtype=torch.bool, device=s.device)
    s = s.masked_fill(same & ~own, -torch.inf)
    return F.cross_entropy(s, torch.arange(len(s), device=s.device))

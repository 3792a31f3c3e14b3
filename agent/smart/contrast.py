"""The third term of a turn, off by default: what is evoked lies closer to its own guide than to other events' guides.

Eq. 1-2 ask that T(E(x_n)) lies close to its guide. They do not ask that events differ. Contrastive learning asks that
they differ and nothing else. `learner.contrast` adds its loss to a turn, with the guides as frozen as ever:

    s_nm = cos(T_S->O(E_S(x_n)), g_m) / tau                    g_m: the guide of event m of the batch
    L_c = -1/B sum_n log( exp(s_nn) / sum_(m in N(n)) exp(s_nm) )

N(n) is n itself and the events of other lessons. A lesson is no label: it is what the source itself says of its events.
The other events of a lesson are no counterexamples, so they are left out of the sum.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from sensors.core.event import NO_LESSON


def contrast(guess: Tensor, guide: Tensor, lesson: Tensor, temperature: float) -> Tensor:
    """L_c of one batch.

    Args:
        guess: T(E(x)) of B events, (B, latent).
        guide: their frozen guides, (B, latent).
        lesson: (B,) int64, `NO_LESSON` for none.
        temperature: tau.

    Returns:
        A scalar.
    """
    s = F.normalize(guess.float(), dim=1) @ F.normalize(guide.float(), dim=1).T / temperature
    return F.cross_entropy(leave_out_lessons(s, lesson), torch.arange(len(s), device=s.device))


def leave_out_lessons(s: Tensor, lesson: Tensor) -> Tensor:
    """Similarities (B, B) of events with events, minus infinity where another event has the same lesson."""
    same = (lesson[:, None] == lesson[None, :]) & (lesson != NO_LESSON)[:, None]
    own = torch.eye(len(s), dtype=torch.bool, device=s.device)
    return s.masked_fill(same & ~own, -torch.inf)

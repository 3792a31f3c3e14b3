import math

import pytest
import torch

from agent.smart.contrast import contrast, leave_out_lessons
from sensors.core.event import NO_LESSON


def rows(seed: int, count: int = 5, latent: int = 8) -> torch.Tensor:
    return torch.randn(count, latent, generator=torch.Generator().manual_seed(seed))


def test_the_term_is_info_nce_by_hand() -> None:
    guess, guide, tau = rows(0), rows(1), 0.2
    by_hand = 0.0
    for n in range(5):
        s = [float(guess[n] @ g / guess[n].norm() / g.norm()) / tau for g in guide]
        by_hand -= math.log(math.exp(s[n]) / sum(math.exp(v) for v in s)) / 5
    assert float(contrast(guess, guide, torch.arange(5), tau)) == pytest.approx(by_hand, rel=1e-5)


def test_other_events_of_a_lesson_are_no_counterexamples() -> None:
    s = leave_out_lessons(torch.zeros(4, 4), torch.tensor([7, 7, NO_LESSON, NO_LESSON]))
    hidden = [(int(i), int(j)) for i, j in torch.isinf(s).nonzero()]
    assert hidden == [(0, 1), (1, 0)]


def test_guides_that_all_events_share_cannot_be_told_apart() -> None:
    guide = rows(1, 1).expand(5, 8)
    assert float(contrast(rows(0), guide, torch.arange(5), 0.1)) == pytest.approx(math.log(5), rel=1e-5)


def test_a_guess_that_is_its_own_guide_costs_least() -> None:
    guide, lesson = rows(1), torch.arange(5)
    right, wrong = contrast(guide, guide, lesson, 0.1), contrast(guide.roll(1, 0), guide, lesson, 0.1)
    assert float(right) < 0.01 < float(wrong)

"""Guides that count by their nearness to what is evoked."""

import pytest
import torch
from torch import Tensor

from agent.smart.modes import mode_weights


def settle(guide: Tensor, sharpness: float, start: Tensor) -> Tensor:
    """Where one guess for all these guides comes to rest: gradient steps on the weighted mean of the norms."""
    guess = start.clone().requires_grad_()
    optimiser = torch.optim.Adam([guess], 0.02)
    for step in range(1500):
        weights = mode_weights(guess.expand(len(guide), -1), guide, sharpness)
        optimiser.param_groups[0]["lr"] = 0.02 * (1 - step / 1500)
        optimiser.zero_grad()
        torch.autograd.backward((weights * (guess - guide).norm(dim=1)).mean())
        optimiser.step()
    return guess.detach()


def two_groups(share: float) -> tuple[Tensor, Tensor, Tensor]:
    """64 guides in two groups of unit spread, far apart, of which the first has this share; and both centres."""
    generator = torch.Generator().manual_seed(0)
    centres = torch.zeros(2, 16)
    centres[0, :4], centres[1, :4] = 3.0, -3.0
    which = (torch.arange(64) >= round(64 * share)).long()
    return centres[which] + torch.randn(64, 16, generator=generator) * 0.5, centres[0], centres[1]


def test_a_median_lies_between_two_groups_and_a_mode_in_the_larger_one() -> None:
    guides, large, small = two_groups(0.55)
    apart = float((large - small).norm())
    median = settle(guides, 0.0, guides.mean(0))
    assert (median - large).norm() > 0.2 * apart
    mode = settle(guides, 1.0, guides.mean(0))
    assert (mode - large).norm() < 0.1 * apart


def test_one_group_keeps_its_middle() -> None:
    guides, large, _ = two_groups(1.0)
    assert (settle(guides, 1.0, guides[0]) - large).norm() < 0.5


def test_weights_fall_with_distance_and_keep_the_neighbourhoods_weight() -> None:
    guides, _, _ = two_groups(0.5)
    guess = guides.mean(0).expand(64, -1) + 0.3
    weights = mode_weights(guess, guides, 1.0)
    order = (guess - guides).norm(dim=1).argsort()
    assert (weights[order].diff() <= 1e-6).all() and weights[order[0]] > 2 * weights[order[-1]]
    assert weights.mean() == pytest.approx(1.0, abs=1e-5)


def test_things_that_evoke_differently_are_not_measured_against_each_other() -> None:
    # What the first half evokes is far from all of its guides, the second half's is near: neither half loses its say.
    torch.manual_seed(1)
    guess = torch.cat([torch.full((32, 8), 10.0), torch.full((32, 8), -10.0)]) + 0.01 * torch.randn(64, 8)
    guide = guess + torch.cat([torch.full((32, 8), 5.0), torch.full((32, 8), 0.1)]) * (1 + 0.1 * torch.randn(64, 8))
    weights = mode_weights(guess, guide, 1.0)
    assert weights[:32].mean() == pytest.approx(1.0, abs=0.2)
    assert weights[32:].mean() == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize("crowd", [12, 120])
def test_an_event_that_evokes_what_few_do_is_measured_against_its_nearest(crowd: int) -> None:
    # Beside a crowd that evokes all the same, eight events evoke something a little different each.
    generator = torch.Generator().manual_seed(2)
    odd = torch.randn(8, 16, generator=generator)
    guess = torch.cat([torch.full((crowd, 16), 20.0) + 1e-3 * torch.randn(crowd, 16, generator=generator), odd])
    far = torch.arange(8) % 4 == 0
    guide = guess.clone()
    guide[crowd:] += torch.where(far, 3.0, 0.5)[:, None]
    weights = mode_weights(guess, guide, 1.0)
    assert weights[crowd:][far].max() < 0.5 < 0.8 < weights[crowd:][~far].min()


def test_without_sharpness_or_spread_all_count_alike() -> None:
    guides, _, _ = two_groups(0.5)
    assert torch.allclose(mode_weights(guides.flip(0), guides, 0.0), torch.ones(64))
    same = torch.zeros(8, 4)
    assert torch.allclose(mode_weights(same, same, 1.0), torch.ones(8))


def test_no_gradient_and_full_precision() -> None:
    guess = torch.randn(16, 4, dtype=torch.bfloat16, requires_grad=True)
    weights = mode_weights(guess, torch.randn(16, 4), 1.0)
    assert weights.dtype == torch.float32 and not weights.requires_grad and torch.isfinite(weights).all()

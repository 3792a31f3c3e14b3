"""RBMs so small that every state can be enumerated, against exact energies, gradients and distributions."""

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from agent.tdlft.config import PretrainConfig
from agent.tdlft.rbm import RBM, ContrastiveDivergence
from sensors.core.errors import StateError, TransferError

VISIBLE, HIDDEN = 4, 3


def states(units: int) -> Tensor:
    return torch.tensor(list(itertools.product((0.0, 1.0), repeat=units)))


def tiny(kind: str) -> RBM:
    generator = torch.Generator().manual_seed(3)
    rbm = RBM(VISIBLE, HIDDEN, kind, generator)
    rbm.weight = torch.randn(VISIBLE, HIDDEN, generator=generator)
    rbm.visible_bias = torch.randn(VISIBLE, generator=generator) * 0.5
    rbm.hidden_bias = torch.randn(HIDDEN, generator=generator) * 0.5
    return rbm


def visible_distribution(rbm: RBM) -> Tensor:
    """p(v) of a Bernoulli RBM, from the energies of all joint states."""
    v, h = states(VISIBLE), states(HIDDEN)
    joint = torch.stack([torch.exp(-rbm.energy(v, one.expand(len(v), -1))) for one in h])
    return joint.sum(0) / joint.sum()


def hidden_distribution(rbm: RBM) -> Tensor:
    """p(h) of a Gaussian RBM: the integral over v of exp(-E(v, h)) is exp(c·h + b·Wh + |Wh|²/2), up to a constant."""
    h = states(HIDDEN)
    push = h @ rbm.weight.T
    return torch.softmax(h @ rbm.hidden_bias + push @ rbm.visible_bias + push.square().sum(1) / 2, 0)


@pytest.mark.parametrize("kind", ["bernoulli", "gaussian"])
def test_free_energy_is_minus_the_log_of_all_hidden_states_together(kind: str) -> None:
    rbm = tiny(kind)
    v = states(VISIBLE) if kind == "bernoulli" else torch.randn(6, VISIBLE, generator=torch.Generator().manual_seed(1))
    energies = torch.stack([rbm.energy(v, h.expand(len(v), -1)) for h in states(HIDDEN)])
    assert torch.allclose(rbm.free_energy(v), -torch.logsumexp(-energies, 0), atol=1e-5)


@pytest.mark.parametrize("kind", ["bernoulli", "gaussian"])
def test_hidden_means_are_the_posterior(kind: str) -> None:
    rbm, h = tiny(kind), states(HIDDEN)
    v = torch.randn(5, VISIBLE, generator=torch.Generator().manual_seed(2))
    posterior = torch.softmax(-torch.stack([rbm.energy(v, one.expand(len(v), -1)) for one in h]), 0)
    assert torch.allclose(rbm.hidden_mean(v), posterior.T @ h, atol=1e-5)


def test_gradient_is_that_of_the_exact_log_likelihood() -> None:
    rbm, v = tiny("bernoulli"), states(VISIBLE)
    data = v[[1, 5, 5, 14]]
    parameters = (rbm.weight, rbm.visible_bias, rbm.hidden_bias)
    for parameter in parameters:
        parameter.requires_grad_(True)
    likelihood = -rbm.free_energy(data).mean() - torch.logsumexp(-rbm.free_energy(v), 0)
    exact = torch.autograd.grad(likelihood, parameters)
    for parameter in parameters:
        parameter.requires_grad_(False)
    # As many copies of each state as the model has probability for: the mean over them is the model's mean.
    model = v.repeat_interleave((visible_distribution(rbm) * 20_000).round().long(), 0)
    for mine, theirs in zip(rbm.gradient(data, model), exact, strict=True):
        assert torch.allclose(mine, theirs, atol=4e-4)


def test_gaussian_gradient_is_that_of_the_exact_log_likelihood() -> None:
    rbm = tiny("gaussian")
    data = torch.randn(5, VISIBLE, generator=torch.Generator().manual_seed(4))
    parameters = (rbm.weight, rbm.visible_bias, rbm.hidden_bias)
    for parameter in parameters:
        parameter.requires_grad_(True)
    h = states(HIDDEN)
    push = h @ rbm.weight.T
    # log Z, but for a constant: every hidden state's Gaussian integrated over v.
    log_z = torch.logsumexp(h @ rbm.hidden_bias + push @ rbm.visible_bias + push.square().sum(1) / 2, 0)
    exact = torch.autograd.grad(-rbm.free_energy(data).mean() - log_z, parameters)
    for parameter in parameters:
        parameter.requires_grad_(False)
    generator = torch.Generator().manual_seed(5)
    drawn = h[torch.multinomial(hidden_distribution(rbm), 100_000, replacement=True, generator=generator)]
    model = rbm.sample_visible(drawn, generator)
    for mine, theirs in zip(rbm.gradient(data, model), exact, strict=True):
        assert torch.allclose(mine, theirs, atol=0.05)


def test_one_gibbs_step_has_the_exact_expectation() -> None:
    """The mean of CD-1 over many draws is the expectation over p(h | v) and p(v' | h), enumerated."""
    rbm, v, h = tiny("bernoulli"), states(VISIBLE), states(HIDDEN)
    start = v[6]
    up, down = rbm.hidden_mean(start[None])[0], rbm.visible_mean(h)
    p_h = (up**h * (1 - up) ** (1 - h)).prod(1)
    p_v = (down[:, None] ** v * (1 - down[:, None]) ** (1 - v)).prod(2)
    expected = p_h @ p_v
    moved = rbm.gibbs(start.expand(50_000, -1), 1, torch.Generator().manual_seed(0))
    assert torch.allclose(frequencies(moved), expected, atol=0.008)


def test_long_chains_draw_from_the_models_distribution() -> None:
    rbm = tiny("bernoulli")
    drawn = rbm.gibbs(torch.zeros(30_000, VISIBLE), 40, torch.Generator().manual_seed(0))
    assert torch.allclose(frequencies(drawn), visible_distribution(rbm), atol=0.01)


def test_long_gaussian_chains_draw_from_the_models_distribution() -> None:
    rbm = tiny("gaussian")
    rbm.weight *= 0.7
    generator = torch.Generator().manual_seed(0)
    v = rbm.gibbs(torch.zeros(30_000, VISIBLE), 40, generator)
    h, p = states(HIDDEN), hidden_distribution(rbm)
    centres = h @ rbm.weight.T + rbm.visible_bias
    mean = p @ centres
    covariance = torch.eye(VISIBLE) + (centres - mean).T @ ((centres - mean) * p[:, None])
    assert torch.allclose(v.mean(0), mean, atol=0.04)
    assert torch.allclose(torch.cov(v.T), covariance, atol=0.08)
    assert torch.allclose(frequencies(rbm.sample_hidden(v, generator)), p, atol=0.01)


def frequencies(rows: Tensor) -> Tensor:
    code = (rows.long() * (2 ** torch.arange(rows.shape[1] - 1, -1, -1))).sum(1)
    return torch.bincount(code, minlength=2 ** rows.shape[1]) / len(rows)


def test_learning_a_distribution_raises_its_exact_likelihood() -> None:
    generator = torch.Generator().manual_seed(0)
    data = torch.tensor([[1.0, 1, 0, 0], [0, 0, 1, 1]]).repeat(50, 1)
    rbm = RBM(VISIBLE, HIDDEN, "bernoulli", generator)
    config = PretrainConfig(pretrain_epochs=150, pretrain_batch=20, bernoulli_rate=0.1)

    def likelihood() -> float:
        v = states(VISIBLE)
        return float(-rbm.free_energy(data).mean() - torch.logsumexp(-rbm.free_energy(v), 0))

    before = likelihood()
    list(ContrastiveDivergence(rbm, config, generator).run(data))
    # Two states of equal share cannot be told better than by log(1/2).
    assert before < -2.5 and -1.2 < likelihood() <= np.log(0.5)


def test_momentum_and_decay_are_as_written() -> None:
    generator = torch.Generator().manual_seed(0)
    rbm = RBM(VISIBLE, HIDDEN, "gaussian", generator)
    config = PretrainConfig(gaussian_rate=0.1, weight_cost=0.5)
    learner = ContrastiveDivergence(rbm, config, generator)
    v = torch.randn(8, VISIBLE, generator=generator)
    before, state = rbm.weight.clone(), generator.get_state()
    learner.step(v, 0.0)
    generator.set_state(state)
    fresh = RBM(VISIBLE, HIDDEN, "gaussian", torch.Generator())
    fresh.weight = before
    ascent = fresh.gradient(v, fresh.gibbs(v, 1, generator, sampled_visible=False)).weight
    first = 0.1 * ascent - 0.1 * 0.5 * before
    assert torch.allclose(rbm.weight, before + first, atol=1e-6)
    # With the rate at nothing, what is left of a step is the last one's momentum.
    learner.rate = 0.0
    after = rbm.weight.clone()
    learner.step(v, 0.9)
    assert torch.allclose(rbm.weight, after + 0.9 * first, atol=1e-6)


def test_learning_by_heart_widens_the_free_energy_gap() -> None:
    generator = torch.Generator().manual_seed(0)
    few, others = torch.randn(10, 40, generator=generator), torch.randn(50, 40, generator=generator)
    rbm = RBM(40, 60, "gaussian", generator)
    config = PretrainConfig(pretrain_epochs=200, pretrain_batch=10, gaussian_rate=0.005)
    progress = list(ContrastiveDivergence(rbm, config, generator).run(few, others))
    assert progress[-1].gap > progress[0].gap + 10
    assert progress[-1].error < 0.5 * progress[-1].held_out_error


def test_patience_stops_an_rbm_that_only_learns_by_heart() -> None:
    generator = torch.Generator().manual_seed(0)
    few, others = torch.randn(10, 40, generator=generator), torch.randn(50, 40, generator=generator)
    rbm = RBM(40, 60, "gaussian", generator)
    config = PretrainConfig(pretrain_epochs=500, gaussian_rate=0.005, patience=3)
    progress = list(ContrastiveDivergence(rbm, config, generator).run(few, others))
    assert len(progress) < 400
    assert min(p.held_out_error for p in progress[:-3]) <= min(p.held_out_error for p in progress[-3:])


def test_divergence_names_the_setting() -> None:
    generator = torch.Generator().manual_seed(0)
    rbm = RBM(20, 30, "gaussian", generator)
    rows = 30 * torch.randn(50, 20, generator=generator)
    with pytest.raises(TransferError, match="lower gaussian_rate"):
        list(ContrastiveDivergence(rbm, PretrainConfig(gaussian_rate=1.0), generator).run(rows))


def test_state_is_strict_and_exact() -> None:
    rbm, other = tiny("gaussian"), RBM(VISIBLE, HIDDEN, "gaussian", torch.Generator())
    other.load_state_dict(rbm.state_dict())
    v = torch.ones(2, VISIBLE)
    assert torch.equal(other.reconstruct(v), rbm.reconstruct(v))
    with pytest.raises(StateError, match="gaussian"):
        RBM(VISIBLE, HIDDEN, "bernoulli", torch.Generator()).load_state_dict(rbm.state_dict())
    with pytest.raises(StateError, match="weight"):
        RBM(VISIBLE, HIDDEN + 1, "gaussian", torch.Generator()).load_state_dict(rbm.state_dict())
    with pytest.raises(StateError, match="lacks kind"):
        other.load_state_dict({k: v for k, v in rbm.state_dict().items() if k != "kind"})
    with pytest.raises(StateError, match="version"):
        other.load_state_dict(rbm.state_dict() | {"version": 9})
    with pytest.raises(TransferError, match="poisson"):
        RBM(2, 2, "poisson", torch.Generator())

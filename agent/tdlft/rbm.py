"""Restricted Boltzmann machines: energies, Gibbs sampling, and contrastive divergence.

With visible units v, hidden units h (0 or 1), weights W, visible biases b and hidden biases c:

    Bernoulli:  E(v, h) = -b·v - c·h - v·W·h              F(v) = -b·v - sum softplus(c + v·W)
    Gaussian:   E(v, h) = |v - b|²/2 - c·h - v·W·h        F(v) = |v - b|²/2 - sum softplus(c + v·W)

F is the free energy: p(v) = exp(-F(v)) / Z. Gaussian units have variance 1, so inputs come standardised.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from agent.tdlft.config import PretrainConfig
from sensors.core.errors import StateError, TransferError
from sensors.core.state import StateDict, check_state

KINDS = ("gaussian", "bernoulli")
START_EPOCHS = 5
"""Epochs with the small momentum: while weights find their direction, a large one overshoots."""


class Gradient(NamedTuple):
    """Direction of ascent of the mean log-likelihood, or an estimate: of W, b and c."""

    weight: Tensor
    visible: Tensor
    hidden: Tensor


@dataclass(frozen=True)
class EpochErrors:
    """What one epoch of one RBM left, measured after it.

    Attributes:
        layer: 0 for the RBM at the input.
        epoch: from 0.
        error: mean squared difference of rows and their reconstructions, per value.
        held_out_error: the same on held-out rows; NaN without any.
        free_energy: mean over training rows.
        held_out_free_energy: mean over held-out rows; NaN without any.
    """

    layer: int
    epoch: int
    error: float
    held_out_error: float
    free_energy: float
    held_out_free_energy: float

    @property
    def gap(self) -> float:
        """Free energy of held-out rows above that of training rows: it grows when the RBM learns its rows by heart."""
        return self.held_out_free_energy - self.free_energy


class RBM:
    """One restricted Boltzmann machine, float32.

    Args:
        visible: number of visible units.
        hidden: number of hidden units.
        kind: of the visible units, 'gaussian' or 'bernoulli'; hidden ones are Bernoulli.
        generator: of the first weights, which are small and normal.
    """

    VERSION = 1

    def __init__(self, visible: int, hidden: int, kind: str, generator: torch.Generator) -> None:
        if kind not in KINDS or visible < 1 or hidden < 1:
            raise TransferError(f"RBM of {visible} {kind!r} units under {hidden}: kinds are {', '.join(KINDS)}")
        self.kind = kind
        self.weight = torch.randn(visible, hidden, generator=generator) * 0.01
        self.visible_bias = torch.zeros(visible)
        self.hidden_bias = torch.zeros(hidden)

    def hidden_mean(self, v: Tensor) -> Tensor:
        """p(h = 1 | v). Shape (B, visible) to (B, hidden)."""
        return torch.sigmoid(torch.addmm(self.hidden_bias, v, self.weight))

    def visible_mean(self, h: Tensor) -> Tensor:
        """E(v | h). Shape (B, hidden) to (B, visible)."""
        field = torch.addmm(self.visible_bias, h, self.weight.T)
        return field if self.kind == "gaussian" else torch.sigmoid(field)

    def sample_hidden(self, v: Tensor, generator: torch.Generator) -> Tensor:
        """Zeros and ones from p(h | v)."""
        return torch.bernoulli(self.hidden_mean(v), generator=generator)

    def sample_visible(self, h: Tensor, generator: torch.Generator) -> Tensor:
        """Visible vectors from p(v | h)."""
        mean = self.visible_mean(h)
        if self.kind == "bernoulli":
            return torch.bernoulli(mean, generator=generator)
        return mean + torch.randn(mean.shape, generator=generator)

    def energy(self, v: Tensor, h: Tensor) -> Tensor:
        """E(v, h), shape (B,)."""
        return self._visible_energy(v) - h @ self.hidden_bias - ((v @ self.weight) * h).sum(1)

    def free_energy(self, v: Tensor) -> Tensor:
        """F(v) = -log sum_h exp(-E(v, h)), shape (B,)."""
        return self._visible_energy(v) - F.softplus(torch.addmm(self.hidden_bias, v, self.weight)).sum(1)

    def reconstruct(self, v: Tensor) -> Tensor:
        """Mean-field way up and down again."""
        return self.visible_mean(self.hidden_mean(v))

    def gibbs(self, v: Tensor, steps: int, generator: torch.Generator, sampled_visible: bool = True) -> Tensor:
        """The chains v -> h -> v after some steps; without `sampled_visible`, v moves to its mean instead."""
        for _ in range(steps):
            h = self.sample_hidden(v, generator)
            v = self.sample_visible(h, generator) if sampled_visible else self.visible_mean(h)
        return v

    def gradient(self, data: Tensor, model: Tensor) -> Gradient:
        """Mean of -dF/dθ over the data minus its mean over the model's visible vectors.

        With vectors drawn from the model this is the gradient of the log-likelihood; with what a few Gibbs steps from
        the data reach, it is contrastive divergence.
        """
        up, down = self.hidden_mean(data), self.hidden_mean(model)
        # Of Gaussian energies, -dF/db is v - b; the b of both means cancels.
        return Gradient(
            data.T @ up / len(data) - model.T @ down / len(model),
            data.mean(0) - model.mean(0),
            up.mean(0) - down.mean(0),
        )

    def _visible_energy(self, v: Tensor) -> Tensor:
        if self.kind == "bernoulli":
            return -(v @ self.visible_bias)
        return (v - self.visible_bias).square().sum(1) / 2

    def state_dict(self) -> StateDict:
        """Kind, weights and biases."""
        return {
            "version": self.VERSION,
            "kind": self.kind,
            "weight": self.weight,
            "visible_bias": self.visible_bias,
            "hidden_bias": self.hidden_bias,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore exactly.

        Raises:
            StateError: parts are missing or unknown, or of another kind or size.
        """
        names = ("weight", "visible_bias", "hidden_bias")
        check_state(state, {"kind", *names}, self.VERSION, "RBM")
        if state["kind"] != self.kind:
            raise StateError(f"RBM: saved with {state['kind']} visible units, this one has {self.kind} ones")
        for name in names:
            setattr(self, name, same_size(state[name], getattr(self, name), f"RBM {name}"))


class ContrastiveDivergence:
    """CD-k with momentum and weight decay.

    Args:
        rbm: what learns.
        config: rates, momentum, decay and k.
        generator: of Gibbs samples and of the rows' order.
    """

    def __init__(self, rbm: RBM, config: PretrainConfig, generator: torch.Generator) -> None:
        self.rbm = rbm
        self.config = config
        self.generator = generator
        self.rate = config.gaussian_rate if rbm.kind == "gaussian" else config.bernoulli_rate
        self.velocity = Gradient(*(torch.zeros_like(p) for p in (rbm.weight, rbm.visible_bias, rbm.hidden_bias)))

    def step(self, v: Tensor, momentum: float) -> None:
        """One update from a batch of visible vectors, (B, visible)."""
        config, rbm = self.config, self.rbm
        gradient = rbm.gradient(v, rbm.gibbs(v, config.cd_steps, self.generator, config.sampled_visible))
        for velocity, ascent in zip(self.velocity, gradient, strict=True):
            velocity.mul_(momentum).add_(ascent, alpha=self.rate)
        self.velocity.weight.add_(rbm.weight, alpha=-self.rate * config.weight_cost)
        rbm.weight.add_(self.velocity.weight)
        rbm.visible_bias.add_(self.velocity.visible)
        rbm.hidden_bias.add_(self.velocity.hidden)

    def run(self, v: Tensor, held_out: Tensor | None = None, layer: int = 0) -> Iterator[EpochErrors]:
        """Train for the configured epochs, one yield after each, and stop early as `patience` has it.

        Args:
            v: (N, visible).
            held_out: rows on which overfitting shows, never trained on.
            layer: for the reports.

        Raises:
            TransferError: the weights left all bounds; the message names the setting to lower.
        """
        best, waited = float("inf"), 0
        for epoch in range(self.config.pretrain_epochs):
            momentum = self.config.start_momentum if epoch < START_EPOCHS else self.config.momentum
            for rows in batches(len(v), self.config.pretrain_batch, self.generator):
                self.step(v[rows], momentum)
            progress = self._look(v, held_out, layer, epoch)
            if not (progress.error < float("inf")):
                raise TransferError(f"RBM {layer} diverged in epoch {epoch}: lower {self.rbm.kind}_rate, {self.rate:g}")
            yield progress
            waited = 0 if progress.held_out_error < best else waited + 1
            best = min(best, progress.held_out_error)
            if held_out is not None and self.config.patience and waited >= self.config.patience:
                return

    def _look(self, v: Tensor, held_out: Tensor | None, layer: int, epoch: int) -> EpochErrors:
        # As many training rows as held-out ones are enough, and keep the monitor's cost a fraction of the epoch's.
        seen = v[: max(len(held_out) if held_out is not None else 0, min(len(v), 256))]
        error, free = self._measure(seen)
        held_out_error, held_out_free = (float("nan"), float("nan")) if held_out is None else self._measure(held_out)
        return EpochErrors(layer, epoch, error, held_out_error, free, held_out_free)

    def _measure(self, v: Tensor) -> tuple[float, float]:
        return float((v - self.rbm.reconstruct(v)).square().mean()), float(self.rbm.free_energy(v).mean())


def batches(count: int, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Numbers of all rows once, in random order, some at a time."""
    order = torch.randperm(count, generator=generator)
    for at in range(0, count, size):
        yield order[at : at + size]


def same_size(value: Any, present: Tensor, owner: str) -> Tensor:
    """A saved tensor that must fit the place of `present`.

    Raises:
        StateError: no tensor, or of another shape or dtype.
    """
    if not isinstance(value, Tensor) or value.shape != present.shape or value.dtype != present.dtype:
        found = f"{tuple(value.shape)} {value.dtype}" if isinstance(value, Tensor) else type(value).__name__
        raise StateError(f"{owner}: saved as {found}, this one is {tuple(present.shape)} {present.dtype}")
    return value.detach().clone()

"""Whitening of the latent: its numbers get the same variance and do not follow each other.

An autoencoder learns first what makes most of a sample's difference to the mean sample, for instance how long a sound
is. Its latents then lie close to one line for hundreds of steps, and as targets for another sense (Eq. 1-2) they tell
little else. Batch normalisation gives every number of z the variance 1, but the numbers may all say the same.
Whitening (decorrelated batch normalisation: Huang, Yang, Lang and Deng, CVPR 2018) multiplies the centred z by
(C + shrinkage mean(C's eigenvalues))^(-1/2), with C the covariance matrix, so that smaller differences count too.

A batch of 64 cannot tell the covariance of 512 numbers, so that running statistics stand for it. They are constants to
the gradient. While a network learns they lag behind its weights, which matters where its latents are to guide another
network: `recalibrate` takes them anew from what the present weights make of samples.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

MOMENTUM = 0.1
"""Weight of the newest batch in the running statistics."""
SHRINKAGE = 0.5
"""Variance that is added to every direction, as a share of the mean variance: directions with little are noise."""
EVERY = 5
"""Batches after which the matrix is computed anew: an eigenvalue decomposition takes as long as a tenth of a step."""
FIRST = 10
"""Batches at the start after each of which it is computed anew."""


class Whitening(nn.Module):
    """Centred and whitened latents, (B, latent) to (B, latent) float32; running statistics are its only state."""

    mean: Tensor
    covariance: Tensor
    matrix: Tensor
    batches: Tensor

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(latent))
        self.register_buffer("covariance", torch.eye(latent))
        self.register_buffer("matrix", torch.eye(latent))
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    def forward(self, z: Tensor) -> Tensor:
        """Whiten; in training mode the batch enters the running statistics first."""
        # Autocast would multiply in bfloat16, whose rounding is larger than the directions that whitening makes count.
        with torch.autocast(z.device.type, enabled=False):
            z = z.float()
            if self.training:
                with torch.no_grad():
                    self._observe(z)
            out: Tensor = (z - self.mean) @ self.matrix
            return out

    def recalibrate(self, z: Tensor) -> None:
        """Replace the statistics by those of these vectors, (n, latent)."""
        z = z.float()
        self.mean.copy_(z.mean(0))
        centred = z - self.mean
        self.covariance.copy_(centred.T @ centred / len(z))
        self.matrix.copy_(whitening_matrix(self.covariance))

    def _observe(self, z: Tensor) -> None:
        seen = int(self.batches)
        weight = max(MOMENTUM, 1 / (seen + 1))
        self.mean.lerp_(z.mean(0), weight)
        centred = z - self.mean
        self.covariance.lerp_(centred.T @ centred / len(z), weight)
        self.batches += 1
        if seen < FIRST or seen % EVERY == 0:
            self.matrix.copy_(whitening_matrix(self.covariance))


def whitening_matrix(covariance: Tensor, shrinkage: float = SHRINKAGE) -> Tensor:
    """The symmetric matrix that whitens vectors of this covariance.

    Args:
        covariance: (n, n) float32, symmetric.
        shrinkage: variance added to every direction, as a share of the mean variance.

    Returns:
        (n, n) float32.
    """
    variances, directions = torch.linalg.eigh(covariance)
    # Rounding may leave variances just below zero.
    variances = variances.clamp_min(0)
    # A constant z has no variance at all: the smallest number keeps the root finite.
    scale = (variances + shrinkage * variances.mean() + 1e-12).rsqrt()
    matrix: Tensor = (directions * scale) @ directions.T
    return matrix


def recalibrate(network: nn.Module, batches: Sequence[Tensor]) -> None:
    """Take the statistics of a network's whitening anew, by its present weights.

    Args:
        network: in evaluation mode; one without whitening stays as it is.
        batches: inputs of the network, together some times as many as the latent has numbers.
    """
    for layer in [m for m in network.modules() if isinstance(m, Whitening)]:
        seen: list[Tensor] = []
        handle = layer.register_forward_pre_hook(lambda _, inputs, seen=seen: seen.append(inputs[0].float()))
        try:
            with torch.no_grad():
                for batch in batches:
                    network(batch)
                layer.recalibrate(torch.cat(seen))
        finally:
            handle.remove()


def whitened(values: int, latent: int) -> list[nn.Module]:
    """The last layers of an encoder: a projection of its `values` numbers to a whitened z."""
    return [nn.Linear(values, latent, bias=False), Whitening(latent)]

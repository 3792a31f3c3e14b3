"""The networks that a learner has published, as every algorithm's inference model offers them."""

import contextlib
import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agent.networks.weights import load_module
from sensors.core.modalities import modality

BATCH = 250
"""Samples that pass through a network at once: it bounds memory and does not change results."""


M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True)
class Networks(ABC):
    """A learner's published networks: what every algorithm's inference model answers.

    Attributes:
        step: step at which they were published.
        sides: modality -> its networks, in evaluation mode.
        decodes: whether samples can be generated; without that, `decode` and `evoke` raise.
    """

    step: int
    sides: Mapping[str, nn.Module]
    decodes: ClassVar[bool]

    @abstractmethod
    def encode(self, x: Tensor, source: str) -> Tensor:
        """Latents (N, L) of samples (N, *shape) float 0…1 of `source`."""

    @abstractmethod
    def translate(self, z: Tensor, source: str, target: str) -> Tensor:
        """Latents (N, L) of `source` in the latent space of `target`; the same where both are one."""

    @abstractmethod
    def decode(self, z: Tensor, target: str) -> Tensor:
        """Samples (N, *shape) float 0…1 of `target` from its latents (N, L).

        Raises:
            StateError: the algorithm has no decoder.
        """

    def evoke(self, x: Tensor, source: str, target: str) -> Tensor:
        """What samples of one modality evoke in another, or in their own.

        Args:
            x: (N, *shape) float 0…1 of `source`.
            source: the modality that is perceived.
            target: the modality that is generated.

        Returns:
            (N, *shape) float 0…1 of `target`.

        Raises:
            StateError: the algorithm has no decoder.
        """

        def path(part: Tensor) -> Tensor:
            return self.decode(self.translate(self.encode(part, source), source, target), target)

        return in_pieces(path, x)

    def to(self, device: torch.device | str) -> Self:
        """The same on a device, which these leave."""
        return dataclasses.replace(self, sides={m: side.to(device) for m, side in self.sides.items()})

    def nearest(self, x: Tensor, source: str, gallery: Tensor, target: str, count: int = 1) -> Tensor:
        """The samples of another sense that are most like what these samples mean.

        Args:
            x: (N, *shape) float 0…1 of `source`.
            source: the modality that is perceived.
            gallery: (G, L) latents of samples of `target`, as `encode` gives them.
            target: the modality that is searched.
            count: how many are wanted, 1…G.

        Returns:
            (N, count) int64 rows of the gallery, the nearest first.
        """
        wanted = self.translate(self.encode(x, source), source, target)
        return torch.cdist(wanted, gallery).topk(count, largest=False).indices


def to_network(samples: NDArray[Any], name: str) -> Tensor:
    """Stored samples (N, *shape) of a modality as float32 network values."""
    return torch.from_numpy(np.array(samples)).float().mul_(modality(name).scale)


_whole: ContextVar[bool] = ContextVar("whole", default=False)


@contextlib.contextmanager
def in_one_pass() -> Iterator[None]:
    """Meanwhile networks take all samples at once, as exporters need, which follow one pass through them."""
    token = _whole.set(True)
    try:
        yield
    finally:
        _whole.reset(token)


def in_pieces(network: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """A network's outputs for samples (N, …), `BATCH` at a time, without gradients."""
    if _whole.get():
        return network(x)
    with torch.inference_mode():
        return torch.cat([network(part) for part in torch.split(x, BATCH)])


def build_sides(published: Mapping[str, Any], make: Callable[[str], M]) -> dict[str, M]:
    """Networks with published weights, by modality, in evaluation mode.

    Args:
        published: holds `modalities` and `arrays`, named '<modality>/…'.
        make: builds the network of a modality; the weights that it draws are not used.

    Raises:
        StateError: arrays are missing, unknown or of another shape.
    """
    sides = {}
    for m in published["modalities"]:
        # On the device 'meta' parameters have no memory: drawing weights only to replace them would take longer than
        # all the rest.
        with torch.device("meta"):
            side = make(m)
        load_module(side, _arrays_of(published["arrays"], m), f"published weights of {m}", assign=True)
        sides[m] = side.eval().requires_grad_(False)
    return sides


def _arrays_of(arrays: Mapping[str, NDArray[Any]], name: str) -> dict[str, Tensor]:
    """The arrays named '<name>/…' as tensors by what follows."""
    return {
        key.partition("/")[2]: torch.from_numpy(np.array(value))
        for key, value in arrays.items()
        if key.partition("/")[0] == name
    }

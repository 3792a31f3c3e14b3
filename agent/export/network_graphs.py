"""Networks as ONNX graphs, whatever algorithm learned them: encoders, decoders, and translations between latents."""

import contextlib
import itertools
import logging
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from agent.networks.published import Networks, in_one_pass
from sensors.core.errors import StateError
from sensors.core.modalities import modality

ENCODE, DECODE, TRANSLATE = "encode", "decode", "translate"
"""What a graph does, and how the name of its file begins."""
_TRACED = 2
"""Samples that are passed through a network while it is followed; a batch may then have any number."""


@dataclass(frozen=True)
class NetworkGraph:
    """One graph.

    Attributes:
        what: `encode`, `decode` or `translate`.
        source: the sense that goes in.
        target: the sense that comes out.
        network: computes it.
        input: name of its input: `sample` or `latent`.
        output: name of its output.
    """

    what: str
    source: str
    target: str
    network: nn.Module
    input: str
    output: str

    @property
    def file(self) -> str:
        """Name of its file."""
        senses = self.source if self.source == self.target else f"{self.source}_to_{self.target}"
        return f"{self.what}_{senses}.onnx"


class _Called(nn.Module):
    """One method of the published networks as a module, with the sides that it uses."""

    def __init__(self, sides: list[nn.Module], call: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.sides = nn.ModuleList(sides)
        self.call = call

    def forward(self, x: Tensor) -> Tensor:
        """What the method gives."""
        return self.call(x)


def network_graphs(networks: Networks) -> list[NetworkGraph]:
    """The graphs of published networks: an encoder and a decoder for each sense, and a translation for each pair.

    Networks without decoders, or whose senses share one space, have no graphs of that kind.
    """

    def made(what: str, source: str, target: str, call: Callable[[Tensor], Tensor], *names: str) -> NetworkGraph:
        sides = [networks.sides[name] for name in dict.fromkeys((source, target))]
        return NetworkGraph(what, source, target, _Called(sides, call).eval(), *names)

    graphs = [made(ENCODE, s, s, partial(networks.encode, source=s), "sample", "latent") for s in networks.sides]
    if networks.decodes:
        graphs += [made(DECODE, s, s, partial(networks.decode, target=s), "latent", "sample") for s in networks.sides]
    for source, target in itertools.permutations(networks.sides, 2):
        if not _same_space(networks, source, target):
            call = partial(networks.translate, source=source, target=target)
            graphs.append(made(TRANSLATE, source, target, call, "latent", "translated"))
    return graphs


def latent_size(networks: Networks, sense: str) -> int:
    """Numbers of a latent."""
    return int(networks.encode(torch.zeros(1, *modality(sense).shape), sense).shape[1])


def write_graph(graph: NetworkGraph, networks: Networks, path: Path) -> None:
    """Write a graph as an ONNX file with all its weights, for any batch size.

    Raises:
        StateError: the exporter cannot follow the network; says which, and what it said.
    """
    sense = graph.source
    shape = modality(sense).shape if graph.what == ENCODE else (latent_size(networks, sense),)
    example = torch.zeros(_TRACED, *shape)
    try:
        with in_one_pass(), torch.no_grad(), _quiet():
            torch.onnx.export(
                graph.network,
                (example,),
                path,
                dynamo=True,
                external_data=False,
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                input_names=[graph.input],
                output_names=[graph.output],
                verbose=False,
            )
    except OSError:
        raise
    except Exception as error:  # whatever the exporter raises means that it cannot follow this network
        raise StateError(
            f"{graph.file}: the network cannot be exported ({' '.join(str(error).split())[:200]})"
        ) from error


def _same_space(networks: Networks, source: str, target: str) -> bool:
    """Whether a translation leaves latents as they are."""
    z = torch.linspace(-1, 1, latent_size(networks, source))[None]
    there = networks.translate(z, source, target)
    return there.shape == z.shape and bool(torch.equal(there, z))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter's own remarks are none of the user's concern."""
    log = logging.getLogger("torch.onnx")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(before)

"""SMART's transcoder between a layer of both networks: an embedding of our own beside the paper's three."""

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agent.tdlft.embeddings.contract import Embedding, Rows
from sensors.core.errors import StateError


class TranscoderEmbedding(Embedding):
    """Five fully connected layers with batch normalisation and leaky ReLU, as SMART's `Transcoder` has them.

    Sizes are those of the two layers, and standardised target values take the place of normalised latents. The few
    pairs are seen with noise, anew in every pass. The net is kept as one flat vector.
    """

    NAME = "transcoder"
    TENSORS: ClassVar[dict[str, str]] = {
        "source_mean": "a",
        "source_scale": "a",
        "target_mean": "v",
        "target_scale": "v",
        "parameters": "p",
    }
    PLAIN = ("width",)

    def _fit(self, source: Rows, target: Rows, rng: np.random.Generator, groups: NDArray[Any]) -> Iterator[None]:
        self.source_mean, scale = _standard(source)
        self.source_scale = np.where(scale > 0, scale, 1).astype(np.float32)
        self.target_mean, self.target_scale = _standard(target)
        a = torch.from_numpy((source - self.source_mean) / self.source_scale)
        v = torch.from_numpy((target - self.target_mean) / np.where(self.target_scale > 0, self.target_scale, 1))
        self.width = self.config.transcoder_width
        generator = torch.Generator().manual_seed(int(rng.integers(1 << 62)))
        net = _build(a.shape[1], v.shape[1], self.width)
        _initialise(net, generator)
        yield from self._train(net, a, v, generator)
        self.parameters = torch.cat([tensor.detach().flatten() for tensor in _tensors(net)]).numpy()

    def _train(self, net: nn.Module, a: Tensor, v: Tensor, generator: torch.Generator) -> Iterator[None]:
        config = self.config
        optimiser = torch.optim.AdamW(net.parameters(), config.transcoder_rate, weight_decay=config.transcoder_decay)
        # Batches of one row have no variance to normalise by: the rows left over join the last batch.
        batches = max(1, len(a) // config.transcoder_batch)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, config.transcoder_epochs * batches)
        net.train()
        for _ in range(config.transcoder_epochs):
            for rows in torch.randperm(len(a), generator=generator).tensor_split(batches):
                x = a[rows] + config.transcoder_noise * torch.randn(len(rows), a.shape[1], generator=generator)
                optimiser.zero_grad(set_to_none=True)
                torch.autograd.backward((net(x) - v[rows]).square().mean())
                optimiser.step()
                schedule.step()
            yield

    def _transfer(self, source: Rows) -> NDArray[Any]:
        a = torch.from_numpy((source - self.source_mean) / self.source_scale)
        with torch.no_grad():
            v = self.net(a).numpy()
        return np.asarray(v * self.target_scale + self.target_mean)

    def _ready(self) -> None:
        self.net = _build(len(self.source_mean), len(self.target_mean), self.width)
        at, flat = 0, torch.from_numpy(self.parameters)
        if len(flat) != (count := sum(tensor.numel() for tensor in _tensors(self.net))):
            raise StateError(f"embedding {self.NAME}: {len(flat)} parameters, this net has {count}")
        with torch.no_grad():
            for tensor in _tensors(self.net):
                tensor.copy_(flat[at : at + tensor.numel()].view_as(tensor))
                at += tensor.numel()
        self.net.eval()


def _build(source: int, target: int, width: int) -> nn.Sequential:
    body: list[nn.Module] = []
    # Modules draw their first weights from torch's global generator, which belongs to the caller.
    with torch.random.fork_rng(devices=[]):
        for before in (source, width, width, width):
            body += [nn.Linear(before, width, bias=False), nn.BatchNorm1d(width), nn.LeakyReLU(0.1)]
        return nn.Sequential(*body, nn.Linear(width, target))


def _initialise(net: nn.Sequential, generator: torch.Generator) -> None:
    for module in net:
        if isinstance(module, nn.Linear):
            nn.init.kaiming_uniform_(module.weight, a=0.1, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _tensors(net: nn.Sequential) -> list[Tensor]:
    """Weights, and the running statistics of batch normalisation."""
    buffers = [b for name, b in net.named_buffers() if not name.endswith("num_batches_tracked")]
    return [*net.parameters(), *buffers]


def _standard(rows: Rows) -> tuple[Rows, Rows]:
    """Means, and deviations that are 0 where a value never changes but for rounding."""
    scale = rows.std(0)
    return rows.mean(0), np.where(scale > 1e-6 * max(float(scale.max()), 1e-30), scale, 0).astype(np.float32)

"""Networks and variations for sequences of measurements: (frame, value), convolved over time."""

from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from agent.networks.autoencoder import Autoencoder, block
from agent.networks.layouts.contract import Layout, Shape, Uniform, register_layout
from agent.networks.whitening import whitened


class _TimeLast(nn.Module):
    """Swaps (B, frame, value) and (B, value, frame)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2)


def small(shape: Shape, latent: int) -> Autoencoder:
    """Two strided convolutions over time each way; the output is linear, as measurements have no common range."""
    return _over_time(shape, latent, (128, 192))


def medium(shape: Shape, latent: int) -> Autoencoder:
    """The same, half as wide again, with whitened latents."""
    return _over_time(shape, latent, (192, 288), whitened)


def paper(shape: Shape, latent: int) -> Autoencoder:
    """The same, wider: the paper has no network for sequences."""
    return _over_time(shape, latent, (256, 384))


def _plain(values: int, latent: int) -> list[nn.Module]:
    return [nn.Linear(values, latent)]


def _over_time(
    shape: Shape, latent: int, widths: tuple[int, int], last: Callable[[int, int], list[nn.Module]] = _plain
) -> Autoencoder:
    frames, values = shape
    flat = widths[1] * (frames // 8)
    down: list[nn.Module] = [_TimeLast()]
    down += block(nn.Conv1d(values, widths[0], 6, stride=4, padding=1, bias=False), widths[0], 1)
    down += block(nn.Conv1d(widths[0], widths[1], 4, stride=2, padding=1, bias=False), widths[1], 1)
    down += [nn.Flatten(), *last(flat, latent)]
    up: list[nn.Module] = [nn.Linear(latent, flat, bias=False), nn.BatchNorm1d(flat), nn.LeakyReLU(0.1)]
    up.append(nn.Unflatten(1, (widths[1], frames // 8)))
    up += block(nn.ConvTranspose1d(widths[1], widths[0], 4, stride=2, padding=1, bias=False), widths[0], 1)
    up += [nn.ConvTranspose1d(widths[0], values, 6, stride=4, padding=1), _TimeLast()]
    return Autoencoder(nn.Sequential(*down), nn.Sequential(*up), latent)


def first_judge(shape: Shape, concepts: int) -> nn.Module:
    """Convolutions over time with max pooling."""
    layers: list[nn.Module] = [_TimeLast()]
    for before, after in pairwise((shape[1], 64, 128, 128)):
        conv = nn.Conv1d(before, after, 3, padding=1, bias=False)
        layers += [conv, nn.BatchNorm1d(after), nn.ReLU(), nn.MaxPool1d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3), nn.Linear(128 * (shape[0] // 8), concepts))


class RecurrentSequenceJudge(nn.Module):
    """A sequence read frame by frame, forwards and backwards; the strongest response in time counts."""

    def __init__(self, shape: Shape, concepts: int, width: int = 64) -> None:
        super().__init__()
        self.memory = nn.GRU(shape[1], width, batch_first=True, bidirectional=True)
        self.verdict = nn.Sequential(nn.Dropout(0.3), nn.Linear(4 * width, concepts))

    def forward(self, x: Tensor) -> Tensor:
        """Shape (B, frames, values) to (B, concepts)."""
        felt, _ = self.memory(x)
        out: Tensor = self.verdict(torch.cat([felt.amax(1), felt.mean(1)], 1))
        return out


def disturb(x: Tensor, uniform: Uniform, generator: torch.Generator) -> Tensor:
    """Up to two frames later; the first frame is repeated before the beginning."""
    late = int(torch.randint(0, 3, (1,), generator=generator))
    return F.pad(x.transpose(1, 2), (late, 0), mode="replicate")[..., : x.shape[1]].transpose(1, 2)


def smooth(x: Tensor) -> Tensor:
    """Means over three frames."""
    return F.avg_pool1d(x.transpose(1, 2), 3, 1, 1, count_include_pad=False).transpose(1, 2)


def _fits(shape: Shape) -> bool:
    return len(shape) == 2 and shape[0] % 8 == 0 and shape[1] >= 1


SEQUENCE = register_layout(
    Layout(
        name="sequence",
        axes="(frames, values), frames a multiple of 8",
        fits=_fits,
        autoencoders={"small": small, "medium": medium, "paper": paper},
        judges={"first": first_judge, "second": RecurrentSequenceJudge},
        judge_steps=900,
        judge_rate=3e-3,
        smooth=smooth,
        disturb=disturb,
    )
)

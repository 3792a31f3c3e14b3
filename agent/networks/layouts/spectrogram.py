"""Networks and variations for spectrograms: (1, band, frame), convolved over time with the bands as channels.

A word is a sequence of spectra, not a picture that may shift in pitch.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from agent.networks.autoencoder import Autoencoder, block
from agent.networks.layouts.contract import Layout, Shape, Uniform, register_layout, warp
from agent.networks.layouts.paper import paper
from agent.networks.layouts.picture import smooth
from agent.networks.whitening import whitened

STRETCH = 0.15
"""Largest change of a sound's speed, share."""
LATE = 3 / 96
"""Longest silence put before a sound, share of the spectrogram's length."""
PITCH = 0.08
"""Largest change of a spectrogram's scale along the mel bands, share: longer and shorter vocal tracts."""
BANDS = 1 / 96
"""Largest shift along the mel bands, share of them."""


def small(shape: Shape, latent: int) -> Autoencoder:
    """Sized for two CPU cores; the stem takes four frames at a stride: half the time of three strides of two."""
    bands, frames = shape[1], shape[2]
    flat = 256 * (frames // 8)
    down: list[nn.Module] = [nn.Flatten(1, 2)]
    down += block(nn.Conv1d(bands, 192, 6, stride=4, padding=1, bias=False), 192, 1)
    down += block(nn.Conv1d(192, 256, 4, stride=2, padding=1, bias=False), 256, 1)
    down += [nn.Flatten(), nn.Linear(flat, latent)]
    return Autoencoder(nn.Sequential(*down), _decoder(bands, frames, latent), latent)


def medium(shape: Shape, latent: int) -> Autoencoder:
    """Max pooling in place of long strides, which keeps what short sounds tell; the decoder is that of `small`."""
    bands, frames = shape[1], shape[2]
    down: list[nn.Module] = [nn.Flatten(1, 2)]
    down += block(nn.Conv1d(bands, 192, 5, stride=2, padding=2, bias=False), 192, 1)
    for before, after in pairwise((192, 256, 256)):
        down += [*block(nn.Conv1d(before, after, 3, padding=1, bias=False), after, 1), nn.MaxPool1d(2)]
    down += [nn.Flatten(), *whitened(256 * (frames // 8), latent)]
    return Autoencoder(nn.Sequential(*down), _decoder(bands, frames, latent), latent)


def _decoder(bands: int, frames: int, latent: int) -> nn.Sequential:
    flat = 256 * (frames // 8)
    up: list[nn.Module] = [nn.Linear(latent, flat, bias=False), nn.BatchNorm1d(flat), nn.LeakyReLU(0.1)]
    up.append(nn.Unflatten(1, (256, frames // 8)))
    up += block(nn.ConvTranspose1d(256, 192, 4, stride=2, padding=1, bias=False), 192, 1)
    up += [nn.ConvTranspose1d(192, bands, 6, stride=4, padding=1), nn.Sigmoid(), nn.Unflatten(1, (1, bands))]
    return nn.Sequential(*up)


class RecurrentSpectrogramJudge(nn.Module):
    """A spectrogram read frame by frame, forwards and backwards; the strongest response in time counts."""

    def __init__(self, concepts: int, bands: int = 96, width: int = 96) -> None:
        super().__init__()
        self.spectrum = nn.Sequential(nn.Linear(bands, width), nn.LayerNorm(width), nn.GELU())
        self.memory = nn.GRU(width, width, batch_first=True, bidirectional=True)
        self.verdict = nn.Sequential(nn.Dropout(0.3), nn.Linear(4 * width, concepts))

    def forward(self, x: Tensor) -> Tensor:
        """Shape (B, 1, bands, frames) to (B, concepts)."""
        heard, _ = self.memory(self.spectrum(x[:, 0].transpose(1, 2)))
        out: Tensor = self.verdict(torch.cat([heard.amax(1), heard.mean(1)], 1))
        return out


def first_judge(shape: Shape, concepts: int) -> nn.Module:
    """Convolutions over time with max pooling."""
    layers: list[nn.Module] = [nn.Flatten(1, 2)]
    for before, after in pairwise((shape[1], 128, 192, 192)):
        conv = nn.Conv1d(before, after, 3, padding=1, bias=False)
        layers += [conv, nn.BatchNorm1d(after), nn.ReLU(), nn.MaxPool1d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3), nn.Linear(192 * (shape[2] // 8), concepts))


def second_judge(shape: Shape, concepts: int) -> nn.Module:
    """A recurrent network that reads spectra frame by frame."""
    return RecurrentSpectrogramJudge(concepts, shape[1])


def move(x: Tensor, strength: float, uniform: Uniform) -> Tensor:
    """Faster and slower, later, higher and lower."""
    count = len(x)
    faster, pitch = uniform(count) * STRETCH * strength, uniform(count) * PITCH * strength
    late = (uniform(count) + 1) * LATE * strength
    maps = torch.zeros(count, 2, 3)
    # Coordinates run from -1 to 1: a sound keeps its beginning when its speed changes.
    maps[:, 0, 0], maps[:, 0, 2] = 1 + faster, faster - late
    # The lowest band stays where it is, as formants move in proportion to their frequency.
    maps[:, 1, 1], maps[:, 1, 2] = 1 + pitch, pitch + uniform(count) * 2 * BANDS * strength
    return warp(x, maps)


def disturb(x: Tensor, uniform: Uniform, generator: torch.Generator) -> Tensor:
    """Up to two frames later."""
    late = int(torch.randint(0, 3, (1,), generator=generator))
    return F.pad(x, (late, 0))[..., : x.shape[-1]]


def _fits(shape: Shape) -> bool:
    return len(shape) == 3 and shape[0] == 1 and shape[1] % 32 == 0 and shape[2] % 32 == 0


SPECTROGRAM = register_layout(
    Layout(
        name="spectrogram",
        axes="(1, bands, frames), bands and frames multiples of 32",
        fits=_fits,
        autoencoders={"small": small, "medium": medium, "paper": paper},
        judges={"first": first_judge, "second": second_judge},
        judge_steps=900,
        judge_rate=3e-3,
        smooth=smooth,
        disturb=disturb,
        move=move,
    )
)

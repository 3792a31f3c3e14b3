"""Networks of the judges: two of different make for each modality, and a reference of the learner's own size.

* `first`: the judge that grades (MLC, GLC): 3x3 convolutions over pictures, convolutions over time for sounds.
* `second`: an independent check that what is generated is not to one judge's taste alone: 5x5 convolutions with
  average pooling and a perceptron for pictures, a recurrent network that reads spectra frame by frame for sounds.
* `reference`: the learner's own encoder with one linear layer behind its latent. Trained with labels, it tells how
  much of the concepts this encoder can find at all.
"""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from agent.config import LATENT
from agent.networks import build_autoencoder
from sensors.errors import ConfigError
from sensors.modalities import modality as registered

NETWORKS = ("first", "second", "reference")


def build_judge(modality: str, network: str, preset: str = "small", concepts: int = 10) -> nn.Module:
    """An untrained classifier, its weights drawn from torch's global generator.

    Args:
        modality: 'image' or 'audio'.
        network: 'first', 'second' or 'reference'.
        preset: of the reference's encoder.
        concepts: classes.

    Returns:
        A module from (B, *shape) float 0…1 to (B, concepts) logits.

    Raises:
        ConfigError: no such modality, network or preset.
    """
    if network == "reference":
        return Reference(modality, preset, concepts)
    made: dict[tuple[str, str], Callable[[int], nn.Module]] = {
        ("image", "first"): _picture_net,
        ("image", "second"): _second_picture_net,
        ("audio", "first"): _sound_net,
        ("audio", "second"): FrameReader,
    }
    if (modality, network) not in made:
        raise ConfigError(f"judge of {modality!r}, network {network!r}: choose image or audio, {', '.join(NETWORKS)}")
    return made[modality, network](concepts)


class FrameReader(nn.Module):
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


class Reference(nn.Module):
    """The learner's encoder E, as far as the normalised latent z, and one linear layer."""

    def __init__(self, modality: str, preset: str, concepts: int) -> None:
        super().__init__()
        autoencoder = build_autoencoder(registered(modality), preset, LATENT)
        self.encoder, self.norm = autoencoder.encoder, autoencoder.norm
        self.verdict = nn.Linear(LATENT, concepts)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (B, *shape) to (B, concepts)."""
        out: Tensor = self.verdict(self.norm(self.encoder(x)))
        return out


def _picture_net(concepts: int) -> nn.Module:
    widths, strides = (1, 32, 64, 64, 128), (2, 1, 2, 1)
    layers: list[nn.Module] = []
    for (before, after), stride in zip(pairwise(widths), strides, strict=True):
        layers += [nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    layers += [nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.3), nn.Linear(2048, concepts)]
    return nn.Sequential(*layers)


def _second_picture_net(concepts: int) -> nn.Module:
    layers: list[nn.Module] = []
    for before, after in pairwise((1, 16, 32, 64)):
        conv = nn.Conv2d(before, after, 5, padding=2, bias=False)
        layers += [conv, nn.BatchNorm2d(after), nn.GELU(), nn.AvgPool2d(2)]
    layers += [nn.Flatten(), nn.Linear(64 * 16, 128), nn.GELU(), nn.Dropout(0.3), nn.Linear(128, concepts)]
    return nn.Sequential(*layers)


def _sound_net(concepts: int) -> nn.Module:
    layers: list[nn.Module] = [nn.Flatten(1, 2)]
    for before, after in pairwise((96, 128, 192, 192)):
        conv = nn.Conv1d(before, after, 3, padding=1, bias=False)
        layers += [conv, nn.BatchNorm1d(after), nn.ReLU(), nn.MaxPool1d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3), nn.Linear(192 * 12, concepts))

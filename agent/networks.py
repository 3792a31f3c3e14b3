"""Autoencoders of one modality, and the transcoders between their latent spaces.

Two presets share one idea: convolutions down to a latent z of 512 numbers, and back.

* `paper`: 21 convolution layers and 2 fully connected layers, max pooling and upsampling, batch normalisation and
  leaky ReLU, transcoders of 5 fully connected layers (SMART, section 3).
* `small`: sized for two CPU cores. Strided stems keep full resolution cheap; spectrograms are convolved over time
  with the mel bands as channels, because a word is a sequence of spectra, not a picture that may shift in pitch.

Every z is normalised to zero mean and unit variance (no affine): without a fixed scale the latent term of Eq. 1-2
could be made small by shrinking z, or swamp the reconstruction by growing it.
"""

from itertools import pairwise

from torch import Tensor, nn

from agent.config import LATENT, PRESETS
from sensors.errors import ConfigError
from sensors.modalities import Modality


class Autoencoder(nn.Module):
    """E and D of one modality.

    Shapes: x (B, *modality.shape) float in 0…1; z (B, latent), each row of zero mean and unit variance.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, latent: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.norm = nn.LayerNorm(latent, elementwise_affine=False)

    def encode(self, x: Tensor) -> Tensor:
        """The latent, z = E(x)."""
        z: Tensor = self.norm(self.encoder(x).float())
        return z

    def decode(self, z: Tensor) -> Tensor:
        """The reconstruction, y = D(z)."""
        y: Tensor = self.decoder(z).float()
        return y

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Both: (z, y)."""
        z = self.encode(x)
        return z, self.decode(z)


class Transcoder(nn.Module):
    """T: five fully connected layers from one latent space into another (SMART, section 3)."""

    def __init__(self, latent: int, layers: int = 5) -> None:
        super().__init__()
        body: list[nn.Module] = []
        for _ in range(layers - 1):
            body += [nn.Linear(latent, latent, bias=False), nn.BatchNorm1d(latent), nn.LeakyReLU(0.1)]
        body += [nn.Linear(latent, latent), nn.LayerNorm(latent, elementwise_affine=False)]
        self.body = nn.Sequential(*body)

    def forward(self, z: Tensor) -> Tensor:
        """Shape (B, latent) to (B, latent)."""
        out: Tensor = self.body(z).float()
        return out


def build_autoencoder(modality: Modality, preset: str, latent: int = LATENT) -> Autoencoder:
    """The autoencoder of a modality.

    Args:
        modality: its layout decides the network: 'picture' (1, rows, columns) or 'spectrogram' (1, bands, frames),
            both axes multiples of 32.
        preset: 'small' or 'paper'.
        latent: size of z.

    Raises:
        ConfigError: the preset is unknown, or has no network for this layout or shape.
    """
    if preset not in PRESETS:
        raise ConfigError(f"preset {preset!r}: choose one of {', '.join(PRESETS)}")
    shape, small = modality.shape, _SMALL.get(modality.layout)
    if small is None or len(shape) != 3 or shape[0] != 1 or shape[1] % 32 or shape[2] % 32:
        raise ConfigError(
            f"modality {modality.name!r}, {modality.layout} of shape {shape}: no {preset!r} network for it"
        )
    return _paper(shape, latent) if preset == "paper" else small(shape, latent)


def count_layers(module: nn.Module) -> dict[str, int]:
    """Numbers of convolution and fully connected layers in a module."""
    conv = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d)
    return {
        "convolution": sum(isinstance(m, conv) for m in module.modules()),
        "fully_connected": sum(isinstance(m, nn.Linear) for m in module.modules()),
    }


def _block(layer: nn.Module, channels: int, dims: int) -> list[nn.Module]:
    norm = nn.BatchNorm1d(channels) if dims == 1 else nn.BatchNorm2d(channels)
    return [layer, norm, nn.LeakyReLU(0.1, inplace=True)]


def _paper(shape: tuple[int, ...], latent: int) -> Autoencoder:
    """Five stages of two convolutions each way and one to the output: 21, with a fully connected layer each way."""
    widths = (1, 32, 64, 128, 256, 512)
    rows, columns = shape[1] // 32, shape[2] // 32
    down: list[nn.Module] = []
    for before, after in pairwise(widths):
        down += _block(nn.Conv2d(before, after, 3, padding=1, bias=False), after, 2)
        down += _block(nn.Conv2d(after, after, 3, padding=1, bias=False), after, 2)
        down.append(nn.MaxPool2d(2))
    down += [nn.Flatten(), nn.Linear(widths[-1] * rows * columns, latent)]
    up: list[nn.Module] = [
        nn.Linear(latent, widths[-1] * rows * columns),
        nn.Unflatten(1, (widths[-1], rows, columns)),
    ]
    for before, after in pairwise((*reversed(widths[1:]), widths[1])):
        up.append(nn.Upsample(scale_factor=2))
        up += _block(nn.Conv2d(before, after, 3, padding=1, bias=False), after, 2)
        up += _block(nn.Conv2d(after, after, 3, padding=1, bias=False), after, 2)
    up += [nn.Conv2d(widths[1], 1, 3, padding=1), nn.Sigmoid()]
    return Autoencoder(nn.Sequential(*down), nn.Sequential(*up), latent)


def _small_picture(shape: tuple[int, ...], latent: int) -> Autoencoder:
    """A stem that takes four pixels at a stride: a third less time than three strides of two, measured on one core."""
    rows, columns = shape[1] // 8, shape[2] // 8
    flat = 128 * rows * columns
    down: list[nn.Module] = []
    down += _block(nn.Conv2d(1, 64, 6, stride=4, padding=1, bias=False), 64, 2)
    down += _block(nn.Conv2d(64, 128, 4, stride=2, padding=1, bias=False), 128, 2)
    down += [nn.Flatten(), nn.Linear(flat, latent)]
    up: list[nn.Module] = [nn.Linear(latent, flat, bias=False), nn.BatchNorm1d(flat), nn.LeakyReLU(0.1)]
    up.append(nn.Unflatten(1, (128, rows, columns)))
    up += _block(nn.ConvTranspose2d(128, 64, 4, stride=2, padding=1, bias=False), 64, 2)
    up += [nn.ConvTranspose2d(64, 1, 6, stride=4, padding=1), nn.Sigmoid()]
    return Autoencoder(nn.Sequential(*down), nn.Sequential(*up), latent)


def _small_spectrogram(shape: tuple[int, ...], latent: int) -> Autoencoder:
    """A stem that takes four frames at a stride: half the time of three strides of two, measured on two cores."""
    bands, frames = shape[1], shape[2]
    flat = 256 * (frames // 8)
    down: list[nn.Module] = [nn.Flatten(1, 2)]
    down += _block(nn.Conv1d(bands, 192, 6, stride=4, padding=1, bias=False), 192, 1)
    down += _block(nn.Conv1d(192, 256, 4, stride=2, padding=1, bias=False), 256, 1)
    down += [nn.Flatten(), nn.Linear(flat, latent)]
    up: list[nn.Module] = [nn.Linear(latent, flat, bias=False), nn.BatchNorm1d(flat), nn.LeakyReLU(0.1)]
    up.append(nn.Unflatten(1, (256, frames // 8)))
    up += _block(nn.ConvTranspose1d(256, 192, 4, stride=2, padding=1, bias=False), 192, 1)
    up += [nn.ConvTranspose1d(192, bands, 6, stride=4, padding=1), nn.Sigmoid(), nn.Unflatten(1, (1, bands))]
    return Autoencoder(nn.Sequential(*down), nn.Sequential(*up), latent)


_SMALL = {"picture": _small_picture, "spectrogram": _small_spectrogram}

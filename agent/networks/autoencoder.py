"""What SMART's networks are made of: the autoencoder of one sense, and the transcoder between two latent spaces.

Every z is normalised to zero mean and unit variance (no affine): without a fixed scale the latent term of Eq. 1-2
could be made small by shrinking z, or swamp the reconstruction by growing it.
"""

from torch import Tensor, nn


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


def block(layer: nn.Module, channels: int, dims: int) -> list[nn.Module]:
    """A layer, batch normalisation over its `channels` along `dims` axes (1 or 2), and a leaky ReLU."""
    norm = nn.BatchNorm1d(channels) if dims == 1 else nn.BatchNorm2d(channels)
    return [layer, norm, nn.LeakyReLU(0.1, inplace=True)]

"""The networks as published: 21 convolution layers and 2 fully connected layers (SMART, section 3)."""

from itertools import pairwise

from torch import nn

from agent.networks.autoencoder import Autoencoder, block
from agent.networks.layouts.contract import Shape


def paper(shape: Shape, latent: int) -> Autoencoder:
    """Five stages of two convolutions each way and one to the output, with a fully connected layer each way.

    Args:
        shape: (channels, rows, columns), rows and columns multiples of 32.
        latent: size of z.
    """
    widths = (shape[0], 32, 64, 128, 256, 512)
    rows, columns = shape[1] // 32, shape[2] // 32
    down: list[nn.Module] = []
    for before, after in pairwise(widths):
        down += block(nn.Conv2d(before, after, 3, padding=1, bias=False), after, 2)
        down += block(nn.Conv2d(after, after, 3, padding=1, bias=False), after, 2)
        down.append(nn.MaxPool2d(2))
    down += [nn.Flatten(), nn.Linear(widths[-1] * rows * columns, latent)]
    up: list[nn.Module] = [
        nn.Linear(latent, widths[-1] * rows * columns),
        nn.Unflatten(1, (widths[-1], rows, columns)),
    ]
    for before, after in pairwise((*reversed(widths[1:]), widths[1])):
        up.append(nn.Upsample(scale_factor=2))
        up += block(nn.Conv2d(before, after, 3, padding=1, bias=False), after, 2)
        up += block(nn.Conv2d(after, after, 3, padding=1, bias=False), after, 2)
    up += [nn.Conv2d(widths[1], shape[0], 3, padding=1), nn.Sigmoid()]
    return Autoencoder(nn.Sequential(*down), nn.Sequential(*up), latent)

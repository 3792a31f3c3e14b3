"""Networks and variations for pictures: (channel, row, column), grey or colour."""

from dataclasses import replace
from functools import partial
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from agent.networks.autoencoder import Autoencoder, block
from agent.networks.layouts import photograph
from agent.networks.layouts.contract import Layout, Shape, Uniform, register_layout, warp
from agent.networks.layouts.paper import paper
from agent.networks.whitening import whitened

TURN = 0.2
"""Largest turn of a picture, radians."""
SCALE = 0.1
"""Largest change of a picture's width and height, each on its own, and largest shear; shares."""
SHIFT = 0.0625
"""Largest shift of a picture, share of its width or height."""
COLOURS = 3
"""Channels of a colour picture."""
WIDEST = 256
"""Most channels of the small networks."""
LARGE = 64
"""Rows or columns from which a picture is large for a judge."""
FLAT = 8
"""Rows and columns at most when the convolutions end and the fully connected layer begins."""


def small(shape: Shape, latent: int) -> Autoencoder:
    """Sized for two CPU cores.

    The stem takes four pixels at a stride: a third less time than three strides of two, measured on one core. Larger
    pictures have more strides of two, until `FLAT` rows are left.
    """
    channels, rows, columns = shape
    widths = [64, 128]
    rows, columns = rows // 8, columns // 8
    while max(rows, columns) > FLAT:
        widths.append(min(2 * widths[-1], WIDEST))
        rows, columns = rows // 2, columns // 2
    flat = widths[-1] * rows * columns
    down: list[nn.Module] = []
    down += block(nn.Conv2d(channels, 64, 6, stride=4, padding=1, bias=False), 64, 2)
    for before, after in pairwise(widths):
        down += block(nn.Conv2d(before, after, 4, stride=2, padding=1, bias=False), after, 2)
    down += [nn.Flatten(), nn.Linear(flat, latent)]
    up: list[nn.Module] = [nn.Linear(latent, flat, bias=False), nn.BatchNorm1d(flat), nn.LeakyReLU(0.1)]
    up.append(nn.Unflatten(1, (widths[-1], rows, columns)))
    for before, after in pairwise(reversed(widths)):
        up += block(nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False), after, 2)
    up += [nn.ConvTranspose2d(64, channels, 6, stride=4, padding=1), nn.Sigmoid()]
    return Autoencoder(nn.Sequential(*down), nn.Sequential(*up), latent)


def medium(shape: Shape, latent: int) -> Autoencoder:
    """Sized for one GPU, or ten minutes of one CPU core with photographs of 96 rows.

    Max pooling after every convolution keeps what small details tell; the decoder is the lighter half, as what is
    evoked needs less detail than what is perceived.
    """
    channels, rows, columns = shape
    widths = (32, 64, 128, 256)
    down = [*block(nn.Conv2d(channels, 32, 5, stride=2, padding=2, bias=False), 32, 2), nn.MaxPool2d(2)]
    for before, after in pairwise(widths):
        down += block(nn.Conv2d(before, after, 3, padding=1, bias=False), after, 2)
        down.append(nn.MaxPool2d(2))
    down += [nn.Flatten(), *whitened(widths[-1] * (rows // 32) * (columns // 32), latent)]
    flat = 128 * (rows // 16) * (columns // 16)
    up: list[nn.Module] = [nn.Linear(latent, flat, bias=False), nn.BatchNorm1d(flat), nn.LeakyReLU(0.1)]
    up.append(nn.Unflatten(1, (128, rows // 16, columns // 16)))
    for before, after in pairwise((128, 64, 32)):
        up += block(nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False), after, 2)
    up += [nn.ConvTranspose2d(32, channels, 6, stride=4, padding=1), nn.Sigmoid()]
    return Autoencoder(nn.Sequential(*down), nn.Sequential(*up), latent)


def first_judge(shape: Shape, concepts: int) -> nn.Module:
    """3x3 convolutions and max pooling, down to `FLAT` / 2 rows; pictures of `LARGE` rows are made smaller first."""
    channels, rows, columns = shape
    layers: list[nn.Module] = []
    if max(rows, columns) >= LARGE:
        layers += [nn.Conv2d(channels, 32, 5, 2, 2, bias=False), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)]
        channels, rows, columns = 32, rows // 4, columns // 4
    widths, strides = (channels, 32, 64, 64, 128), (2, 1, 2, 1)
    for (before, after), stride in zip(pairwise(widths), strides, strict=True):
        layers += [nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    layers.append(nn.MaxPool2d(2))
    rows, columns = rows // 8, columns // 8
    while max(rows, columns) > FLAT // 2:
        layers += [nn.Conv2d(128, 128, 3, 1, 1, bias=False), nn.BatchNorm2d(128), nn.ReLU(), nn.MaxPool2d(2)]
        rows, columns = rows // 2, columns // 2
    layers += [nn.Flatten(), nn.Dropout(0.3), nn.Linear(128 * rows * columns, concepts)]
    return nn.Sequential(*layers)


def second_judge(shape: Shape, concepts: int) -> nn.Module:
    """5x5 convolutions with average pooling and a perceptron."""
    rows, columns, widths = shape[1] // 8, shape[2] // 8, [shape[0], 16, 32, 64]
    while max(rows, columns) > FLAT // 2:
        widths.append(64)
        rows, columns = rows // 2, columns // 2
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        conv = nn.Conv2d(before, after, 5, padding=2, bias=False)
        layers += [conv, nn.BatchNorm2d(after), nn.GELU(), nn.AvgPool2d(2)]
    layers += [nn.Flatten(), nn.Linear(64 * rows * columns, 128), nn.GELU(), nn.Dropout(0.3), nn.Linear(128, concepts)]
    return nn.Sequential(*layers)


def move(x: Tensor, strength: float, uniform: Uniform, mirror: bool = True) -> Tensor:
    """Small turns, scales, shears and shifts of grey pictures; colour ones vary as photographs do."""
    if x.shape[1] == COLOURS:
        return photograph.vary(x, strength, uniform, mirror)
    count = len(x)
    turn = uniform(count) * TURN * strength
    width, height, shear = (uniform(count) * SCALE * strength for _ in range(3))
    maps = torch.zeros(count, 2, 3)
    maps[:, 0, 0], maps[:, 0, 1] = turn.cos() * (1 + width), shear - turn.sin()
    maps[:, 1, 0], maps[:, 1, 1] = turn.sin(), turn.cos() * (1 + height)
    maps[:, :, 2] = uniform(count, 2) * 2 * SHIFT * strength
    return warp(x, maps)


def disturb(x: Tensor, uniform: Uniform, generator: torch.Generator, mirror: bool = True) -> Tensor:
    """Small turns, scales and shifts of grey pictures; colour ones vary as photographs do."""
    if x.shape[1] == COLOURS:
        return photograph.vary(x, 1.0, lambda *shape: 2 * uniform(*shape) - 1, mirror)
    count = len(x)
    angle, scale = (uniform(count) - 0.5) * 0.4, 1 + (uniform(count) - 0.5) * 0.2
    maps = torch.zeros(count, 2, 3)
    maps[:, 0, 0] = maps[:, 1, 1] = angle.cos() * scale
    maps[:, 1, 0] = angle.sin()
    maps[:, 0, 1] = -angle.sin()
    maps[:, :, 2] = (uniform(count, 2) - 0.5) * 0.3
    return warp(x, maps)


def soften(x: Tensor, generator: torch.Generator) -> Tensor:
    """Colour pictures without their finest detail, now and then; grey ones as they are."""
    return photograph.soften(x, generator) if x.shape[1] == COLOURS else x


def smooth(x: Tensor) -> Tensor:
    """Means over squares of three by three."""
    return F.avg_pool2d(x, 3, 1, 1)


def coloured(shape: Shape) -> bool:
    """Channels last are twice as fast on a CPU; grey pictures keep the order that their judges were trained in."""
    return shape[0] > 1


def _fits(shape: Shape) -> bool:
    return len(shape) == 3 and shape[0] in (1, 3) and shape[1] % 32 == 0 and shape[2] % 32 == 0


_UNMIRRORED = Layout(
    name="picture",
    axes="(1 or 3 channels, rows, columns), rows and columns multiples of 32",
    fits=_fits,
    autoencoders={"small": small, "medium": medium, "paper": paper},
    judges={"first": first_judge, "second": second_judge},
    judge_steps=1400,
    judge_rate=6e-3,
    smooth=smooth,
    disturb=partial(disturb, mirror=False),
    move=partial(move, mirror=False),
    soften=soften,
    channels_last=coloured,
)
PICTURE = register_layout(replace(_UNMIRRORED, disturb=disturb, move=move, unmirrored=_UNMIRRORED))

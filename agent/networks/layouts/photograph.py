"""Variations of colour pictures: photographs of things, which look alike from the left and the right, near and far.

A sample of three channels is taken for a photograph. Its colours are part of what tells things apart, so light and
tint vary less than position and size do.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from agent.networks.layouts.contract import Uniform, warp

NEAREST, FARTHEST = 0.55, 1.05
"""Share of a picture's width that is seen at full strength: from, to."""
ASPECT = 0.15
"""Largest change of the width against the height, share."""
TURN = 0.2
"""Largest turn, radians."""
LIGHT, CONTRAST, TINT = 0.25, 0.25, 0.08
"""Largest change of brightness, of contrast, and of each colour's brightness on its own; shares."""
SOFTENED = 0.6
"""Share of a judge's training batches that are softened."""
COARSEST = 8
"""Pixels of a picture that become one when it is softened most."""


def vary(x: Tensor, strength: float, uniform: Uniform, mirror: bool = True) -> Tensor:
    """Mirrored or not, nearer, turned, in other light.

    Args:
        x: (B, 3, rows, columns) 0…1.
        strength: 0 changes nothing; 1 is the full range, in which half of the pictures are mirrored.
        uniform: random numbers in -1…1.
        mirror: whether pictures may be mirrored; the same random numbers are drawn if not.

    Returns:
        (B, 3, rows, columns) 0…1.
    """
    count = len(x)
    middle, spread = (NEAREST + FARTHEST) / 2, (FARTHEST - NEAREST) / 2
    size = 1 + strength * (middle - 1 + spread * uniform(count))
    aspect, turn = 1 + ASPECT * strength * uniform(count), TURN * strength * uniform(count)
    # A share of strength / 2 is mirrored, so that this variation grows from nothing as the others do.
    side = torch.where((uniform(count) < strength - 1) & mirror, -1.0, 1.0)
    maps = torch.zeros(count, 2, 3)
    maps[:, 0, 0], maps[:, 0, 1] = side * size * aspect * turn.cos(), -size * turn.sin()
    maps[:, 1, 0], maps[:, 1, 1] = side * size * turn.sin(), size / aspect * turn.cos()
    # The part that is seen lies anywhere within the picture.
    room = (1 - size).clamp_min(0.05 * strength)
    maps[:, 0, 2], maps[:, 1, 2] = uniform(count) * room, uniform(count) * room
    seen = warp(x, maps, "reflection")
    light, contrast = (1 + share * strength * uniform(count, 1, 1, 1) for share in (LIGHT, CONTRAST))
    tint = 1 + TINT * strength * uniform(count, x.shape[1], 1, 1)
    mean = seen.mean((1, 2, 3), keepdim=True)
    return (((seen - mean) * contrast.to(x.device) + mean) * (light * tint).to(x.device)).clamp(0, 1)


def soften(x: Tensor, generator: torch.Generator) -> Tensor:
    """More than half of the batches as a decoder might paint them, without their finest detail; others as they are.

    Args:
        x: (B, channels, rows, columns).
        generator: chooses whether, and how soft.
    """
    if float(torch.rand(1, generator=generator)) >= SOFTENED:
        return x
    pixels = int(torch.randint(2, COARSEST + 1, (1,), generator=generator))
    rows, columns = x.shape[2:]
    coarse = F.interpolate(x, size=(max(rows // pixels, 4), max(columns // pixels, 4)), mode="area")
    return F.interpolate(coarse, size=(rows, columns), mode="bilinear", align_corners=False)

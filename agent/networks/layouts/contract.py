"""The contract of a layout: which networks suit samples whose axes mean this, and how such samples may be varied.

A modality names its layout; everything in this room is chosen by that name. A new kind of sample either uses a layout
that exists or registers one of its own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from agent.networks.autoencoder import Autoencoder
from sensors.core.errors import ConfigError
from sensors.core.registrations import note

Shape = tuple[int, ...]
Uniform = Callable[..., Tensor]
"""Called with a shape: random numbers of the caller's own generator."""


@dataclass(frozen=True)
class Layout:
    """Networks and variations for one meaning of a sample's axes.

    Attributes:
        name: as modalities name it.
        axes: what a sample's axes mean, for error messages.
        fits: whether the networks can take samples of a shape.
        autoencoders: preset -> makes E and D, given a sample's shape and the size of z.
        judges: 'first' and 'second', two networks of different make -> a classifier, given a shape and the number of
            concepts.
        judge_steps: training steps with which both judges become good.
        judge_rate: their largest learning rate.
        move: varies what the learning side perceives, given samples (B, *shape), a strength 0…1 and random numbers in
            -1…1; None: samples are not moved.
        soften: makes some of a judge's batches (B, *shape) as soft as reconstructions are, given a generator; none:
            `smooth` is enough. References, which see no reconstructions, learn without it.
        smooth: averages neighbours in samples (B, *shape).
        disturb: varies a judge's training samples (B, *shape), given random numbers in 0…1 and a generator.
        channels_last: whether a judge's convolutions keep channels last in memory, given a sample's shape; None: never.
        unmirrored: this layout with variations that mirror no sample; None: its own mirror no sample.
    """

    name: str
    axes: str
    fits: Callable[[Shape], bool]
    autoencoders: Mapping[str, Callable[[Shape, int], Autoencoder]]
    judges: Mapping[str, Callable[[Shape, int], nn.Module]]
    judge_steps: int
    judge_rate: float
    smooth: Callable[[Tensor], Tensor]
    disturb: Callable[[Tensor, Uniform, torch.Generator], Tensor]
    move: Callable[[Tensor, float, Uniform], Tensor] | None = field(default=None)
    soften: Callable[[Tensor, torch.Generator], Tensor] | None = field(default=None)
    channels_last: Callable[[Shape], bool] | None = field(default=None)
    unmirrored: "Layout | None" = field(default=None)

    def mirroring(self, allowed: bool) -> "Layout":
        """This layout, or its variant that mirrors no sample where mirroring is not allowed."""
        return self if allowed or self.unmirrored is None else self.unmirrored


def warp(x: Tensor, maps: Tensor, beyond: str = "zeros") -> Tensor:
    """Samples (B, channels, rows, columns) seen through affine maps (B, 2, 3).

    Args:
        x: the samples.
        maps: from what is seen to the samples, in coordinates of -1…1.
        beyond: what is seen outside a sample: 'zeros' or its 'reflection'.
    """
    grid = F.affine_grid(maps.to(x.device), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode=beyond, align_corners=False)


_LAYOUTS: dict[str, Layout] = {}


def register_layout(layout: Layout) -> Layout:
    """Add a layout.

    Raises:
        ValueError: its name is taken.
    """
    if layout.name in _LAYOUTS:
        raise ValueError(f"layout {layout.name!r} is registered already")
    _LAYOUTS[layout.name] = layout
    note("layout", layout.name)
    return layout


def layout_of(name: str, shape: Shape, owner: str) -> Layout:
    """The layout of a modality.

    Args:
        name: of the layout.
        shape: of the modality's samples.
        owner: the modality's name, for the error message.

    Raises:
        ConfigError: no network suits this layout or shape.
    """
    layout = _LAYOUTS.get(name)
    if layout is None:
        known = ", ".join(_LAYOUTS)
        raise ConfigError(f"modality {owner!r}: no network for layout {name!r}; there are networks for {known}")
    if not layout.fits(shape):
        raise ConfigError(f"modality {owner!r}, {name} of shape {shape}: no network for it; expected {layout.axes}")
    return layout

"""Every layout keeps the contract: networks and judges of the right shapes, variations that keep the shape."""

import numpy as np
import pytest
import torch
from torch import Tensor

from agent.config import PRESETS
from agent.networks.layouts import layout_of
from agent.networks.layouts.contract import Layout, register_layout
from sensors.core.errors import ConfigError

SHAPES = [
    ("picture", (1, 32, 32)),
    ("picture", (3, 32, 32)),
    ("picture", (3, 96, 96)),
    ("picture", (3, 224, 160)),
    ("spectrogram", (1, 96, 96)),
    ("spectrogram", (1, 64, 160)),
    ("sequence", (64, 6)),
    ("sequence", (24, 26)),
]
CASES = pytest.mark.parametrize(("name", "shape"), SHAPES, ids=[f"{n}-{'x'.join(map(str, s))}" for n, s in SHAPES])


def uniform(*shape: int) -> Tensor:
    return torch.rand(*shape)


@CASES
@pytest.mark.parametrize("preset", PRESETS)
def test_there_and_back(name: str, shape: tuple[int, ...], preset: str) -> None:
    torch.manual_seed(0)
    network = layout_of(name, shape, "it").autoencoders[preset](shape, 16)
    z, y = network(torch.rand(2, *shape))
    assert z.shape == (2, 16) and y.shape == (2, *shape)
    y.square().mean().backward()
    assert all(p.grad is not None for p in network.parameters())


@CASES
@pytest.mark.parametrize("network", ["first", "second"])
def test_judges_tell_any_number_of_concepts(name: str, shape: tuple[int, ...], network: str) -> None:
    judge = layout_of(name, shape, "it").judges[network](shape, 43)
    assert judge(torch.rand(3, *shape)).shape == (3, 43)


@CASES
def test_variations_keep_shape_and_change_something(name: str, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    layout, x = layout_of(name, shape, "it"), torch.rand(8, *shape)
    for varied in (layout.smooth(x), layout.disturb(x, uniform, torch.Generator().manual_seed(1))):
        assert varied.shape == x.shape and not torch.equal(varied, x)
    if layout.move is not None:
        still = layout.move(x, 0.0, lambda *s: torch.rand(*s))
        assert torch.allclose(still, x, atol=1e-4)
        moved = layout.move(x, 1.0, lambda *s: 2 * torch.rand(*s) - 1)
        assert moved.shape == x.shape and not torch.allclose(moved, x, atol=0.1)
    if layout.soften is not None:
        assert layout.soften(x, torch.Generator().manual_seed(1)).shape == x.shape


@pytest.mark.parametrize(
    ("name", "shape"),
    [("picture", (2, 32, 32)), ("picture", (1, 33, 32)), ("sequence", (9, 4)), ("film", (12, 60, 80))],
)
def test_what_does_not_fit_is_named(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="'it'"):
        layout_of(name, shape, "it")


def test_a_layout_is_registered_once() -> None:
    taken = layout_of("picture", (1, 32, 32), "it")
    assert isinstance(taken, Layout)
    with pytest.raises(ValueError, match="registered already"):
        register_layout(taken)


def test_larger_pictures_do_not_grow_the_fully_connected_layers() -> None:
    def largest(size: int) -> int:
        network = layout_of("picture", (3, size, size), "it").autoencoders["small"]((3, size, size), 512)
        return max(p.numel() for p in network.parameters())

    assert np.log2(largest(224) / largest(32)) < 4


def test_a_layout_says_itself_how_its_judges_lie_in_memory() -> None:
    """No name of a layout is decided upon elsewhere: one of somebody's own may have coloured pictures, too."""
    assert [coloured.__name__ for coloured in (layout_of("picture", (3, 32, 32), "it").channels_last,) if coloured]
    for name, shape in SHAPES:
        asked = layout_of(name, shape, "it").channels_last
        assert (asked is not None and asked(shape)) == (name == "picture" and shape[0] == 3)

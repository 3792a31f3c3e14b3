"""Colour pictures vary as photographs do; grey ones never do."""

import torch
from torch import Tensor

from agent.networks.layouts import layout_of, photograph


def both_ways(*shape: int) -> Tensor:
    return 2 * torch.rand(*shape) - 1


def gradient(count: int) -> Tensor:
    """Pictures that are dark on the left and bright on the right."""
    return torch.linspace(0.2, 0.8, 96).expand(count, 3, 96, 96).contiguous()


def test_about_half_are_mirrored_and_values_stay_in_range() -> None:
    torch.manual_seed(0)
    y = photograph.vary(gradient(64), 1.0, both_ways)
    mirrored = (y[..., :48].mean((1, 2, 3)) > y[..., 48:].mean((1, 2, 3))).float().mean()
    assert 0.3 < float(mirrored) < 0.7
    assert y.min() >= 0 and y.max() <= 1


def test_light_and_tint_differ_from_picture_to_picture() -> None:
    torch.manual_seed(0)
    y = photograph.vary(torch.full((64, 3, 32, 32), 0.5), 1.0, both_ways)
    colours = y.mean((2, 3))
    assert colours.mean(1).std() > 0.03
    assert (colours - colours.mean(1, keepdim=True)).abs().max() > 0.02


def test_a_grey_picture_is_never_mirrored_nor_softened() -> None:
    torch.manual_seed(0)
    layout = layout_of("picture", (1, 96, 96), "it")
    x, generator = gradient(64)[:, :1], torch.Generator().manual_seed(3)
    assert layout.move is not None and layout.soften is not None
    y = layout.move(x, 1.0, both_ways)
    assert (y[..., 24:48].mean((1, 2, 3)) < y[..., 48:72].mean((1, 2, 3))).all()
    before = generator.get_state()
    assert layout.soften(x, generator) is x
    assert torch.equal(generator.get_state(), before)


def test_softening_takes_detail_and_keeps_colour() -> None:
    torch.manual_seed(0)
    x, generator = torch.rand(2, 3, 96, 96), torch.Generator().manual_seed(0)
    soft = [photograph.soften(x, generator) for _ in range(20)]
    changed = [s for s in soft if s is not x]
    assert 5 < len(changed) < 20
    assert all(s.std() < 0.6 * x.std() and abs(float(s.mean() - x.mean())) < 0.02 for s in changed)


def test_mirroring_grows_from_nothing_with_the_strength() -> None:
    def share(strength: float) -> float:
        torch.manual_seed(0)
        y = photograph.vary(gradient(400), strength, both_ways)
        return float((y[..., :48].mean((1, 2, 3)) > y[..., 48:].mean((1, 2, 3))).float().mean())

    assert torch.allclose(photograph.vary(gradient(64), 0.0, both_ways), gradient(64), atol=1e-4)
    assert share(0.01) < 0.03
    assert 0.2 < share(0.5) < 0.3


def test_without_mirroring_all_else_varies_by_the_same_random_numbers() -> None:
    usual = layout_of("picture", (3, 96, 96), "it")
    unmirrored = usual.mirroring(allowed=False)
    assert usual.mirroring(allowed=True) is usual
    spectrogram = layout_of("spectrogram", (1, 96, 96), "it")
    assert spectrogram.mirroring(allowed=False) is spectrogram, "it mirrors nothing itself"
    made = []
    for layout in (usual, unmirrored):
        assert layout.move is not None
        torch.manual_seed(0)
        generator = torch.Generator().manual_seed(3)
        moved = layout.move(gradient(64), 1.0, both_ways)
        made.append((moved, layout.disturb(gradient(64), torch.rand, generator), torch.rand(4)))
    (*mirrored, after), (*straight, after_straight) = made
    assert torch.equal(after, after_straight), "as many random numbers are drawn"
    for some, none in zip(mirrored, straight, strict=True):
        brighter_left = some[..., 24:48].mean((1, 2, 3)) > some[..., 48:72].mean((1, 2, 3))
        assert 16 < int(brighter_left.sum()) < 48
        assert (none[..., 24:48].mean((1, 2, 3)) < none[..., 48:72].mean((1, 2, 3))).all()
        assert torch.equal(some[~brighter_left], none[~brighter_left]), "pictures that stay as they are, bit for bit"

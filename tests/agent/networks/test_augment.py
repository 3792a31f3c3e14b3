from collections.abc import Callable

import pytest
import torch

from agent.config import AugmentConfig
from agent.networks.augment import Augment
from sensors.core.errors import StateError
from sensors.core.modalities import modality


def make(seed: int = 0, **changes: float) -> Augment:
    values: dict[str, float] = {"augment_from": 10, "augment_growth": 10}
    return Augment(AugmentConfig(**{**values, **changes}), seed)  # type: ignore[arg-type]  # the test's own settings


def test_colour_pictures_are_mirrored_unless_the_setting_says_not(forms: Callable[..., None]) -> None:
    forms(image={"color": True})
    x = torch.linspace(0.2, 0.8, 32).expand(64, 3, 32, 32).contiguous()

    def mirrored(mirror: bool) -> int:
        y = make(mirror=mirror).observe(x, modality("image"), 99)
        return int((y[..., 8:16].mean((1, 2, 3)) > y[..., 16:24].mean((1, 2, 3))).sum())

    assert 16 < mirrored(True) < 48
    assert mirrored(False) == 0


def sound() -> torch.Tensor:
    x = torch.zeros(16, 1, 96, 96)
    x[:, :, 40:44, 8:16] = 1.0
    return x


def test_nothing_moves_before_its_time_nor_without_strength() -> None:
    x = torch.rand(4, 1, 32, 32)
    assert make().observe(x, modality("image"), 10) is x
    assert make(augment=0).observe(x, modality("image"), 99) is x
    speech = torch.rand(4, *modality("speech").shape)
    assert make().observe(speech, modality("speech"), 99) is speech
    assert [make().strength(s) for s in (0, 10, 15, 20, 99)] == [0, 0, 0.5, 1, 1]


def test_pictures_move_a_little_each_in_its_own_way() -> None:
    x = torch.zeros(64, 1, 32, 32)
    x[:, :, 14:18, 14:18] = 1.0
    y = make().observe(x, modality("image"), 99)
    rows = torch.arange(32.0)
    centres = (y[:, 0].sum(2) @ rows) / y.sum((1, 2, 3))
    assert centres.std() > 0.3
    assert (centres - 15.5).abs().max() < 3
    assert y.min() >= 0 and y.max() <= 1 + 1e-6


def test_sounds_come_later_faster_or_higher_but_whole() -> None:
    x = sound()
    y = make().observe(x, modality("audio"), 99)
    frames = torch.arange(96.0)
    onset = torch.stack([frames[(clip[0].sum(0) > 0.5)].min() for clip in y])
    assert onset.min() >= 6 and onset.max() <= 14 and float(onset.std()) > 0.5
    heights = torch.stack([frames[(clip[0].sum(1) > 0.5)].float().mean() for clip in y])
    assert heights.std() > 0.5 and (heights - 41.5).abs().max() < 8
    assert (y.sum((1, 2, 3)) > 0.6 * x.sum((1, 2, 3))).all()


def test_pitch_moves_high_bands_further_than_low_ones() -> None:
    x = torch.zeros(32, 1, 96, 96)
    x[:, :, 4:6] = 1.0
    low = make().observe(x, modality("audio"), 99)[:, 0].sum(2)
    high = make().observe(x.flip(2), modality("audio"), 99)[:, 0].sum(2)
    bands = torch.arange(96.0)
    spread = [float(((y @ bands) / y.sum(1).clamp(min=1e-6)).std()) for y in (low, high)]
    assert spread[0] < 1.5 < 3 < spread[1] or spread[1] > 2 * spread[0]


def test_moves_go_on_bitwise_from_their_state() -> None:
    whole, x = make(), torch.rand(4, 1, 32, 32)
    whole.observe(x, modality("image"), 99)
    again = make(seed=5)
    again.load_state_dict(whole.state_dict())
    assert torch.equal(whole.observe(x, modality("image"), 99), again.observe(x, modality("image"), 99))
    with pytest.raises(StateError, match="generator"):
        again.load_state_dict({"version": 1})

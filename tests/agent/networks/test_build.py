import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from agent.config import PRESETS
from agent.exams.judge_networks import build_judge
from agent.networks.autoencoder import Transcoder
from agent.networks.build import build_autoencoder
from agent.networks.layouts import contract
from sensors.core.errors import ConfigError
from sensors.core.modalities import Modality, modality


def count_layers(module: nn.Module) -> dict[str, int]:
    """Numbers of convolution and fully connected layers in a module."""
    conv = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d)
    return {
        "convolution": sum(isinstance(m, conv) for m in module.modules()),
        "fully_connected": sum(isinstance(m, nn.Linear) for m in module.modules()),
    }


@pytest.mark.parametrize("modality", [modality("audio"), modality("image")], ids=lambda m: m.name)
def test_paper_has_the_papers_layers(modality: Modality) -> None:
    network = build_autoencoder(modality, "paper")
    assert count_layers(network) == {"convolution": 21, "fully_connected": 2}
    kinds = {type(m).__name__ for m in network.modules()}
    assert {"MaxPool2d", "Upsample", "BatchNorm2d", "LeakyReLU"} <= kinds


def test_transcoders_have_five_fully_connected_layers() -> None:
    assert count_layers(Transcoder(512))["fully_connected"] == 5


@pytest.mark.parametrize("preset", ["small", "paper"])
@pytest.mark.parametrize("modality", [modality("audio"), modality("image")], ids=lambda m: m.name)
def test_shapes_and_range(modality: Modality, preset: str) -> None:
    torch.manual_seed(0)
    x = torch.rand(3, *modality.shape)
    z, y = build_autoencoder(modality, preset)(x)
    assert z.shape == (3, 512)
    assert y.shape == x.shape
    assert float(y.detach().min()) >= 0 and float(y.detach().max()) <= 1


def test_latents_have_zero_mean_and_unit_variance() -> None:
    torch.manual_seed(0)
    network = build_autoencoder(modality("image"), "small")
    with torch.no_grad():
        z = network.encode(100 * torch.rand(4, *modality("image").shape))
    assert torch.allclose(z.mean(1), torch.zeros(4), atol=1e-5)
    assert torch.allclose(z.var(1, unbiased=False), torch.ones(4), atol=1e-3)


def test_unknown_preset_and_unfit_modality_are_named() -> None:
    with pytest.raises(ConfigError, match="huge"):
        build_autoencoder(modality("image"), "huge")
    with pytest.raises(ConfigError, match="lips"):
        build_autoencoder(modality("lips"), "small")


def test_the_layout_chooses_the_network_and_the_name_does_not() -> None:
    """A modality that nobody has thought of yet needs no line here."""
    for layout, kind in (("spectrogram", torch.nn.Conv1d), ("picture", torch.nn.Conv2d)):
        sonar = Modality("sonar", (1, 64, 96), np.dtype(np.uint8), "echo", 1 / 255, layout)
        network = build_autoencoder(sonar, "small", 16)
        assert any(isinstance(m, kind) for m in network.encoder.modules())
        assert network(torch.rand(2, 1, 64, 96))[1].shape == (2, 1, 64, 96)
    with pytest.raises(ConfigError, match=r"sonar.*film"):
        build_autoencoder(Modality("sonar", (1, 64, 96), np.dtype(np.uint8), "echo", 1 / 255, "film"), "paper")


SIZES = range(32, 225, 32)
FORMS: list[dict[str, dict[str, Any]]] = [
    *({"image": {"size": size, "color": size % 64 == 0}} for size in SIZES),
    *({"audio": {"frames": size, "bands": 256 - size}} for size in SIZES),
]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("settings", FORMS, ids=str)
def test_networks_follow_the_settings_of_senses(
    settings: dict[str, dict[str, Any]], preset: str, forms: Callable[..., None]
) -> None:
    forms(**settings)
    form = modality(next(iter(settings)))
    network = build_autoencoder(form, preset, 32).eval()
    with torch.no_grad():
        z = network.encode(torch.rand(1, *form.shape))
        assert z.shape == (1, 32) and network.decode(z).shape == (1, *form.shape)
    assert sum(p.numel() for p in network.parameters()) < 40e6


def test_a_layout_without_a_preset_or_a_judge_names_those_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract, "_LAYOUTS", dict(contract._LAYOUTS))
    picture = contract.layout_of("picture", (1, 32, 32), "it")
    own = dataclasses.replace(
        picture, autoencoders={"small": picture.autoencoders["small"]}, judges={"first": picture.judges["first"]}
    )
    contract._LAYOUTS["picture"] = own
    with pytest.raises(
        ConfigError, match=r"'image'.*'picture'.*no network of preset 'medium'.*learner.preset to small"
    ):
        build_autoencoder(modality("image"), "medium")
    with pytest.raises(ConfigError, match=r"'image'.*'picture'.*no judge 'second'; it has first"):
        build_judge("image", "second")

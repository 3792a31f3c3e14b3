"""The disk that a run asks for, held against its tables and against the networks themselves."""

from dataclasses import replace

import pytest

from agent.networks.autoencoder import Transcoder
from agent.networks.build import build_autoencoder
from runtime.config.learning import kinds
from runtime.config.settings import RunConfig
from runtime.run_folder import disk
from runtime.run_folder.disk import checkpoint_bytes, needed_bytes, parameters, transcoder
from sensors.core.modalities import modality
from sensors.senses import configure


@pytest.mark.parametrize("preset", ["small", "medium", "paper"])
@pytest.mark.parametrize(
    ("sense", "shape"),
    [
        ("image", (1, 32, 32)),
        ("image", (3, 64, 64)),
        ("image", (3, 96, 96)),
        ("image", (3, 224, 224)),
        ("audio", (1, 96, 96)),
        ("speech", (24, 26)),
        ("speech", (64, 6)),
        ("speech", (256, 12)),
    ],
)
def test_networks_are_no_larger_than_is_thought(sense: str, shape: tuple[int, ...], preset: str) -> None:
    form = replace(modality(sense), shape=shape)
    real = sum(p.numel() for p in build_autoencoder(form, preset, 512).parameters())
    assert real <= parameters(form, preset, 512) <= 2 * real


def test_transcoders_are_as_large_as_is_thought() -> None:
    real = sum(p.numel() for p in Transcoder(512).parameters())
    assert real <= transcoder(512) <= 1.1 * real


def test_tables_are_those_of_the_run(forms: None) -> None:
    """A run that perceives has tables of its own senses, whatever `run.teach` names beside it."""

    def tables(changes: dict[str, str]) -> float:
        config = RunConfig.of({"run.sensors": "live", **changes})
        configure(config.senses.to_dict())
        return needed_bytes(config) - disk.CHECKPOINTS * checkpoint_bytes(config)

    replay = RunConfig().replay
    audio, image = modality("audio").nbytes, modality("image").nbytes
    assert tables({"learner.modalities": "audio"}) == replay.capacity_single * audio
    pair = replay.capacity_single * (audio + image) + replay.capacity * (audio + image)
    assert tables({}) == pair
    large = {"image.size": "96", "image.color": "true"}
    assert tables(large) > pair + 20_000 * 26_000
    assert kinds(RunConfig.of({"run.sensors": "live"})) == ["audio", "image", "audio+image"]


def test_checkpoints_grow_with_senses_sizes_and_algorithms() -> None:
    plain = checkpoint_bytes(RunConfig.of({"run.teach": "digits"}))
    assert 140e6 < plain < 200e6
    assert checkpoint_bytes(RunConfig()) == plain + disk.TURNS
    assert checkpoint_bytes(RunConfig.of({"run.teach": "digits", "learner.preset": "paper"})) > 300e6
    assert checkpoint_bytes(RunConfig.of({"run.teach": "digits", "run.learn": "smart+contrastive"})) > 1.5 * plain

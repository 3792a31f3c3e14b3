import numpy as np
import pytest
import torch
from torch import Tensor

from agent.exams.retrieval import retrieve
from agent.networks.published import Networks
from agent.smart.networks import SmartNetworks
from sensors.core.modalities import modality
from teacher.datasets import ExamSet
from teacher.datasets.core.exam_set import ExamPart


class Labelled(SmartNetworks):
    """Latents are read off the samples: the first value of a sample says where its latent lies."""

    def encode(self, x: Tensor, source: str) -> Tensor:
        at = (x.flatten(1)[:, 0] * 255).round()
        return torch.stack([at, torch.zeros_like(at)], 1)

    def translate(self, z: Tensor, source: str, target: str) -> Tensor:
        return z


class Blind(Labelled):
    """Everything has the same latent."""

    def encode(self, x: Tensor, source: str) -> Tensor:
        return torch.zeros(len(x), 2)


def exam(concepts: int, each: int = 6, audio: int | None = None) -> ExamSet:
    """Samples whose first value is their concept."""

    def part(shape: tuple[int, ...], count: int) -> ExamPart:
        labels = np.arange(count * each, dtype=np.int64) % count
        samples = np.zeros((len(labels), *shape), np.uint8)
        samples.reshape(len(labels), -1)[:, 0] = labels
        return ExamPart("made", samples, labels)

    parts = {
        "image": part(modality("image").shape, concepts),
        "audio": part(modality("audio").shape, audio or concepts),
    }
    return ExamSet(parts, tuple(f"c{i}" for i in range(concepts)))


def networks(kind: type[SmartNetworks]) -> Networks:
    return kind(1, {"image": torch.nn.Identity(), "audio": torch.nn.Identity()})  # type: ignore[dict-item]  # not used


def test_who_knows_everything_finds_everything() -> None:
    found = retrieve(networks(Labelled), exam(20))
    assert set(found.shares) == {
        f"{path}/{name}" for path in ("image_to_audio", "audio_to_image") for name in ("r1", "r10", "five_way")
    }
    assert set(found.shares.values()) == {1.0}
    for path in ("image_to_audio", "audio_to_image"):
        chance = {name: found.chance[f"{path}/{name}"] for name in ("r1", "r10", "five_way")}
        assert chance == pytest.approx({"r1": 1 / 20, "r10": 1 / 2, "five_way": 1 / 5})


def test_one_latent_for_all_finds_nothing() -> None:
    found = retrieve(networks(Blind), exam(20))
    assert set(found.shares.values()) == {0.0}


def test_latents_that_are_no_numbers_find_nothing() -> None:
    class Broken(Labelled):
        def encode(self, x: Tensor, source: str) -> Tensor:
            return torch.full((len(x), 2), torch.nan)

    found = retrieve(networks(Broken), exam(20))
    assert len(found.shares) == 6 and set(found.shares.values()) == {0.0}


def test_what_depth_reaches_all_concepts_is_left_out() -> None:
    found = retrieve(networks(Labelled), exam(3))
    assert "image_to_audio/r10" not in found.shares
    assert found.chance["image_to_audio/five_way"] == pytest.approx(1 / 3)


def test_concepts_that_one_sense_lacks_are_passed_over() -> None:
    found = retrieve(networks(Labelled), exam(20, audio=4))
    assert found.shares["image_to_audio/r1"] == 1.0
    assert found.chance["image_to_audio/r1"] == pytest.approx(1 / 4)


def test_random_latents_are_at_chance() -> None:
    class Random(Labelled):
        def encode(self, x: Tensor, source: str) -> Tensor:
            return torch.randn(len(x), 4, generator=torch.Generator().manual_seed(len(source)))

    found = retrieve(networks(Random), exam(20, each=100))
    for name, chance in found.chance.items():
        assert found.shares[name] == pytest.approx(chance, abs=0.03)


def test_every_pair_of_senses_has_its_own_chance() -> None:
    two = exam(20, audio=4)
    three = ExamSet({**two.parts, "audio_far": two.parts["image"]}, two.concepts)
    found = retrieve(Labelled(1, dict.fromkeys(three.parts, torch.nn.Identity())), three)  # type: ignore[arg-type]
    assert found.chance["image_to_audio_far/r1"] == pytest.approx(1 / 20)
    assert found.chance["audio_far_to_audio/r1"] == pytest.approx(1 / 4)
    assert found.chance.keys() == found.shares.keys()

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from agent.exams import judges
from agent.exams.judge_networks import NETWORKS, build_judge
from agent.exams.judges import Training
from agent.networks.build import build_autoencoder
from agent.networks.published import to_network
from sensors.core.errors import ConfigError
from sensors.core.modalities import modality
from sensors.senses import configure
from teacher.datasets.core.samples import make_samples
from tests.agent.rigs import datasets


def finish(training: Training) -> Training:
    while not training.finished:
        training.step()
    return training


@pytest.mark.parametrize("modality", ["image", "audio"])
@pytest.mark.parametrize("network", NETWORKS)
def test_a_judge_learns_and_tells_its_own_accuracy(modality: str, network: str) -> None:
    data = datasets(test=50)[modality]
    training = Training(modality, data, {"image": 60, "audio": 30}[modality], 7, None, network)
    assert not training.usable
    judge = finish(training).judge
    right = (judge.grade(to_network(data.test, modality)).numpy() == data.test_labels).mean()
    assert judge.accuracy == pytest.approx(right)
    assert judge.accuracy > 0.9


def test_a_judge_is_kept_for_the_same_data_and_no_other(tmp_path: Path) -> None:
    data = datasets(test=50)["image"]
    first = finish(Training("image", data, 12, 7, tmp_path))
    again = Training("image", data, 12, 7, tmp_path)
    assert again.cached and again.finished and again.judge.accuracy == first.judge.accuracy
    x = to_network(data.test, "image")
    assert torch.equal(first.judge.grade(x), again.judge.grade(x))
    other = datasets(train=300)["image"]
    assert not Training("image", other, 12, 7, tmp_path).cached


def test_few_samples_take_fewer_steps() -> None:
    data = datasets(train=200, test=10)["image"]
    few = make_samples("few", (data.train[:80], data.train_labels[:80]), (data.test, data.test_labels), "")
    tiny = make_samples("tiny", (data.train[:10], data.train_labels[:10]), (data.test, data.test_labels), "")
    asked = [Training("image", samples, 0, 7, None).steps for samples in (data, few, tiny)]
    assert asked == [1400, 560, 300]
    assert Training("image", few, 12, 7, None).steps == 12


def test_every_network_has_a_judge_of_its_own_in_the_cache(tmp_path: Path) -> None:
    data = datasets()["image"]
    names = {finish(Training("image", data, 6, 7, tmp_path, network)).judge.name for network in NETWORKS}
    assert names == {"image", "image-second", "image-reference"}
    assert all(Training("image", data, 6, 7, tmp_path, network).cached for network in NETWORKS)
    assert not Training("image", data, 6, 7, tmp_path, "reference", preset="paper").cached


def test_other_source_is_another_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = datasets()["image"]
    finish(Training("image", data, 6, 7, tmp_path))
    read = Path.read_bytes
    for changed in ("judges.py", "judge_networks.py"):
        judges._code.cache_clear()
        monkeypatch.setattr(Path, "read_bytes", lambda path, c=changed: read(path) + b"#" * (path.name == c))
        assert not Training("image", data, 6, 7, tmp_path).cached, changed
    monkeypatch.undo()
    judges._code.cache_clear()
    assert Training("image", data, 6, 7, tmp_path).cached


@pytest.mark.parametrize("name", ["image", "audio"])
def test_the_reference_is_the_learners_own_encoder(name: str) -> None:
    learner = build_autoencoder(modality(name), "small")
    reference = build_judge(name, "reference", "small")
    reference.load_state_dict({**_prefixed(learner, "encoder"), **_prefixed(reference, "verdict")})
    reference.eval()
    learner.eval()
    x = to_network(datasets(20, 10)[name].test, name)
    verdict = reference.get_submodule("verdict")
    assert torch.equal(reference(x), verdict(learner.encode(x)))


def test_an_unknown_network_is_refused() -> None:
    with pytest.raises(ConfigError, match="third"):
        build_judge("image", "third")


def _prefixed(module: nn.Module, part: str) -> dict[str, torch.Tensor]:
    return {k: v for k, v in module.state_dict().items() if k.startswith(part)}


def test_a_damaged_judge_is_trained_anew(tmp_path: Path) -> None:
    data = datasets()["audio"]
    finish(Training("audio", data, 12, 7, tmp_path))
    kept = next(tmp_path.glob("*.safetensors"))
    kept.write_bytes(kept.read_bytes()[:100])
    assert not Training("audio", data, 12, 7, tmp_path).cached


def test_training_leaves_the_global_random_state_alone() -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    Training("image", datasets(40, 20)["image"], 6, 7, None)
    assert torch.equal(before, torch.random.get_rng_state())


def test_concepts_are_met_evenly_where_that_is_asked_for() -> None:
    data = datasets(test=50)["image"]
    rows = np.concatenate([np.flatnonzero(data.train_labels == 0), np.flatnonzero(data.train_labels == 1)[:3]])
    uneven = make_samples("uneven", (data.train[rows], data.train_labels[rows]), (data.test, data.test_labels), "")
    drawn = {}
    for even in (False, True):
        training = Training("image", uneven, 4, 7, None, even=even)
        met = torch.cat([training._rows() for _ in range(8)]).numpy()
        drawn[even] = float((uneven.train_labels[met] == 1).mean())
    assert drawn[False] < 0.3 < 0.4 < drawn[True] < 0.6


def test_training_in_half_precision_is_another_judge_that_learns(tmp_path: Path) -> None:
    data = datasets(test=50)["image"]
    judge = finish(Training("image", data, 60, 7, tmp_path, precision="bfloat16")).judge
    assert judge.accuracy > 0.9
    assert not Training("image", data, 60, 7, tmp_path).cached


def test_a_judge_of_colour_pictures_is_kept(tmp_path: Path) -> None:
    configure({"image": {"size": 64, "color": True}})
    try:
        rng = np.random.default_rng(0)
        part = rng.integers(0, 256, (80, 3, 64, 64), np.uint8), np.arange(80) % 2
        data = make_samples("colour", part, part, "")
        for network in ("first", "reference"):
            first = finish(Training("image", data, 2, 7, tmp_path, network, concepts=2))
            again = Training("image", data, 2, 7, tmp_path, network, concepts=2)
            x = to_network(data.test, "image")
            assert again.cached and torch.equal(first.judge.grade(x), again.judge.grade(x))
        assert not Training("image", data, 2, 7, tmp_path, concepts=2, mirror=False).cached, "it learns other samples"
    finally:
        configure({})

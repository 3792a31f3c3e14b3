from pathlib import Path

import pytest
import torch

from agent.exam import to_network
from agent.judges import Training
from tests.agent.rigs import datasets


def finish(training: Training) -> Training:
    while not training.finished:
        training.step()
    return training


@pytest.mark.parametrize("modality", ["image", "audio"])
def test_a_judge_learns_and_tells_its_own_accuracy(modality: str) -> None:
    data = datasets()[modality]
    training = Training(modality, data, 60, 7, None)
    assert not training.usable
    judge = finish(training).judge
    right = (judge.grade(to_network(data.test)).numpy() == data.test_labels).mean()
    assert judge.accuracy == pytest.approx(right)
    assert judge.accuracy > 0.9


def test_a_judge_is_kept_for_the_same_data_and_no_other(tmp_path: Path) -> None:
    data = datasets()["image"]
    first = finish(Training("image", data, 12, 7, tmp_path))
    again = Training("image", data, 12, 7, tmp_path)
    assert again.cached and again.finished and again.judge.accuracy == first.judge.accuracy
    x = to_network(data.test)
    assert torch.equal(first.judge.grade(x), again.judge.grade(x))
    other = datasets(train=300)["image"]
    assert not Training("image", other, 12, 7, tmp_path).cached


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

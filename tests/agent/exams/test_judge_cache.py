from pathlib import Path

import pytest
import torch

from agent.exams.judge_cache import KeptJudge, code_of

TENSORS = {"weight": torch.arange(6.0).reshape(2, 3).T, "labels": torch.tensor([3, 5])}


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    kept = KeptJudge(tmp_path / "judges", "image", "key")
    assert kept.load() is None and kept.facts() is None
    kept.save(TENSORS, {"accuracy": 0.5})
    assert sorted(path.name for path in (tmp_path / "judges").iterdir()) == ["image-key.json", "image-key.safetensors"]
    again = KeptJudge(tmp_path / "judges", "image", "key")
    loaded = again.load()
    assert loaded is not None and again.facts() == {"accuracy": 0.5}
    assert all(torch.equal(loaded[name], tensor) for name, tensor in TENSORS.items())
    assert KeptJudge(tmp_path / "judges", "image", "other").load() is None


@pytest.mark.parametrize("name", ["image-key.json", "image-key.safetensors"])
def test_half_a_file_counts_as_none(tmp_path: Path, name: str) -> None:
    kept = KeptJudge(tmp_path, "image", "key")
    kept.save(TENSORS, {"accuracy": 0.5})
    place = tmp_path / name
    place.write_bytes(place.read_bytes()[: place.stat().st_size // 2])
    assert kept.load() is None or kept.facts() is None


def test_without_a_directory_nothing_is_kept_and_a_full_one_costs_no_more(tmp_path: Path) -> None:
    nowhere = KeptJudge(None, "image", "key")
    nowhere.save(TENSORS)
    assert nowhere.load() is None and nowhere.facts() is None
    (tmp_path / "file").write_text("")
    in_the_way = KeptJudge(tmp_path / "file", "image", "key")
    in_the_way.save(TENSORS)
    assert in_the_way.load() is None


def test_other_code_has_another_hash(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("a = 1\n")
    before = code_of([tmp_path / "a.py"])
    (tmp_path / "a.py").write_text("a = 2\n")
    assert len(before) == 8 and code_of([tmp_path / "a.py"]) != before

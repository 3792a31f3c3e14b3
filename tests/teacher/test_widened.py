"""FSDD and Speech Commands side by side."""

from pathlib import Path

import numpy as np
import pytest

from sensors.errors import DataError
from teacher.datasets import fsdd, gcdd, widened
from tests.teacher.tiny import write_fsdd, write_words


@pytest.mark.parametrize("held_out", ["", "bob"])
def test_each_keeps_its_own_split_and_fsdd_comes_first(tmp_path: Path, held_out: str) -> None:
    write_fsdd(tmp_path / "fsdd" / "recordings", ("ann", "bob"))
    write_words(tmp_path / "speech_commands", 30)
    both, first, second = widened.load(tmp_path, held_out), fsdd.load(tmp_path, held_out), gcdd.load(tmp_path)
    for part in ("train", "train_labels", "test", "test_labels"):
        assert np.array_equal(getattr(both, part), np.concatenate([getattr(s, part) for s in (first, second)]))
    assert both.name == "fsdd+gcdd"
    assert first.split in both.summary and second.split in both.summary
    assert widened.load(tmp_path, held_out).fingerprint == both.fingerprint


def test_one_of_them_is_not_enough(tmp_path: Path) -> None:
    write_fsdd(tmp_path / "fsdd" / "recordings")
    with pytest.raises(DataError, match=r"^gcdd: .* not found .*--data DIR"):
        widened.load(tmp_path)
    write_words(tmp_path / "words" / "speech_commands", 8)
    with pytest.raises(DataError, match=r"^fsdd: .* not found .*--data DIR"):
        widened.load(tmp_path / "words")


def test_no_speaker_of_the_real_test_part_trains(data_dir: Path) -> None:
    samples = widened.load(data_dir, "theo")
    everything = widened.load(data_dir)
    assert np.bincount(fsdd.load(data_dir, "theo").test_labels).tolist() == [50] * 10
    assert len(samples.train) + len(samples.test) == len(everything.train) + len(everything.test)
    assert len(samples.train) == len(everything.train) - 10 * 45 + 10 * 5 * 5

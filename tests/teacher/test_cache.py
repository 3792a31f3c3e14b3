"""Prepared datasets on disk: mapped, checked and made anew when damaged."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from teacher.datasets import Samples
from teacher.datasets.cache import cached
from tests.teacher.tiny import toy


class Maker:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> Samples:
        self.calls += 1
        return toy("toy", (1, 4, 4)).noted("one note")


def test_the_second_start_maps_what_the_first_prepared(own_cache: Path) -> None:
    make = Maker()
    first, second = cached("toy", "k", make), cached("toy", "k", make)
    assert make.calls == 1
    assert second.fingerprint == first.fingerprint == make().fingerprint
    assert second.summary == first.summary and "one note" in second.summary
    assert isinstance(second.train, np.memmap) and not second.train.flags.writeable
    assert np.array_equal(second.test_labels, make().test_labels)
    cached("toy", "other", make)
    assert make.calls == 4


@pytest.mark.parametrize("damage", ["flip", "cut", "garbage", "remove", "meta", "version"])
def test_a_damaged_entry_is_prepared_anew(own_cache: Path, damage: str) -> None:
    make = Maker()
    whole = cached("toy", "k", make)
    expected = whole.train.copy()
    place = own_cache / "prepared" / "toy-k"
    file = place / "train.npy"
    data = bytearray(file.read_bytes())
    # Replaced, as a damaged disk would show it to a new process; the mapped file itself must not shrink.
    file.unlink()
    if damage == "flip":
        data[-5] ^= 1
        file.write_bytes(data)
    elif damage == "cut":
        file.write_bytes(data[:-100])
    elif damage == "garbage":
        file.write_bytes(b"not an array")
    elif damage != "remove":
        file.write_bytes(data)
        meta = json.loads((place / "meta.json").read_text())
        (place / "meta.json").write_text("{" if damage == "meta" else json.dumps({**meta, "version": 0}))
    again = cached("toy", "k", make)
    assert make.calls == 2
    assert np.array_equal(again.train, expected)
    assert np.array_equal(cached("toy", "k", make).train, expected)
    assert make.calls == 2


def test_a_cache_that_cannot_be_written_costs_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("RECIPROCAL_CACHE", str(tmp_path / "file"))
    make = Maker()
    assert np.array_equal(cached("toy", "k", make).train, make().train)
    assert os.listdir(tmp_path) == ["file"]


def test_nothing_half_written_stays(own_cache: Path) -> None:
    cached("toy", "k", Maker())
    assert os.listdir(own_cache / "prepared") == ["toy-k"]

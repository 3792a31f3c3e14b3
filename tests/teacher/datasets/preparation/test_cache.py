"""Prepared datasets on disk: mapped, checked and made anew when damaged."""

import dataclasses
import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from teacher.datasets import Samples
from teacher.datasets.core.report import LoadReport
from teacher.datasets.preparation import cache
from teacher.datasets.preparation.cache import cached
from tests.teacher.tiny import toy


class Maker:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> Samples:
        self.calls += 1
        made = dataclasses.replace(toy("toy", (1, 4, 4)), report=LoadReport.of(250, [("a.wav", "silent")]))
        return made.noted("one note")


def test_the_second_start_maps_what_the_first_prepared(own_cache: Path) -> None:
    make = Maker()
    first, second = cached("toy", "k", make, "image"), cached("toy", "k", make, "image")
    assert make.calls == 1
    assert second.fingerprint == first.fingerprint == make().fingerprint
    assert second.summary == first.summary and "one note" in second.summary
    assert second.report == make().report and "250 taken, 1 left out: 1 silent (a.wav)" in second.summary
    assert isinstance(second.train, np.memmap) and not second.train.flags.writeable
    assert np.array_equal(second.test_labels, make().test_labels)
    cached("toy", "other", make, "image")
    assert make.calls == 5


@pytest.mark.parametrize("damage", ["flip", "cut", "garbage", "remove", "meta", "version"])
def test_a_damaged_entry_is_prepared_anew(own_cache: Path, damage: str) -> None:
    make = Maker()
    whole = cached("toy", "k", make, "image")
    expected = whole.train.copy()
    (place,) = (own_cache / "prepared").glob("toy-k-*")
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
    again = cached("toy", "k", make, "image")
    assert make.calls == 2
    assert np.array_equal(again.train, expected)
    assert np.array_equal(cached("toy", "k", make, "image").train, expected)
    assert make.calls == 2


def test_a_cache_that_cannot_be_written_costs_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("RECIPROCAL_CACHE", str(tmp_path / "file"))
    make = Maker()
    assert np.array_equal(cached("toy", "k", make, "image").train, make().train)
    assert os.listdir(tmp_path) == ["file"]


def test_nothing_half_written_stays(own_cache: Path) -> None:
    cached("toy", "k", Maker(), "image")
    lock, entry = sorted(os.listdir(own_cache / "prepared"))
    assert lock == f".{entry}.lock" and entry.startswith("toy-k-")


def test_other_code_prepares_anew_and_removes_outdated_entries(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Maker()
    old = cached("toy", "k", make, "image")
    monkeypatch.setattr(cache, "_code", lambda: "changed")
    cached("toy", "k", make, "image")
    assert make.calls == 2
    assert [p.name for p in (own_cache / "prepared").glob("toy-*")] == ["toy-k-changed"]
    assert old.train.sum() > 0


def test_processes_that_start_together_prepare_once(own_cache: Path) -> None:
    code = (
        "import time; from teacher.datasets.preparation.cache import cached; from tests.teacher.tiny import toy\n"
        "def make():\n    print('made', flush=True); time.sleep(1); return toy('toy', (1, 4, 4))\n"
        "print(cached('toy', 'k', make, 'image').fingerprint)"
    )
    running = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = "".join(process.communicate(timeout=60)[0] for process in running).split()
    assert said.count("made") == 1
    assert len(set(said)) == 2 and len(said) == 4


def test_a_lock_that_is_never_freed_is_not_waited_for_long(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "LONGEST_WAIT", 0.1)
    (own_cache / "prepared").mkdir(parents=True)
    make = Maker()
    with (own_cache / "prepared" / f".toy-k-{cache._code()}.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        cached("toy", "k", make, "image")
    assert make.calls == 1


def test_a_teacher_stays_slim() -> None:
    heavy = ("torch", "librosa", "sklearn", "pooch")
    code = f"import sys, teacher.actor; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_samples_of_another_form_are_kept_beside_those_of_the_default_one(
    own_cache: Path, forms: Callable[..., None]
) -> None:
    make = Maker()
    cached("toy", "k", make, "image")
    forms(audio={"bands": 64})
    cached("toy", "k", make, "image")
    assert make.calls == 1, "the form of another sense makes no difference"
    forms(image={"size": 64})
    cached("toy", "k", make, "image")
    forms()
    cached("toy", "k", make, "image")
    assert len(list((own_cache / "prepared").glob("toy-*"))) == 2
    assert [p.name.rpartition("-")[0] for p in (own_cache / "prepared").glob("toy-k.*")] == ["toy-k.1x64x64"]

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from benchmarks.harness.cells import run_program
from benchmarks.studies.smart import smart_table
from runtime.trial import Trial
from sensors.core.errors import ConfigError, DataError
from sensors.signals.sound import read_sound
from tests.teacher.tiny import write_fsdd, write_mnist, write_words

SMALL = [
    "learner.batch=8", "learner.min_events=16", "learner.latent=32", "learner.clusters=4", "learner.bank=64",
    "learner.precision=float32", "replay.capacity=64", "replay.capacity_single=32", "replay.min_size=16",
    "replay.limiter_slack=64", "teacher.batch_events=16", "teacher.warmup_events=16",
    "monitor.judge_steps=6",
]  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    write_mnist(root / "mnist")
    write_fsdd(root / "fsdd/recordings")
    for path in list((root / "fsdd/recordings").iterdir()):
        shutil.copy(path, path.with_name(path.name.replace("ann", "ben")))
    write_words(root / "speech_commands", per_word=17)
    return root


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECIPROCAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("RECIPROCAL_DATA", "")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str, steps: int = 4, settings: Sequence[str] = SMALL) -> None:
    command = ["smart_table.py", "--workers", "0", "--steps", str(steps), *arguments]
    for text in settings:
        command += ["--set", text]
    monkeypatch.setattr(sys, "argv", command)
    smart_table.main()


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]


def test_a_cell_is_learned_examined_and_shown(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(smart_table, "WAVS", 1)
    monkeypatch.setattr(smart_table, "APART", 1)
    out = tmp_path / "out"
    arguments = ("--data", str(data), "--out", str(out), "--only", "mnist+fsdd", "--seeds", "0", "--json")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 5)
    run(monkeypatch, *arguments, "--styles", "hybrid")
    (row,) = printed(capsys)
    assert row["threads"] == 5
    wanted = {"data", "preset", "style", "seed", "minutes", "image_to_audio", "audio_to_image", "mlc", "glc"}
    wanted |= {"mlc2", "glc2", "reference_image", "reference_audio", "image_to_audio_second", "audio_to_audio_balanced"}
    assert wanted <= row.keys()
    assert row["images"] == 20 and row["clips"] == 40 and row["minutes"] > 0
    kept = json.loads((out / "rows.jsonl").read_text())
    assert [p["step"] for p in kept["curve"]] == [1, 2, 3, 4]
    assert kept["curve"][-1]["image_to_audio"] == row["image_to_audio"]
    (folder,) = [p.parent for p in out.glob("*/sheet.png")]
    assert cv2.imread(str(folder / "sheet.png")) is not None
    assert np.isfinite(read_sound(folder / "image-of-zero-evokes.wav")).all()
    assert not (folder / "checkpoint").exists() and not (folder / "replay").exists()
    text = (out / "table.md").read_text()
    assert "99.59" in text and "97.33" in text and "| mnist+fsdd | hybrid | 1 |" in text
    # Once more: nothing is learned again.
    monkeypatch.setattr(Trial, "step", None)
    run(monkeypatch, *arguments, "--styles", "hybrid")
    assert printed(capsys) == [row]


def test_a_cell_that_was_stopped_goes_on_and_ends_the_same(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--data", str(data), "--only", "mnist+fsdd", "--seeds", "1", "--styles", "classroom", "--json")
    monkeypatch.setattr(smart_table, "SAVE_EVERY", 0.0)
    monkeypatch.setattr(smart_table, "APART", 1)
    run(monkeypatch, *arguments, "--out", str(tmp_path / "whole"), steps=6)
    (whole,) = printed(capsys)
    plain = Trial.step
    stepped: list[int] = []

    def stop_at_five(trial: Trial) -> Any:
        if trial.done == 4:
            raise KeyboardInterrupt
        return plain(trial)

    def count(trial: Trial) -> Any:
        stepped.append(trial.done)
        return plain(trial)

    monkeypatch.setattr(Trial, "step", stop_at_five)
    with pytest.raises(KeyboardInterrupt):
        run(monkeypatch, *arguments, "--out", str(tmp_path / "broken"), steps=6)
    monkeypatch.setattr(Trial, "step", count)
    run(monkeypatch, *arguments, "--out", str(tmp_path / "broken"), steps=6)
    (again,) = printed(capsys)
    assert stepped == [4, 5]
    timing = ("minutes", "steps_per_s")
    assert {k: v for k, v in again.items() if k not in timing} == {k: v for k, v in whole.items() if k not in timing}
    curve = json.loads((tmp_path / "broken/rows.jsonl").read_text())["curve"]
    assert [p["step"] for p in curve] == [1, 2, 3, 4, 5, 6]


def test_a_speaker_is_left_out_and_the_two_sets_are_examined_apart(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--data", str(data), "--out", str(tmp_path / "out"), "--only", "loso", "--speakers", "ben", "--json")
    run(monkeypatch, *arguments, "--seeds", "3", "--styles", "hybrid")
    (row,) = printed(capsys)
    assert row["held_out"] == "ben" and "ben tests" in row["speech"]
    assert row["clips_fsdd"] == 40 and row["clips_gcdd"] == row["clips"] - 40 > 0
    right = row["audio_to_image_fsdd"] * 40 + row["audio_to_image_gcdd"] * row["clips_gcdd"]
    assert right == pytest.approx(row["audio_to_image"] * row["clips"])
    assert not list((tmp_path / "out").glob("*/sheet.png"))  # of seed 0 alone


def test_a_set_that_is_not_there_is_skipped_by_name(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DataError, match="none of the sets"):
        run(monkeypatch, "--data", str(data), "--out", str(tmp_path), "--only", "mnist+gcdd")
    assert "skipped mnist+gcdd: gcdd: only a part of it is there (zero 17" in capsys.readouterr().err
    found = smart_table.found_sets(data)
    assert [name for name, why in found.items() if not why] == ["mnist+fsdd", "mnist+fsdd+gcdd", "loso"]
    assert all(smart_table.found_sets(tmp_path).values())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--only", "mnist"), "--only: no mnist; known: mnist.fsdd"),
        (("--styles", "open"), "--styles: no open"),
        (("--only", "loso", "--speakers", "carl"), "--speakers: no carl; there are ann, ben"),
        (("--set", "learner.x=1"), "unknown setting 'x'"),
        (("--set", "learner"), "expected section.field=value"),
        (("--steps", "0"), "expected a positive number"),
        (("--seeds", "0,one"), "--seeds '0,one': expected whole numbers"),
    ],
)
def test_a_mistake_is_told_before_anything_runs(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        run(monkeypatch, "--data", str(data), "--out", str(tmp_path / "out"), *arguments, settings=())
    assert not (tmp_path / "out").exists()


def test_without_data_the_exit_code_is_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["smart_table.py", "--out", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as ended:
        run_program(smart_table.main)
    assert ended.value.code == 2


def test_judges_of_images_are_shared_and_those_of_speech_are_not() -> None:
    base = {"style": "hybrid", "seed": 0, "steps": 1, "preset": "small", "set": {"learner.batch": "8"}}
    cells = [{**base, "data": "mnist+fsdd", "held_out": ""}, {**base, "data": "loso", "held_out": "theo"}]
    cells += [{**cells[0], "seed": 1}, {**cells[0], "style": "classroom"}]
    judges = smart_table.judge_cells(cells)
    assert sorted((c["modality"], c["data"]) for c in judges if c["network"] == "first") == [
        ("audio", "loso"),
        ("audio", "mnist+fsdd"),
        ("image", "mnist+fsdd"),
    ]
    assert len(judges) == 9 and all(not c["set"] for c in judges)

"""Whole exports; the robot's program runs one without torch."""

import json
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.export import writer
from agent.export.writer import CARD, MODEL, check_folder, export
from agent.learned.loaded import load
from agent.networks.published import to_network
from launch import main
from sensors.core.errors import ConfigError, StateError
from sensors.core.modalities import modality
from sensors.signals.spectrogram import log_mel, quantise
from tests.agent.learned.saved import learner_of, pairs, save_run
from tests.page.fake import tone

pytest.importorskip("onnxscript", reason="needs the extra 'onnx'")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")

ROOT = Path(__file__).parents[3]
BLOCKED = "('torch', 'ray', 'agent', 'sensors', 'cv2', 'scipy', 'librosa', 'onnx', 'soundfile')"
LENGTH = 8_000


def read(folder: Path) -> Any:
    return json.loads((folder / MODEL).read_text())


def say(path: Path, rate: int = 16_000) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes((tone(LENGTH / 16_000) * 32_767).astype("<i2").tobytes())


def robot(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the example in a process in which nothing but onnxruntime and numpy can be imported."""
    program = (
        f"import sys, runpy; [sys.modules.__setitem__(name, None) for name in {BLOCKED}]; "
        f"sys.argv[1:] = {[str(folder), *arguments]!r}; "
        f"runpy.run_path({str(ROOT / 'examples/onnx_robot.py')!r}, run_name='__main__')"
    )
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/a").touch()
    for folder, told in (("full", "is not empty"), ("full/a", "is a file"), ("none/x", "there is no folder")):
        with pytest.raises(ConfigError, match=told):
            check_folder(tmp_path / folder)
    check_folder(tmp_path / "new")


def test_the_robot_s_program_is_short() -> None:
    lines = (ROOT / "examples/onnx_robot.py").read_text().splitlines()
    assert len([line for line in lines if line.strip()]) <= 40


@pytest.mark.slow
def test_a_run_is_exported_and_a_robot_runs_it_without_torch(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "model"
    assert main(["export", str(saved), "--onnx", str(folder)]) == 0
    assert "9 files" in capsys.readouterr().out
    told = read(folder)
    assert told["senses"]["audio"]["before"]["graph"] == "log_mel_audio.onnx" and told["step"] == 6
    assert max(told["checked"]["largest_difference"].values()) < 1e-4
    files = {path.name for path in folder.iterdir()}
    assert files == {MODEL, CARD, *told["checked"]["largest_difference"]}
    card = (folder / CARD).read_text()
    assert "MNIST: commonly given as CC BY-SA 3.0" in card and "6 steps" in card and "## Exams" in card
    say(tmp_path / "three.wav")
    done = robot(folder, str(tmp_path / "three.wav"), str(tmp_path / "evoked.pgm"))
    assert done.returncode == 0, done.stderr
    head, drawn = (tmp_path / "evoked.pgm").read_bytes().split(b"\n", 1)
    assert head == b"P5 32 32 255"
    said = (tone(LENGTH / 16_000) * 32_767).astype("<i2").astype(np.float32) / np.float32(32_768)
    stored = quantise(log_mel([said]))
    networks = load(saved).networks
    expected = networks.evoke(to_network(stored, "audio"), "audio", "image")[0, 0].numpy() * 255
    assert np.abs(np.frombuffer(drawn, np.uint8).reshape(32, 32) - expected).max() < 1.0
    say(tmp_path / "other.wav", 8_000)
    refused = robot(folder, str(tmp_path / "other.wav"), str(tmp_path / "x.pgm"))
    assert refused.returncode == 1 and "16 bits at 16000 Hz" in refused.stderr
    # An earlier export is replaced; a failed one leaves nothing.
    assert main(["export", str(saved), "--onnx", str(folder)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"model", "three.wav", "evoked.pgm", "other.wav"}


@pytest.mark.slow
def test_other_forms_and_senses_are_exported(
    tmp_path: Path, forms: Callable[..., None], plugins_undone: Callable[[], None]
) -> None:
    from sensors.plugins import load_plugins

    plugin = ROOT / "examples/touch.py"
    load_plugins([plugin])
    forms(image={"size": 64, "color": True})
    samples = pairs()
    rng = np.random.default_rng(0)
    felt = modality("touch").stored(rng.standard_normal((24, *modality("touch").shape)))
    world = {"image": samples["image"], "touch": felt}
    changes = {"image__size": "64", "image__color": "true", "run__plugins": str(plugin)}
    run = save_run(tmp_path / "run", learner_of(world, 2), world, **changes)
    forms()
    told = list(export(load(run), tmp_path / "model", "1.0", lambda told: "card"))
    assert len(told) == 7
    senses = read(tmp_path / "model")["senses"]
    assert senses["image"]["sample"]["shape"] == ["batch", 3, 64, 64]
    assert senses["image"]["before"]["channels"] == "red, green, blue" and senses["image"]["before"]["way"] == "fit"
    assert senses["touch"]["sample"]["shape"] == ["batch", *modality("touch").shape]
    assert "graph" not in senses["touch"]["before"]


@pytest.mark.slow
def test_a_graph_that_answers_otherwise_is_not_exported(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "difference", lambda *_: 2e-4)
    with pytest.raises(StateError, match=r"differs by 2.0e-04 from torch, more than 1e-04; nothing was exported"):
        list(export(load(saved), tmp_path / "model", "1.0", lambda told: "card"))
    assert not list(tmp_path.iterdir())

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PIL.GifImagePlugin import GifImageFile

from agent.config import MonitorConfig
from agent.monitors.lip_monitor import DRAW_EVERY, PICTURES, LipMonitor
from tests.agent.lip_rigs import TURNS, letter_data, lip_networks


@pytest.fixture
def monitor(tmp_path: Path) -> LipMonitor:
    return LipMonitor(MonitorConfig(every=3600.0), letter_data(), TURNS.replace(tune_epochs=1), tmp_path, None)


def test_exams_need_no_judge_and_say_less_without_one(monitor: LipMonitor) -> None:
    assert monitor.due and not monitor.ready
    found = monitor.examine(lip_networks())
    assert not monitor.due
    assert found.figures["exam/lips_unimodal"] == pytest.approx(4 / 6, abs=0.05)
    assert not [name for name in found.figures if "imagined" in name or "judge" in name]
    assert (monitor.samples / "lips-turn-0003.gif").exists()


def test_an_exam_with_everything(monitor: LipMonitor) -> None:
    monitor.tdlft = TURNS
    ready = monitor.train(1.0)
    assert monitor.ready and monitor.judge is not None
    assert ready.figures == {"judge/lips": monitor.judge.accuracy} and "patches" in ready.note
    found = monitor.examine(lip_networks())
    figures = {name: float(value) for name, value in found.figures.items()}
    assert {f"exam/lips_{name}" for name in (
        "all", "seen", "unseen", "harmonic", "among_unseen", "unimodal", "unimodal_seen",
        "oracle", "oracle_seen", "oracle_unseen", "imagined", "imagined_seen", "imagined_unseen",
        "imagined_among_unseen", "reconstructed", "reconstructed_seen", "reconstructed_unseen",
    )} | {"judge/lips", "examined/turn", "exam_count/lips"} == set(figures)  # fmt: skip
    assert figures["exam/lips_unimodal"] < figures["exam/lips_all"] < figures["exam/lips_oracle"]
    assert figures["exam/lips_imagined_seen"] > 0.6, "what speech evokes is read as what was said"
    assert figures["examined/turn"] == 3 and figures["exam_count/lips"] == 36
    assert found.note.startswith("lip reading after turn 3 (40 pairs, 20 heard): all ")
    assert "; unimodal 67%; oracle 100%, unseen 100%; the judge reads " in found.note and "(chance 17%)" in found.note


def test_pictures_and_tables_are_kept_for_a_while(monitor: LipMonitor) -> None:
    networks = lip_networks()
    monitor.train(1.0)
    for turn in range(1, DRAW_EVERY + 2):
        monitor.examine(dataclasses.replace(networks, turn=turn))
    drawn = {path.name for path in monitor.samples.glob("lips-turn-*.png")}
    assert drawn == {"lips-turn-0001.png", f"lips-turn-{DRAW_EVERY + 1:04d}.png"}
    for turn in range(2, 2 + PICTURES):
        for end in (".png", ".gif", ".json"):
            (monitor.samples / f"lips-turn-{turn:04d}{end}").touch()
    found = monitor.examine(networks, whole=True)
    assert found.note.startswith("final lip reading")
    names = {path.name for path in monitor.samples.iterdir()}
    assert {"lips-final.png", "lips-final.gif", "lips-final.json", "lips-latest.png", "lips-latest.gif"} < names
    assert len([name for name in names if name.startswith("lips-turn-")]) == 3 * PICTURES
    assert "lips-turn-0001.gif" not in names
    report = json.loads((monitor.samples / "lips-final.json").read_text())
    assert report["corpus"] == "patches" and report["turn"] == 3
    assert report["lip reading"]["all"] == found.figures["exam/lips_all"]
    assert report["judge of lips"]["imagined"]["unseen"] == found.figures["exam/lips_imagined_unseen"]
    assert np.trace(report["confusion (true x read)"]) == round(36 * report["lip reading"]["all"])
    with GifImageFile(monitor.samples / "lips-latest.gif") as gif:
        assert gif.n_frames == 12


def test_before_anything_is_transferred_there_is_no_oracle(monitor: LipMonitor) -> None:
    found = monitor.examine(dataclasses.replace(lip_networks(), unpaired=()))
    assert "exam/lips_all" in found.figures and "exam/lips_oracle" not in found.figures
    assert "oracle" not in found.note

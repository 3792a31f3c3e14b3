import json
from pathlib import Path

import cv2
import pytest

from agent.config import MonitorConfig
from agent.inference import build_networks
from agent.monitors.monitor import Monitor
from agent.networks.published import Networks
from teacher.datasets import ExamSet
from tests.agent.exams.test_exam import published
from tests.agent.learners import SmartLearner
from tests.agent.rigs import ListReplay, config, datasets, exam_set, tables

SETTINGS = MonitorConfig(judge_steps=12, exam_samples=50, wavs=1, every=3600.0)
DATA = datasets(test=60)


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    made = tmp_path / "samples"
    made.mkdir()
    return made


@pytest.fixture
def monitor(samples: Path) -> Monitor:
    return Monitor(SETTINGS, DATA, exam_set(DATA), samples, None)


@pytest.fixture
def networks() -> Networks:
    it = SmartLearner(config(), ListReplay(tables()), 0)
    it.step()
    return build_networks(published(it))


def test_judges_first_then_exams(monitor: Monitor, networks: Networks) -> None:
    assert not monitor.due
    while not (found := monitor.train(0.5)).note:
        pass
    assert monitor.ready and monitor.due
    assert "image " in found.note and 0 < float(found.figures["judge/image"]) <= 1
    found = monitor.examine(networks)
    assert not monitor.due
    assert {"exam/image_to_audio", "exam/audio_to_image", "judge/audio"} <= set(found.figures)
    assert found.figures["exam_count/image_to_audio"] == 50
    assert found.note.startswith("exam at step 1 of smart on ")


def test_an_exam_leaves_a_sheet_its_figures_and_sounds(monitor: Monitor, networks: Networks) -> None:
    while not monitor.ready:
        monitor.train(0.5)
    monitor.examine(networks, whole=True)
    sheet = cv2.imread(str(monitor.samples / "latest.png"))
    assert sheet is not None and sheet.shape[0] > 500
    report = json.loads((monitor.samples / "sheet-000000001-final.json").read_text())
    assert report["step"] == 1 and len(report["confusion (true x judged)"]["image_to_audio"]) == 10
    assert list(monitor.samples.glob("image-of-0-evokes-*.wav"))


def test_more_concepts_than_a_page_holds_have_pages_of_their_own(samples: Path, networks: Networks) -> None:
    names = tuple(f"thing {c}/x" for c in range(30))
    monitor = Monitor(SETTINGS, DATA, ExamSet.of(DATA, names), samples, None)
    while not monitor.ready:
        monitor.train(0.5)
    monitor.examine(networks)
    pictures = {path.name for path in samples.glob("*.png")}
    assert {"latest.png", "latest-2.png", "latest-3.png", "latest-confusion.png"} <= pictures
    assert "sheet-000000001-3.png" in pictures and "latest-4.png" not in pictures
    assert [path.name for path in samples.glob("image-of-*.wav")] == ["image-of-thing-0-x-evokes-audio-000000001.wav"]


def test_exams_begin_before_the_judges_are_done_and_say_so(monitor: Monitor, networks: Networks) -> None:
    while not monitor.due:
        monitor.train(0.01)
    assert not monitor.ready
    assert "judges still in training" in monitor.examine(networks).note

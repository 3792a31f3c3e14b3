import os
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2

from agent.answers.files import wav
from runtime.reporting.event_file import DIAGRAMS, LAYOUT_TAG, PICTURES, EventFile
from runtime.reporting.figures import SHOW_EVERY, Figures


def read(folder: Path) -> EventAccumulator:
    (path,) = folder.glob("events.out.tfevents.*")
    found = EventAccumulator(str(path))
    found.Reload()
    return found


def sheet(path: Path, brightness: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((30, 40, 3), brightness, np.uint8))


def test_exams_and_evoked_samples_are_listed_first(tmp_path: Path) -> None:
    samples = tmp_path / "samples"
    sheet(samples / "latest.png", 10)
    (samples / "image-of-three-evokes-audio-000000120.wav").write_bytes(wav(np.zeros(1600, np.float32)))
    (samples / "question-000001.json").write_text("{}")
    file = EventFile(tmp_path)
    file.add({"accepted/teacher-0": 3.0, "exam/image_to_audio": 0.5}, 120)
    file.show(samples, 120)
    file.close()
    found = read(tmp_path)
    tags = sorted(tag for tag in found.Tags()["tensors"] if tag != LAYOUT_TAG)
    assert tags == [
        "(1) exams/image_to_audio", "(2) evoked/contact sheet", "(2) evoked/image-of-three-evokes-audio",
        "accepted/teacher-0", "exam/image_to_audio",
    ]  # fmt: skip
    (shown,) = found.Tensors("(2) evoked/contact sheet")
    assert shown.step == 120 and shown.tensor_proto.string_val[:2] == [b"40", b"30"]
    (heard,) = found.Tensors("(2) evoked/image-of-three-evokes-audio")
    assert heard.tensor_proto.string_val[0].startswith(b"RIFF")
    kinds = {tag: found.SummaryMetadata(tag).plugin_data.plugin_name for tag in tags}
    assert [kinds[tag] for tag in tags] == ["scalars", "images", "audio", "scalars", "scalars"]


def test_curves_that_belong_together_share_a_diagram(tmp_path: Path) -> None:
    EventFile(tmp_path).close()
    found = read(tmp_path)
    assert found.SummaryMetadata(LAYOUT_TAG).plugin_data.plugin_name == "custom_scalars"
    layout: Any = layout_pb2.Layout()
    layout.ParseFromString(found.Tensors(LAYOUT_TAG)[0].tensor_proto.string_val[0])
    assert [category.title for category in layout.category] == list(DIAGRAMS)
    charts = {chart.title: chart.multiline.tag[0] for category in layout.category for chart in category.chart}
    for tag, title in (
        ("exam/image_to_audio", "from one sense to another, and back"),
        ("judge/audio", "judges"),
        ("loss/image/reconstruction", "losses"),
        ("exam/lips_all", "lips"),
    ):
        assert [name for name, pattern in charts.items() if re.search(pattern, tag)] == [title]


def test_what_was_shown_is_shown_again_only_when_it_changed(tmp_path: Path) -> None:
    samples = tmp_path / "samples"
    sheet(samples / "latest.png", 10)
    file = EventFile(tmp_path)
    for step in (1, 2):
        file.show(samples, step)
    sheet(samples / "latest.png", 90)
    os.utime(samples / "latest.png", (2e9, 2e9))
    file.show(samples, 3)
    file.close()
    assert [one.step for one in read(tmp_path).Tensors("(2) evoked/contact sheet")] == [1, 3]


def test_what_is_taken_at_one_time_has_a_bound(tmp_path: Path) -> None:
    samples = tmp_path / "samples"
    for number in range(9):
        sheet(samples / f"latest-{number}.png", 10)
    (samples / "latest-x.png").write_text("no picture")
    file = EventFile(tmp_path)
    file.show(samples, 1)
    file.close()
    tags = [tag for tag in read(tmp_path).Tags()["tensors"] if tag != LAYOUT_TAG]
    assert 1 <= len(tags) <= PICTURES


def test_the_longer_a_run_the_more_seldom_its_sheets(tmp_path: Path) -> None:
    figures = Figures(tmp_path / "metrics.jsonl", tmp_path)
    shown = []
    for seconds in range(0, 7200, 20):
        figures.advance(float(seconds))
        sheet(tmp_path / "samples/latest.png", seconds % 250)
        os.utime(tmp_path / "samples/latest.png", (seconds, seconds))
        before = figures._next_show
        figures.show(tmp_path / "samples", seconds)
        shown += [seconds] if figures._next_show != before else []
    figures.close()
    assert shown[:3] == [0, 40, 80] and SHOW_EVERY <= 40 and len(shown) < 30 and shown[-1] > 5000

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from runtime.reporting.figures import TAIL, Counters, Figures
from sensors.core.errors import StateError, StorageError

ROOT = Path(__file__).parents[3]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(text) for text in path.read_text().splitlines()]


def test_a_line_holds_time_step_and_figures(tmp_path: Path) -> None:
    figures = Figures(tmp_path / "metrics.jsonl", tmp_path)
    figures.observe({"exam/image_to_audio": 0.93, "learner/turn": "image"}, step=7)
    figures.observe({"loss/audio/latent": float("nan"), "replay/inserted": 12}, step=8)
    figures.close()
    first, second = lines(tmp_path / "metrics.jsonl")
    assert first == {"time": first["time"], "step": 7, "exam/image_to_audio": 0.93, "learner/turn": "image"}
    assert second == {"time": second["time"], "step": 8, "replay/inserted": 12}
    assert 0 <= first["time"] <= second["time"] < 5


def test_tensorboard_reads_the_same_numbers(tmp_path: Path) -> None:
    figures = Figures(tmp_path / "metrics.jsonl", tmp_path / ".")
    figures.observe({"exam/image_to_audio": 0.5, "learner/turn": "image"}, step=3)
    figures.close()
    (path,) = tmp_path.glob("events.out.tfevents.*")
    read = {
        value.tag: (event.step, value.tensor.float_val[0] if value.tensor.float_val else value.simple_value)
        for event in EventFileLoader(str(path)).Load()
        for value in event.summary.value
    }
    assert read.pop("custom_scalars__config__")[0] == 0
    assert read == {"exam/image_to_audio": (3, 0.5), "(1) exams/image_to_audio": (3, 0.5)}


def test_time_goes_on_where_the_last_line_stopped(tmp_path: Path) -> None:
    metrics = tmp_path / "metrics.jsonl"
    metrics.write_text('{"time": 100.0, "step": 5}\n{"time": 120.0, "st')
    figures = Figures(metrics, tmp_path)
    assert 100 <= figures.time < 105
    figures.advance(200.0)
    figures.advance(150.0)
    figures.observe({"a": 1}, step=6)
    figures.close()
    first, second = lines(metrics)
    assert (first["step"], second["step"]) == (5, 6)
    assert 200 <= second["time"] < 205


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text("not json\n")
    with pytest.raises(StorageError, match=r"metrics\.jsonl"):
        Figures(tmp_path / "metrics.jsonl", tmp_path)
    with pytest.raises(StorageError, match="nowhere"):
        Figures(tmp_path / "nowhere" / "metrics.jsonl", tmp_path)


FULL = """
import resource, sys
from pathlib import Path
from runtime.reporting.figures import Figures
from sensors.core.errors import StorageError

folder = Path(sys.argv[1])
figures = Figures(folder / "metrics.jsonl", folder)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
failures = 0
for step in range(60):
    try:
        figures.observe({"loss/image": step + 0.5, "replay/inserted": step}, step)
    except StorageError as error:
        assert "figures cannot be written" in str(error), error
        failures += 1
assert 0 < failures < 60, failures
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
figures.observe({"loss/image": 0.0}, 60)
figures.close()
"""


def test_a_full_disk_leaves_whole_lines_and_records(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    written = lines(tmp_path / "metrics.jsonl")
    assert [line["step"] for line in written] == [*range(len(written) - 1), 60]
    (path,) = tmp_path.glob("events.out.tfevents.*")
    # The first one is the layout.
    steps = [event.step for event in EventFileLoader(str(path)).Load() if event.summary.value][1:]
    assert steps == [*range(len(steps) - 1), 60] and len(steps) > 2


def test_the_last_line_is_found_from_the_end(tmp_path: Path) -> None:
    metrics = tmp_path / "metrics.jsonl"
    long = "x" * (TAIL + 10)
    whole = "".join(json.dumps({"time": float(n), "step": n, "long": long}) + "\n" for n in range(4))
    metrics.write_text(whole + '{"time": 9')
    figures = Figures(metrics, tmp_path)
    assert 3.0 <= figures.time < 5
    figures.close()
    assert metrics.read_text() == whole


def test_counters_never_fall_when_a_component_begins_anew() -> None:
    counters = Counters()
    seen = []
    for total in (5, 9, 9, 2, 4):
        counters.observe("replay/inserted", total)
        seen.append(counters.totals["replay/inserted"])
    assert seen == [5, 9, 9, 11, 13]
    with pytest.raises(ValueError, match="cannot fall"):
        counters.add("replay/inserted", -1)


def test_counters_go_on_after_a_resume() -> None:
    before, after = Counters(), Counters()
    before.observe("a", 5)
    before.add("b", 2)
    after.load_state_dict(json.loads(json.dumps(before.state_dict())))
    after.observe("a", 7)
    assert after.totals == {"a": 7, "b": 2}
    with pytest.raises(StateError, match="seen"):
        after.load_state_dict({"version": 1, "totals": {}})

import json
from pathlib import Path
from typing import Any

import numpy as np

from page.feed import figures_file
from page.feed.figures_file import FiguresFile, Series, thin


def write(path: Path, *lines: dict[str, Any], end: str = "\n") -> None:
    with path.open("a") as file:
        file.write("\n".join(json.dumps(line) for line in lines) + end)


def test_lines_are_taken_in_as_they_come_and_torn_ones_later(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    figures = FiguresFile(path)
    assert figures.answer(["a"], None, None, 10)["keys"] == []
    write(path, {"time": 1.0, "step": 1, "a": 1.0})
    assert figures.answer(["a"], None, None, 10)["series"]["a"]["mean"] == [1.0]
    with path.open("a") as file:
        file.write('{"time": 2.0, "st')
    assert figures.answer(["a"], None, None, 10)["series"]["a"]["mean"] == [1.0]
    with path.open("a") as file:
        file.write('ep": 2, "a": 3.0, "text": "x"}\nnonsense\n[1]\n')
    told = figures.answer(["a", "text"], None, None, 10)
    assert told["series"] == {
        "a": {"time_s": [1.0, 2.0], "step": [1.0, 2.0], "mean": [1.0, 3.0], "low": [1.0, 3.0], "high": [1.0, 3.0]}
    }
    path.unlink()
    write(path, {"time": 5.0, "step": 9, "b": 2})
    assert figures.answer(["*"], None, None, 10)["keys"] == ["b"], "another file has taken its place"


def test_what_is_kept_is_bounded_and_nothing_of_it_is_lost(monkeypatch: Any) -> None:
    monkeypatch.setattr(figures_file, "MOST_ROWS", 64)
    series = Series()
    values = np.random.default_rng(0).standard_normal(1000)
    for number, value in enumerate(values):
        series.add(float(number), float(number), float(value))
    found = series.between(0.0, 1e9, 2000)
    assert len(found["mean"]) <= 64 and series.weight == 16
    assert max(found["high"]) == float(f"{values.max():.6g}") and min(found["low"]) == float(f"{values.min():.6g}")
    assert found["time_s"][-1] == 999.0, "the newest value is there"


def test_neighbours_become_one_point() -> None:
    columns = {name: np.arange(10.0) for name in ("time_s", "step", "mean", "low", "high")}
    found = thin(columns, 3)
    assert found["time_s"].tolist() == [2.0, 5.0, 9.0]
    assert found["mean"].tolist() == [1.0, 4.0, 7.5]
    assert (found["low"].tolist(), found["high"].tolist()) == ([0.0, 3.0, 6.0], [2.0, 5.0, 9.0])

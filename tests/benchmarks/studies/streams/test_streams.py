"""The trials of the benchmark of streams, small; its cells, tables and plots."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.studies.streams import stream_cells, streams
from benchmarks.studies.streams.prequential import PATHS
from benchmarks.studies.streams.stream_plots import plot, require_matplotlib
from benchmarks.studies.streams.streams import EXPERIMENTS, SHARES, cells_of, learner_settings, report
from runtime.trial import Trial
from sensors.core.errors import ConfigError
from tests.agent.rigs import datasets

DATA = datasets(400, 40)
LEARNER = {"latent": 32, "turn_steps": 4, "precision": "float32", "clusters": 4, "bank": 64}
COMMON = {"learner": LEARNER, "judge_steps": 6, "seed": 0}


@pytest.fixture(autouse=True)
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECIPROCAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(stream_cells, "load", lambda cell: (DATA["image"], DATA["audio"]))
    monkeypatch.setattr(stream_cells, "SLACK", 64)
    monkeypatch.setitem(stream_cells.BRISK, "min_events", 64)
    monkeypatch.setattr(stream_cells, "PHASE_EXAMS", 1)
    monkeypatch.setattr(stream_cells, "SAVE_EVERY", 10)


def rows_of(cell: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    folder.mkdir(exist_ok=True)
    return [dict(row) for row in stream_cells.work({**COMMON, **cell}, folder)]


@pytest.mark.slow
def test_pairs_alone_get_as_many_steps_on_pairs_and_then_as_many_in_all(tmp_path: Path) -> None:
    cell = {"experiment": "imbalance", "share": 0.1, "least_paired": 0.5, "steps": 24}
    rest, pairs, every = rows_of(cell, tmp_path / "a")
    assert rest["events paired"] < rest["events"]
    assert 0 < rest["steps on pairs"] < rest["steps"] == 24
    assert pairs["steps on pairs"] == pairs["steps"] == rest["steps on pairs"]
    assert every["steps on pairs"] == every["steps"] == 24
    for alone in (pairs, every):  # no more events co-occur than did so beside the rest
        assert alone["events paired"] == alone["events"] <= rest["events paired"]
    assert {r["share"] for r in (rest, pairs, every)} == {0.1}
    only = rows_of({**cell, "share": 1.0, "steps": 5}, tmp_path / "b")
    assert [r["arm"] for r in only] == ["with the rest"] and only[0]["events paired"] == only[0]["events"]


@pytest.mark.slow
def test_too_few_steps_for_pairs_alone_are_refused(tmp_path: Path) -> None:
    cell = {"experiment": "imbalance", "share": 0.01, "least_paired": 0.01, "steps": 4}
    with pytest.raises(ConfigError, match="raise --steps"):
        rows_of(cell, tmp_path)


class Stop(Exception):
    """Stands for a kill."""


@pytest.mark.slow
def test_an_arrival_goes_on_where_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = {"experiment": "arrival", "remover": "reservoir", "capacity": 64, "steps": 6 * 8}
    whole = rows_of(cell, tmp_path / "whole")
    step = Trial.step

    def stopping(self: Trial) -> Any:
        if self.done == 33:
            raise Stop
        return step(self)

    with monkeypatch.context() as patch:
        patch.setattr(Trial, "step", stopping)
        with pytest.raises(Stop):
            rows_of(cell, tmp_path / "broken")
    assert rows_of(cell, tmp_path / "broken") == whole
    exams = [r for r in whole if r["what"] == "exam"]
    # One at the end of each phase; the last phase's may be that of the end.
    assert len(exams) in (6, 7)
    assert all(64 * (k + 1) <= e["events"] for k, e in enumerate(exams[:6]))
    assert exams[-1]["events"] == 6 * 64 and all(len(e[p]) == 10 for e in exams for p in PATHS)
    assert not (tmp_path / "broken" / "checkpoints").exists()
    answers = next(r for r in whole if r["what"] == "answers")["answers"]
    assert [a["at"] for a in answers if a["path"] == PATHS[0]] == [64 * (k + 1) for k in range(6)]
    assert [r["path"] for r in whole if r["what"] == "summary"] == list(PATHS)


def test_a_drift_is_examined_before_during_and_after(tmp_path: Path) -> None:
    cell = {"experiment": "drift", "drift": "both", "remover": "fifo", "capacity": 64, "steps": 40}
    rows = rows_of(cell, tmp_path / "a")
    exams = [r for r in rows if r["what"] == "exam"]
    assert [e["events"] for e in exams] == sorted(e["events"] for e in exams) and exams[-1]["events"] == 320
    summary = next(r for r in rows if r["what"] == "summary")
    assert all(summary[f"prequential {when}"] is not None for when in ("during", "after"))


def test_too_few_steps_are_refused_with_their_least_number(tmp_path: Path) -> None:
    cell = {"experiment": "arrival", "remover": "fifo", "capacity": 64, "steps": 6 * 7}
    with pytest.raises(ConfigError, match="steps: 7 for a phase or stream are too few; 8 at least"):
        rows_of(cell, tmp_path / "a")


def options(**changes: Any) -> argparse.Namespace:
    values: dict[str, Any] = {
        **{"data": None, "images": "auto", "speech": "auto", "part": "validation", "preset": "small", "set": []},
        **{"steps": 3000, "seeds": [0, 1], "only": None, "capacity": 2048, "least_paired": 0.1},
        "shares": list(SHARES),
    }
    return argparse.Namespace(**{**values, **changes})


def test_cells_are_json_and_come_seed_by_seed() -> None:
    cells = cells_of(options())
    assert json.loads(json.dumps(cells)) == cells and len({json.dumps(c) for c in cells}) == len(cells) == 2 * 11
    assert [c["seed"] for c in cells] == [0] * 11 + [1] * 11
    assert {c["experiment"] for c in cells_of(options(only="drift"))} == {"drift"}
    assert all(c["data"]["part"] == "validation" for c in cells)
    assert [c["seed"] for c in cells_of(options(only="arrival", seeds=[7, 3]))] == [7, 7, 3, 3]


def test_seeds_are_a_comma_list_as_shares_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[argparse.Namespace] = []

    def stop(options: argparse.Namespace) -> list[dict[str, Any]]:
        asked.append(options)
        raise Stop

    monkeypatch.setattr(streams, "cells_of", stop)
    monkeypatch.setattr(streams, "require_matplotlib", lambda: None)
    for given, seeds in (([], [0, 1, 2]), (["--seeds", "3"], [3]), (["--seeds", "4,1"], [4, 1])):
        monkeypatch.setattr(sys, "argv", ["streams.py", *given])
        with pytest.raises(Stop):
            streams.main()
        assert asked[-1].seeds == seeds and asked[-1].shares == list(SHARES)
    for option, value in (("--seeds", "two"), ("--shares", "0.1,all")):
        monkeypatch.setattr(sys, "argv", ["streams.py", option, value])
        with pytest.raises(ConfigError, match=f"^{option} '{value}': expected"):
            streams.main()


def test_settings_of_the_learner_are_checked_before_anything_runs() -> None:
    assert learner_settings(options(set=["guides=pair", "batch=32"])) == {
        "preset": "small",
        "guides": "pair",
        "batch": 32,
    }
    with pytest.raises(ConfigError, match="unknown setting 'gides'"):
        learner_settings(options(set=["gides=pair"]))


def test_tables_and_plots_of_what_cells_gave(tmp_path: Path) -> None:
    require_matplotlib()
    rows: list[dict[str, Any]] = []
    for seed in (0, 1):
        for share in (0.1, 1.0):
            accuracy = dict.fromkeys(("image_to_audio", "audio_to_image", "image_to_image", "audio_to_audio"), 0.5)
            counts = {"steps on pairs": 1, "steps": 2, "events paired": 3}
            about = {"experiment": "imbalance", "seed": seed, "share": share, "arm": "with the rest"}
            rows.append({**about, **accuracy, **counts})
        answers = [{"at": 64 * k, "path": p, "right": k, "count": 64} for k in range(1, 7) for p in PATHS]
        arrival = {"experiment": "arrival", "seed": seed, "remover": "fifo"}
        drift = {"experiment": "drift", "seed": seed, "drift": "none"}
        for k in range(6):
            rows.append({**arrival, "what": "exam", "events": 64 * k, **{p: [0.1 * k] * 10 for p in PATHS}})
            rows.append({**drift, "what": "exam", "events": 64 * k, **{f"{p} worse": 0.1 for p in PATHS}})
        rows.append({**arrival, "what": "answers", "phase": 64, "answers": answers})
        rows.append({**drift, "what": "answers", "start": 100, "length": 50, "answers": answers})
        rows.append({**arrival, "what": "summary", "path": PATHS[0], "learned": 0.9, "return events": None})
    text = report(rows, "# Streams")
    assert "| 0.1 | with the rest | 2 | 50.00 ± 0.00 |" in text
    assert "were heard before" in text
    assert "| image_to_audio | fifo | 2 | 90.00 ± 0.00 |" in text and "## Drift" not in text
    for kind in EXPERIMENTS:
        path = tmp_path / f"{kind}.png"
        plot(kind, [r for r in rows if r["experiment"] == kind], path)
        assert path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 10_000

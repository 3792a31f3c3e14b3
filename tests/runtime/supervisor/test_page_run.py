"""The page beside a run, on a Ray of its own with stand-ins: its commands, and its deaths."""

import json
import signal
from pathlib import Path

import pytest

from tests.patience import wait_for
from tests.runtime.supervisor.test_supervise import Run, checkpoints, figures

pytestmark = pytest.mark.ray


def test_viewers_pause_resume_save_and_stop_the_run(tmp_path: Path) -> None:
    run = tmp_path / "run"
    commands = "checkpoint:10,pause:20,resume:0,stop:60"
    options = ("--run-dir", str(run), "--set", "run.checkpoint_every=1000")
    job = Run(*options, STANDIN_COMMANDS=commands)
    assert job.end(180) == (0, ""), job.text
    text = job.text
    for said in ("checkpoint asked for", "paused from the page", "resumed from the page"):
        assert said in text, text
    assert text.index("paused from") < text.index("resumed from") < text.index("stop asked for")
    # One at the first step, one that was asked for, one at the end.
    assert len(checkpoints(run)) >= 2
    told = json.loads((run / "samples" / "overview.json").read_text())
    assert told["step"] >= 60 and {actor["name"] for actor in told["actors"]} >= {"learner", "replay", "page"}
    assert any("first step after" in note["text"] for note in told["notes"])
    assert figures(run)[-1]["actor/page"] in ("up", "late")
    assert "page http://127.0.0.1:1/" in text


@pytest.mark.slow
@pytest.mark.parametrize("faults", ["always-dies:page", "page-refuses"])
def test_a_page_that_cannot_be_kept_alive_takes_nothing_with_it(tmp_path: Path, faults: str) -> None:
    """Also where it cannot come back, as its port is taken by then."""
    run = tmp_path / "run"
    job = Run("--run-dir", str(run), "--set", "run.restarts=1", faults=faults)
    job.wait_for("the run goes on without it", 180)
    before = figures(run)[-1]["step"]
    assert wait_for(lambda: figures(run)[-1]["step"] > before + 20)
    job.process.send_signal(signal.SIGINT)
    assert job.end() == (0, ""), job.text


def test_without_a_page_there_is_none(tmp_path: Path) -> None:
    run = tmp_path / "run"
    job = Run("--run-dir", str(run), "--page", "none", "--steps", "20")
    assert job.end(180) == (0, ""), job.text
    assert "page http" not in job.text
    assert "actor/page" not in figures(run)[-1]

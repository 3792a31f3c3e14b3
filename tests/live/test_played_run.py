"""`launch.py --sensors DIR`: a recorded session, without any device."""

import json
from pathlib import Path

import pytest

from benchmarks.harness.job import Job, latest
from tests.live.test_live_run import QUICK
from tests.sensors.sessions import CHUNKS, FRAMES, record_session

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(280)]


def test_a_session_is_played_learnt_from_and_gone_on_with(tmp_path: Path) -> None:
    session, run, again = record_session(tmp_path / "session"), tmp_path / "run", tmp_path / "again"
    few = ("--set", "learner.min_events=2", "--set", "replay.min_size=2", "--set", "live.speed=3")
    arguments = ["--sensors", str(session), "--record", str(again), "--run-dir", str(run), *few]
    job = Job(*QUICK, *arguments)
    try:
        job.wait_for(r"microphone closed \(at its end\)", 120)
        # What is over is learnt from for as long as the run goes on.
        job.wait_for(r"first step after", 60)
        step = int(job.wait_for(r"learning \| step (\d+)", 30)[1])
        job.wait_for(rf"step (?!{step} )\d+ \|", 30)
        job.stop()
    finally:
        job.close()
    first = latest(run)
    assert first["events/audio+image"] == 2 and first["sensors/events/audio+image"] == 2
    assert (first["sensor_read/microphone"], first["sensor_read/camera"]) == (CHUNKS, FRAMES)
    assert not any(value for key, value in first.items() if key.startswith("dropped/"))
    assert json.loads((run / "config.json").read_text())["config"]["run"]["sensors"] == str(session)

    resumed = Job(*QUICK, "--resume", str(run))
    try:
        resumed.wait_for(r"microphone closed \(at its end\)", 120)
        resumed.wait_for(r"first step after", 60)
        resumed.stop()
    finally:
        resumed.close()
    second = latest(run)
    # Heard and seen anew: other events, none of which replay takes for one that it has.
    assert second["events/audio+image"] == 4 and second["replay/duplicates"] == 0
    assert second["step"] > first["step"]
    assert again.is_dir() and (tmp_path / "again-2").is_dir()

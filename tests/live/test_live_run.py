"""`launch.py --sensors live` on a real sound server and a real network camera, held against a script that knows."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks.harness.job import Job, latest
from benchmarks.harness.stage import Stage, missing, write_script
from benchmarks.harness.truth import judge, labels

ROOT = Path(__file__).parents[2]
QUICK = (
    *("--set", "run.dashboard=false", "--set", "run.object_store=80", "--set", "run.tick=0.5"),
    *("--set", "learner.min_events=4", "--set", "replay.min_size=4", "--set", "learner.batch=16"),
    *("--set", "learner.turn_steps=5"),
)

LEAST = 18.0
"""Events in a minute: the script has 28 to 30 lines in one, and sensors are away for a tenth of the longer run."""

pytestmark = [
    pytest.mark.ray,
    pytest.mark.timeout(280),
    pytest.mark.skipif(bool(missing()), reason=missing() or "nothing is missing"),
]


def start(*arguments: str, environment: Mapping[str, str]) -> Job:
    return Job(*QUICK, *arguments, environment=environment)


def play(stage: Stage, job: Job) -> None:
    """Begin the script once the sensors are there, and the learner, whose start takes all cores for a while."""
    job.wait_for(r"SMART over", 120)
    job.wait_for(r"microphone live", 120)
    job.wait_for(r"camera live", 30)
    stage.begin()


@pytest.mark.slow
def test_spoken_words_and_shown_cards_are_learned_in_pairs(tmp_path: Path, data_dir: Path) -> None:
    home, run = tmp_path / "home", tmp_path / "run"
    home.mkdir()
    lines = write_script(data_dir, 22.0, seed=1)
    with Stage(home, lines) as stage:
        job = start("--sensors", "live", "--camera", stage.camera, "--run-dir", str(run), environment=stage.environment)
        try:
            play(stage, job)
            stage.wait_until(lines[-1].end + 2.5)
            job.wait_for(r"first step after", 30)
            job.stop()
        finally:
            job.close()
        assert stage.began is not None
        verdict = judge(run / "replay", lines, stage.began)
    last = latest(run)
    print(f"\n{verdict}")
    assert verdict.right >= 0.98 * verdict.pairs, verdict.wrong
    assert verdict.found >= 0.9 * verdict.due, verdict
    assert verdict.per_minute >= LEAST, verdict
    assert labels(run / "replay") == []
    assert last["sensors/events/audio+image"] == last["events/audio+image"] == verdict.pairs
    assert last["step"] > 0 and last["sensor/microphone"] == last["sensor/camera"] == "closed"
    assert not any(value for key, value in last.items() if key.startswith("dropped/")), last
    assert not any(key.startswith(("exam/", "judge/")) for key in last)


@pytest.mark.slow
def test_two_minutes_in_which_sensors_are_killed_and_come_back(tmp_path: Path, data_dir: Path) -> None:
    home, run, session = tmp_path / "home", tmp_path / "run", tmp_path / "session"
    home.mkdir()
    lines = write_script(data_dir, 120.0, seed=2)
    outages = []
    with Stage(home, lines) as stage:
        arguments = ["--sensors", "live", "--camera", stage.camera, "--record", str(session), "--run-dir", str(run)]
        job = start(*arguments, environment=stage.environment)
        try:
            play(stage, job)
            stage.wait_until(35.0)
            stage.unplug_camera()
            job.wait_for(r"camera stalled", 20)
            stage.wait_until(42.0)
            stage.plug_camera()
            job.wait_for(r"camera live again", 30)
            outages.append((35.0, stage.at))
            stage.wait_until(70.0)
            stage.unplug_microphone()
            job.wait_for(r"microphone stalled", 20)
            stage.wait_until(77.0)
            stage.plug_microphone()
            job.wait_for(r"microphone live again", 30)
            outages.append((70.0, stage.at + 0.5))
            stage.wait_until(lines[-1].end + 2.5)
            job.stop()
        finally:
            job.close()
        assert stage.began is not None
        verdict = judge(run / "replay", lines, stage.began, outages)
    last = latest(run)
    print(f"\n{verdict}", {k: v for k, v in last.items() if k.startswith(("sensor", "dropped", "events"))})
    assert all(late - early < 25 for early, late in outages)
    assert verdict.right >= 0.98 * verdict.pairs, verdict.wrong
    assert verdict.found >= 0.9 * verdict.due, verdict
    assert verdict.per_minute >= LEAST, verdict
    assert labels(run / "replay") == []
    assert last["sensor_stalls/camera"] >= 1 and last["sensor_stalls/microphone"] >= 1
    assert last["sensor/microphone"] == last["sensor/camera"] == "closed"
    assert not any(value for key, value in last.items() if key.startswith("dropped/")), last
    assert not any(key.startswith("exam/") for key in last)

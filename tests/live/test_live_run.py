"""`launch.py --sensors live` on a real sound server and a real network camera, held against a script that knows."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from benchmarks.stage import Stage, missing, write_script
from benchmarks.truth import judge

ROOT = Path(__file__).parents[2]
QUICK = (
    *("--set", "run.dashboard=false", "--set", "run.object_store=80", "--set", "run.tick=0.5"),
    *("--set", "learner.min_events=4", "--set", "replay.min_size=4", "--set", "learner.batch=16"),
    *("--set", "learner.turn_steps=5"),
)

pytestmark = [
    pytest.mark.ray,
    pytest.mark.timeout(280),
    pytest.mark.skipif(bool(missing()), reason=missing() or "nothing is missing"),
]


class Job:
    """`launch.py` in a process group of its own; its lines are read as they come."""

    def __init__(self, *arguments: str, environment: dict[str, str]) -> None:
        command = [sys.executable, "-u", str(ROOT / "launch.py"), *QUICK, *arguments]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={name: value for name, value in os.environ.items() if name != "RECIPROCAL_DATA"} | environment,
            start_new_session=True,
        )
        self.text = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.text += line

    def wait_for(self, pattern: str, seconds: float) -> re.Match[str]:
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.text)):
            assert time.monotonic() < end, f"no {pattern!r} within {seconds} s in:\n{self.text}"
            assert self.process.poll() is None, f"ended without {pattern!r}:\n{self.text}"
            time.sleep(0.1)
        return found

    def stop(self) -> None:
        """Ctrl-C; it ends with exit code 0 and leaves no process behind."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(60) == 0, self.text
        _, alive = psutil.wait_procs(family, timeout=3)
        assert not alive

    def close(self) -> None:
        self.process.kill()
        self.process.wait(10)
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


def figures(run: Path) -> dict[str, Any]:
    last: dict[str, Any] = {}
    for line in (run / "metrics.jsonl").read_text().splitlines():
        last |= json.loads(line)
    return last


def play(stage: Stage, job: Job) -> None:
    """Begin the script once the sensors are there, and the learner, whose start takes all cores for a while."""
    job.wait_for(r"SMART over", 120)
    job.wait_for(r"microphone live", 120)
    job.wait_for(r"camera live", 30)
    stage.begin()


@pytest.mark.slow
def test_what_is_said_and_shown_is_learnt_in_pairs(tmp_path: Path, data_dir: Path) -> None:
    home, run = tmp_path / "home", tmp_path / "run"
    home.mkdir()
    lines = write_script(data_dir, 22.0, seed=1)
    with Stage(home, lines) as stage:
        job = Job("--sensors", "live", "--camera", stage.camera, "--run-dir", str(run), environment=stage.environment)
        try:
            play(stage, job)
            stage.wait_until(lines[-1].end + 2.5)
            job.wait_for(r"first step after", 30)
            job.stop()
        finally:
            job.close()
        assert stage.began is not None
        verdict = judge(run / "replay", lines, stage.began)
    last = figures(run)
    assert verdict.right >= 0.98 * verdict.pairs, verdict.wrong
    assert verdict.found >= 0.9 * verdict.due, verdict
    assert last["sensors/pairs"] == last["events/audio+image"] == verdict.pairs
    assert last["step"] > 0 and last["sensor/microphone"] == last["sensor/camera"] == "live"
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
        job = Job(*arguments, environment=stage.environment)
        try:
            play(stage, job)
            stage.wait_until(35.0)
            stage.unplug_camera()
            job.wait_for(r"camera stalled", 5)
            stage.wait_until(42.0)
            stage.plug_camera()
            job.wait_for(r"camera live again", 15)
            outages.append((35.0, stage.at))
            stage.wait_until(70.0)
            stage.unplug_microphone()
            job.wait_for(r"microphone stalled", 5)
            stage.wait_until(77.0)
            stage.plug_microphone()
            job.wait_for(r"microphone live again", 20)
            outages.append((70.0, stage.at + 0.5))
            stage.wait_until(lines[-1].end + 2.5)
            job.stop()
        finally:
            job.close()
        assert stage.began is not None
        verdict = judge(run / "replay", lines, stage.began, outages)
    last = figures(run)
    print(verdict, {k: v for k, v in last.items() if k.startswith(("sensor", "dropped", "events"))})
    assert all(late - early < 25 for early, late in outages)
    assert verdict.right >= 0.98 * verdict.pairs, verdict.wrong
    assert verdict.found >= 0.9 * verdict.due, verdict
    assert last["sensor_stalls/camera"] >= 1 and last["sensor_stalls/microphone"] >= 1
    assert last["sensor/microphone"] == last["sensor/camera"] == "live"
    assert not any(value for key, value in last.items() if key.startswith("dropped/")), last
    assert not any(key.startswith("exam/") for key in last)

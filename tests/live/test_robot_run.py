"""`launch.py --listen` and robots in processes of their own: what they perceive is learnt, and they know it is kept."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.harness.job import ROOT, Job, actors, latest
from tests.live.test_live_run import QUICK
from tests.sensors.robot_rigs import free_port
from tests.sensors.sessions import record_session

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(280)]
EVENTS = 3
"""Of the session: two pairs and a word."""
ASK = """
import sys
import numpy as np
import ray

address, namespace = sys.argv[1:]
ray.init(address=address, namespace=namespace, log_to_driver=False)
agent = ray.get_actor("agent", namespace=namespace)
answer = ray.get(agent.evoke.remote("image", np.zeros((3, 1, 32, 32), np.uint8)), timeout=60)
print("heard", answer["samples"]["audio"].shape, "at step", answer["step"])
"""


def play(session: Path, name: str, address: str) -> str:
    """What a robot that plays a session says, until it has ended well."""
    command = [sys.executable, "-m", "sensors.remote", "--play", str(session), "--name", name, "--to", address]
    command += ["--journal", str(session.parent / name)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_robots_are_heard_by_a_run_whose_sensors_die_meanwhile(tmp_path: Path) -> None:
    session, run, address = record_session(tmp_path / "session"), tmp_path / "run", f"tcp://127.0.0.1:{free_port()}"
    nobody = ("--microphone", "none", "--camera", "none")
    few = ("--set", "learner.min_events=2", "--set", "replay.min_size=2", "--set", "answer.refresh=0.5")
    arguments = ["--sensors", "live", *nobody, "--listen", address, "--run-dir", str(run), *few]
    with Job(*QUICK, *arguments) as job:
        job.wait_for(r"robots are heard at tcp", 120)
        # One that bears the name of a sensor of the host's own.
        assert f"camera: {EVENTS} events, {EVENTS} stored" in play(session, "camera", address)
        job.wait_for(r"robot/camera closed", 30)
        actors(run)["sensors"].kill()
        job.wait_for(r"sensors: .*restart 1 of", 60)
        assert f"kitchen: {EVENTS} events, {EVENTS} stored" in play(session, "kitchen", address)
        job.wait_for(r"first step after", 90)
        found = job.wait_for(r'ray\.init\(address="(\S+)", namespace="(\S+)"\), actor "agent"', 10)
        job.wait_for(r"learning \| step \d+", 30)
        asked = ask(found)
        assert re.search(r"heard \(3, 1, 96, 96\) at step \d+", asked), asked
        job.stop()
        assert "Traceback" not in job.text, job.text
    last = latest(run)
    assert last["events/audio+image"] == 4 and last["events/audio"] == 2
    assert last["sensors/stored"] == 2 * EVENTS and last["sensor/robot/kitchen"] == "closed"
    assert not any(value for key, value in last.items() if key.startswith("dropped/")), last
    log = (run / "sensors.log").read_text()
    assert [line.split(" ", 2)[2] for line in log.splitlines() if "robot/" in line] == [
        *("robot/camera live", "robot/camera closed", "robot/kitchen live", "robot/kitchen closed")
    ]


def ask(found: re.Match[str]) -> str:
    """What another program hears from the agent, as the operating guide says how."""
    environment = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_USAGE_STATS_ENABLED": "0"}
    command = [sys.executable, "-c", ASK, *found.groups()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout

"""Events of a run that has not learned yet: they are kept, whoever brought them and however the run ends."""

import re
import socket
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks.harness.job import Job
from replay.storage import Storage
from replay.stored import count_events
from sensors.robots.publisher import Publisher
from sensors.robots.remote_config import PublisherConfig
from tests.replay.batches import batch_of
from tests.sensors.sessions import record_session

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(420)]
EVENTS = 12
QUICK = (
    *("--set", "run.dashboard=false", "--set", "run.object_store=80", "--set", "run.tick=0.5"),
    *("--set", "learner.batch=16", "--set", "learner.turn_steps=5"),
)


def robot(address: str, first: int, count: int = EVENTS) -> None:
    """Send so many pairs and wait until the host has told that all of them are stored."""
    with Publisher(PublisherConfig(to=address), "kitchen", 1) as publisher:
        batch = batch_of(range(first, first + count), "audio+image", "kitchen", 1)
        publisher.publish(batch)
        end = time.monotonic() + 60
        while publisher.counts.get("acknowledged", 0) < count:
            assert time.monotonic() < end, publisher.counts
            publisher.run(0.02)


def ids(run: Path) -> list[int]:
    table = Storage(run / "replay" / "audio+image", writable=False)
    return sorted(table.meta["seq"][table.live()].tolist())


@pytest.fixture
def address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"tcp://127.0.0.1:{server.getsockname()[1]}"


def test_events_outlive_a_clean_stop_and_a_kill_before_the_first_step(tmp_path: Path, address: str) -> None:
    run = tmp_path / "run"
    devices = ["--sensors", "live", "--microphone", "none", "--camera", "none", "--listen", address]
    job = Job(*QUICK, *devices, "--record", str(run / "session"), "--run-dir", str(run))
    try:
        robot(address, 0)
        job.wait_for("SMART over", 120)
        job.stop()
    finally:
        job.close()
    assert re.search(rf"{EVENTS} events kept; go on with: .*launch\.py --resume {re.escape(str(run))}", job.text)
    assert ids(run) == list(range(EVENTS)) and (run / "session").is_dir()
    assert [path.name for path in (run / "checkpoints").iterdir()] == [f"step-{0:012d}"]

    second = Job(*QUICK, "--resume", str(run))
    try:
        second.wait_for("robots are heard at", 60)
        # The first three were sent before: a robot that heard no answer does so.
        robot(address, EVENTS - 3, 3 + 1)
        assert second.kill() > 4
    finally:
        second.close()
    assert ids(run) == list(range(EVENTS + 1))

    third = Job(*QUICK, "--resume", str(run), "--steps", "3", "--set", "learner.min_events=4")
    try:
        assert third.process.wait(180) == 0, third.text
    finally:
        third.close()
    assert "stopped at step 3" in third.text
    assert ids(run) == list(range(EVENTS + 1))


def test_a_kill_before_the_first_checkpoint_leaves_a_run_that_resumes(tmp_path: Path, address: str) -> None:
    run = tmp_path / "run"
    devices = ["--sensors", "live", "--microphone", "none", "--camera", "none", "--listen", address]
    job = Job(*QUICK, *devices, "--run-dir", str(run))
    try:
        robot(address, 0)
        assert job.kill() > 4
    finally:
        job.close()
    assert not list((run / "checkpoints").iterdir())
    again = Job(*QUICK, *devices, "--run-dir", str(run))
    assert again.process.wait(60) == 2
    again.close()
    assert "already holds a run; continue it with --resume" in again.text

    resumed = Job(*QUICK, "--resume", str(run), "--steps", "3", "--set", "learner.min_events=4")
    try:
        assert resumed.process.wait(180) == 0, resumed.text
    finally:
        resumed.close()
    assert f"no checkpoint yet: learning begins at step 0, with {EVENTS} events in replay" in resumed.text
    assert ids(run) == list(range(EVENTS)) and "stopped at step 3" in resumed.text


def test_sources_that_have_ended_with_too_few_events_end_the_run_and_leave_these(tmp_path: Path) -> None:
    session, run = record_session(tmp_path / "session"), tmp_path / "run"
    job = Job(*QUICK, "--sensors", str(session), "--run-dir", str(run), "--set", "live.speed=3")
    try:
        assert job.process.wait(120) == 2, job.text
    finally:
        job.close()
    told = re.search(r"error: all sources have ended, and learning cannot begin: replay holds .* of 16 ", job.text)
    assert told and "resume the run with other sources or a lower --set learner.min_events" in job.text
    held = count_events(run / "replay")
    assert held > 0 and f"{held} events kept; go on with" in job.text

    few = ("--set", "learner.min_events=2", "--set", "replay.min_size=2", "--steps", "20")
    resumed = Job(*QUICK, "--resume", str(run), *few)
    try:
        assert resumed.process.wait(180) == 0, resumed.text
    finally:
        resumed.close()
    assert "stopped at step 20" in resumed.text and count_events(run / "replay") >= held
    assert np.array_equal(ids(run), sorted(ids(run)))

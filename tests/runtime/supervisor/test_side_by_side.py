"""Runs beside other runs, and on a cluster that was there before."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from tests.runtime.supervisor.test_supervise import Run, figures


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.slow
@pytest.mark.ray
def test_two_runs_at_once_do_not_meet(tmp_path: Path) -> None:
    # Without an end of their own: the first must not be over before the second begins.
    runs = [Run("--run-dir", str(tmp_path / name), "--set", "run.checkpoint_every=1") for name in ("one", "two")]
    for run in runs:
        run.wait_for("first step after", timeout=120)
    end = time.monotonic() + 30
    while not any((tmp_path / "one" / "checkpoints").glob("step-*")) and time.monotonic() < end:
        time.sleep(0.1)
    again = Run("--resume", str(tmp_path / "one"))
    code, error = again.end()
    assert code == 2 and "in use by another run" in error
    for run in runs:
        run.process.send_signal(signal.SIGINT)
    assert [run.end() for run in runs] == [(0, ""), (0, "")]


@pytest.mark.slow
@pytest.mark.ray
def test_a_cluster_that_was_there_is_joined_and_left_running(tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="rcp-", dir="/tmp"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ray = str(Path(sys.executable).parent / "ray")
    size = ("--num-cpus=2", "--object-store-memory=100000000", "--include-dashboard=false")
    head = subprocess.Popen(
        [ray, "start", "--head", "--block", f"--port={port}", *size, f"--temp-dir={folder}/ray"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=os.environ | {"RAY_USAGE_STATS_ENABLED": "0"},
    )
    try:
        end = time.monotonic() + 60
        while not answers(port) and time.monotonic() < end:
            time.sleep(0.5)
        time.sleep(3.0)
        run = Run("--address", f"127.0.0.1:{port}", "--steps", "60", "--run-dir", str(tmp_path / "run"))
        code, error = run.end()
        assert (code, error) == (0, ""), run.text
        assert figures(tmp_path / "run")[-1]["step"] >= 60
        assert head.poll() is None
    finally:
        family = psutil.Process(head.pid).children(recursive=True)
        for process in [psutil.Process(head.pid), *family]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        head.wait()
        shutil.rmtree(folder, ignore_errors=True)

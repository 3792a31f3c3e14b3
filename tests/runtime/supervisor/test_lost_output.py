"""Runs whose output goes away, and whose stop signals are ignored or come early, as programs of their own."""

import os
import pty
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.patience import PATIENCE, wait_for
from tests.runtime.supervisor.test_supervise import QUICK, ROOT, Run, checkpoints, survivors

pytestmark = [pytest.mark.ray, pytest.mark.timeout(280)]
PROGRAM = [sys.executable, str(ROOT / "tests" / "runtime" / "standins.py"), *QUICK]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "STANDIN_FAULTS": ""}


def shell(line: str, path: Path) -> "subprocess.CompletedProcess[str]":
    """Run the stand-ins for 60 steps; `line` is of shell, with `RUN` for them."""
    run = shlex.join([*PROGRAM, "--steps", "60", "--run-dir", str(path)])
    return subprocess.run(
        ["bash", "-c", line.replace("RUN", run)], env=ENVIRONMENT, capture_output=True, text=True, timeout=200
    )


@pytest.mark.parametrize(
    ("line", "log"),
    [
        ("set -o pipefail; RUN | head -1", "standard output is lost: Broken pipe; the run goes on without it"),
        pytest.param(
            "PYTHONIOENCODING=ascii RUN <&- > /dev/full 2>&-",
            "standard output is lost: No space left on device; the run goes on without it",
            marks=pytest.mark.slow,
        ),
        pytest.param("RUN >&-", "", marks=pytest.mark.slow),
    ],
)
def test_a_run_goes_on_without_its_output(tmp_path: Path, line: str, log: str) -> None:
    done = shell(line, tmp_path / "run")
    assert (done.returncode, done.stderr) == (0, "")
    assert checkpoints(tmp_path / "run")[-1].startswith("step-000000000060")
    assert (tmp_path / "run" / "output.log").read_text().splitlines() == ([log] if log else [])


@pytest.mark.slow
def test_a_closed_terminal_stops_a_run_with_a_checkpoint(tmp_path: Path) -> None:
    path, errors = tmp_path / "run", tmp_path / "errors"
    child, terminal = pty.fork()
    if child == 0:
        os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT), 2)
        os.execve(sys.executable, [*PROGRAM, "--run-dir", str(path)], ENVIRONMENT | {"TERM": "xterm"})
    shown = bytearray()
    end = time.monotonic() + 2 * PATIENCE
    while b"first step after" not in shown:
        assert time.monotonic() < end, shown[-2000:]
        shown += os.read(terminal, 4096)
    family = psutil.Process(child).children(recursive=True)
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert errors.read_text() == ""
    assert checkpoints(path)
    assert survivors(family) == []


@pytest.mark.slow
def test_what_was_ignored_at_the_start_stays_ignored(tmp_path: Path) -> None:
    """As `nohup` does with a closed terminal, and a script with Ctrl-C for what it starts in the background."""
    path = tmp_path / "run"
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGHUP, signal.SIGINT)}
    try:
        run = Run("--run-dir", str(path))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    run.wait_for("first step after")
    for number in before:
        run.process.send_signal(number)
    time.sleep(2.0)
    assert run.process.poll() is None and "stopping" not in run.text
    run.process.send_signal(signal.SIGTERM)
    assert run.end() == (0, "")
    assert checkpoints(path)


@pytest.mark.slow
def test_ctrl_c_while_ray_starts_is_told_in_one_line(tmp_path: Path) -> None:
    run = Run("--run-dir", str(tmp_path / "run"))
    assert wait_for(lambda: "run " in run.text)
    run.process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    run.family = psutil.Process(run.process.pid).children(recursive=True)
    assert run.end() == (130, "stopped before the run began\n")
    assert not (tmp_path / "run").exists()

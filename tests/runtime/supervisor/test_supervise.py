"""The supervisor on a Ray of its own, as a program of its own, with stand-ins for the actors."""

import json
import os
import pty
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = pytest.mark.ray
ROOT = Path(__file__).parents[3]
QUICK = (
    "--set",
    "run.chunk=0.3",
    "--set",
    "run.dashboard=false",
    "--set",
    "run.tick=0.5",
    "--set",
    "run.object_store=80",
)


class Run:
    """A supervisor at work in a directory; its output is read as it comes.

    `before` is a line of shell that comes first, in a mount namespace of its own.
    """

    def __init__(self, *arguments: str, faults: str = "", before: str = "", **environment: str) -> None:
        prefix = ["unshare", "--mount", "sh", "-c", f'{before} && exec "$@"', "sh"] if before else []
        env = os.environ | {"STANDIN_FAULTS": faults, "PYTHONPATH": str(ROOT)} | environment
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-u", str(ROOT / "tests" / "runtime" / "standins.py"), *QUICK, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=env,
            start_new_session=True,
        )
        self.text = ""
        self.family: list[psutil.Process] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for row in self.process.stdout:
            self.text += row

    def wait_for(self, text: str, timeout: float = 120.0) -> None:
        end = time.monotonic() + timeout
        while text not in self.text:
            assert time.monotonic() < end, f"no {text!r} in:\n{self.text}"
            if self.process.poll() is not None:
                assert self.process.stderr is not None
                raise AssertionError(f"ended without {text!r}:\n{self.text}{self.process.stderr.read()}")
            time.sleep(0.05)
        self.family = psutil.Process(self.process.pid).children(recursive=True)

    def end(self, timeout: float = 90.0) -> tuple[int, str]:
        """Exit code and standard error; nothing of its family may be left."""
        assert self.process.stderr is not None
        error = self.process.stderr.read()
        code = self.process.wait(timeout)
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process.stderr.close()
        assert survivors(self.family) == []
        if logs := re.search(r"logs are in (\S+)", error):
            assert Path(logs[1]).is_dir()
            shutil.rmtree(logs[1])
        return code, error


def survivors(family: list[psutil.Process]) -> list[psutil.Process]:
    return [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def figures(run: Path) -> list[dict[str, Any]]:
    return [json.loads(row) for row in (run / "metrics.jsonl").read_text().splitlines()]


def checkpoints(run: Path) -> list[str]:
    return sorted(p.name for p in (run / "checkpoints").iterdir())


def assert_all_agree(run: Path) -> int:
    """The newest checkpoint's name, its parts and the last figures are of one step, which is returned."""
    newest = run / "checkpoints" / checkpoints(run)[-1]
    steps = {int(newest.name.split("-")[1])}
    steps |= {json.loads((newest / name).read_text())["step"] for name in ("learner.json", "run.json", "manifest.json")}
    assert len(steps | {figures(run)[-1]["step"]}) == 1
    return steps.pop()


@pytest.fixture
def other_ray() -> Iterator[str]:
    """An address in the environment at which no cluster must be looked for."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def test_ctrl_c_stops_with_a_checkpoint_and_resume_goes_on(tmp_path: Path, other_ray: str) -> None:
    path = tmp_path / "Größe 2"  # what Ray takes as a label is ASCII
    first = Run("--seed", "5", "--run-dir", str(path), RAY_ADDRESS=other_ray)
    first.wait_for("first step after")
    time.sleep(2.0)
    began = time.monotonic()
    first.process.send_signal(signal.SIGINT)
    assert first.end() == (0, "")
    assert time.monotonic() - began < 10
    for told in ("teaches by teacher-0", "learner: stand-in on cpu", "standins.py --resume "):
        assert told in first.text
    assert (path / "samples" / "learner-closed").exists() and (path / "replay" / "closed").exists()
    written = figures(path)
    last = written[-1]
    assert assert_all_agree(path) > 0
    assert last["replay/inserted"] > 0
    saved = json.loads((path / "config.json").read_text())
    assert saved["teacher-0"] == ["teaches by teacher-0"] and saved["config"]["run"]["seed"] == 5

    second = Run("--resume", str(path), "--steps", "123")
    second.wait_for("first step after")
    assert second.end() == (0, "")
    assert "changed: run.steps: None -> 123" in second.text and "final exam done" in second.text
    later = figures(path)[len(written) :]
    times = [row["time"] for row in written + later]
    assert times == sorted(times)
    assert min(row["step"] for row in later) >= last["step"]
    assert assert_all_agree(path) == 123 and later[-1]["learner/steps_done"] == later[-1]["step"]
    assert later[-1]["replay/inserted"] > last["replay/inserted"]
    assert [row["exam/image_to_audio"] for row in later if "exam/image_to_audio" in row][-1] == 0.75
    remaining = [row["learner/remaining"] for row in later if "learner/remaining" in row]
    assert remaining == sorted(remaining, reverse=True) and remaining[-1] < 0.5


def test_actors_die_and_hang_and_the_run_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "run"
    deadlines = ("--set", "run.call_deadline=3", "--set", "run.monitor_deadline=2")
    faults = "teacher-dies,letters-die,learner-dies,monitor-hangs,replay-dies"
    run = Run("--steps", "330", "--set", "run.checkpoint_every=1", *deadlines, "--run-dir", str(path), faults=faults)
    run.wait_for("first step after")
    assert run.end() == (0, "")
    assert "teacher-0: its process died" in run.text
    assert "teacher-letters: its process died" in run.text
    assert "learner: its process died" in run.text
    assert "replay: its process died" in run.text
    assert "monitor: no answer to run" in run.text
    last = figures(path)[-1]
    assert {k for k, v in last.items() if k.startswith("restarts/") and v > 0} == {
        "restarts/learner",
        "restarts/monitor",
        "restarts/replay",
        "restarts/teacher-0",
        "restarts/teacher-letters",
    }
    counts = [row["learner/steps_done"] for row in figures(path) if "learner/steps_done" in row]
    assert counts == sorted(counts)
    assert assert_all_agree(path) == 330


@pytest.mark.slow
def test_letters_alone_have_one_teacher_that_is_brought_back(tmp_path: Path) -> None:
    path = tmp_path / "run"
    run = Run("--teach", "letters", "--steps", "260", "--run-dir", str(path), faults="letters-die")
    run.wait_for("first step after")
    assert run.end() == (0, "")
    assert "teaches by teacher-letters" in run.text and "teacher-0" not in run.text
    assert "teacher-letters: its process died" in run.text
    last = figures(path)[-1]
    assert last["restarts/teacher-letters"] == 1 and last["tdlft/turns"] == 13
    graded = [row for row in figures(path) if "exam/lips_all" in row]
    assert graded and all(row["judge/lips"] == 0.5 and "judge/audio" not in row for row in graded)
    assert json.loads((path / "config.json").read_text())["datasets"] == {"letters": "synthetic:2"}
    assert assert_all_agree(path) == 260
    # The digits join: the run goes on with both, and says so.
    second = Run("--resume", str(path), "--teach", "digits+letters", "--steps", "320")
    second.wait_for("first step after")
    assert second.end() == (0, "")
    assert "changed: run.teach: letters -> digits+letters" in second.text
    for told in ("teaches by teacher-0", "teaches by teacher-letters"):
        assert told in second.text
    assert set(json.loads((path / "config.json").read_text())["datasets"]) == {"images", "speech", "letters"}


@pytest.mark.slow
def test_a_users_mistake_seen_by_an_actor_ends_with_code_2(tmp_path: Path) -> None:
    """As a damaged dataset does in `test_main_job.py`, there with the real actors."""
    run = Run("--run-dir", str(tmp_path / "run"), faults="no-data")
    code, error = run.end()
    assert (code, error) == (2, "error: teacher-0: nothing to teach\nuse --data\n")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_second_ctrl_c_at_a_terminal_ends_at_once(tmp_path: Path) -> None:
    path = tmp_path / "run"
    program = str(ROOT / "tests" / "runtime" / "standins.py")
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(STANDIN_FAULTS="slow-checkpoint", PYTHONPATH=str(ROOT), TERM="xterm", COLUMNS="80")
        os.execv(sys.executable, [sys.executable, program, *QUICK, "--run-dir", str(path)])
    shown = bytearray()
    end = time.monotonic() + 60
    while b"first step after" not in shown:
        assert time.monotonic() < end, shown[-2000:]
        shown += os.read(terminal, 4096)
    family = psutil.Process(child).children(recursive=True)
    drain = threading.Thread(target=_drain, args=(terminal,), daemon=True)
    drain.start()
    os.write(terminal, b"\x03")
    time.sleep(1.0)
    assert survivors(family), "one Ctrl-C leaves time for a checkpoint"
    began = time.monotonic()
    os.write(terminal, b"\x03")
    _, status = os.waitpid(child, 0)
    assert time.monotonic() - began < 1.0
    assert os.waitstatus_to_exitcode(status) == 130
    time.sleep(0.2)
    assert survivors(family) == []


@pytest.mark.slow
def test_a_second_ctrl_c_before_anything_came_leaves_nothing_and_says_so(tmp_path: Path) -> None:
    run = Run("--run-dir", str(tmp_path / "run"), faults="no-data-yet")
    run.wait_for(f"run {tmp_path / 'run'}")
    run.process.send_signal(signal.SIGINT)
    time.sleep(0.6)
    run.process.send_signal(signal.SIGINT)
    code, error = run.end()
    assert code in (0, 130), error  # it may be through with the first by then
    assert "the run directory is removed" in error + run.text and "stands" not in error
    assert list(tmp_path.iterdir()) == []


def _drain(terminal: int) -> None:
    try:
        while os.read(terminal, 4096):
            pass
    except OSError:
        return


@pytest.mark.slow
@pytest.mark.parametrize(
    ("faults", "code", "told"),
    [
        ("slow-checkpoint", 1, "the learner took too long to come to the end of its step; there is none"),
        ("save-fails", 1, "No space left on device; older checkpoints are unharmed; there is none"),
    ],
)
def test_a_last_checkpoint_that_fails_is_told(tmp_path: Path, faults: str, code: int, told: str) -> None:
    run = Run("--run-dir", str(tmp_path / "run"), faults=faults)
    run.wait_for("first step after")
    began = time.monotonic()
    run.process.send_signal(signal.SIGINT)
    ended, error = run.end()
    assert time.monotonic() - began < 10
    assert (ended, told in error) == (code, True), error


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_does_not_wait_for_the_end_of_a_long_step(tmp_path: Path, sign: signal.Signals) -> None:
    path = tmp_path / "run"
    run = Run("--run-dir", str(path), faults="slow-steps")
    run.wait_for("first step after")
    time.sleep(3.0)
    began = time.monotonic()
    run.process.send_signal(sign)
    assert run.end() == (0, "")
    assert time.monotonic() - began < 10
    assert assert_all_agree(path) == 10


@pytest.mark.slow
@pytest.mark.parametrize("who", ["learner", "teacher-0", "teacher-letters", "monitor", "replay"])
def test_an_actor_that_dies_again_and_again_ends_the_run(tmp_path: Path, who: str) -> None:
    run = Run("--run-dir", str(tmp_path / "run"), "--set", "run.restarts=2", faults=f"always-dies:{who}")
    began = time.monotonic()
    code, error = run.end()
    assert code == 1 and time.monotonic() - began < 90
    assert f"{who} failed 3 times" in error and "logs" in error
    assert run.text.count("; restart ") == 2, run.text


@pytest.mark.slow
@pytest.mark.parametrize("faults", ["learner-raises", "teacher-always-dies"])
def test_an_actor_that_cannot_be_kept_alive_ends_the_run(tmp_path: Path, faults: str) -> None:
    run = Run("--run-dir", str(tmp_path / "run"), "--set", "run.restarts=1", faults=faults)
    code, error = run.end()
    assert code == 1
    assert "failed 2 times" in error and "logs" in error


@pytest.mark.slow
def test_sigterm_stops_as_ctrl_c_does(tmp_path: Path) -> None:
    run = Run("--run-dir", str(tmp_path / "run"))
    run.wait_for("first step after")
    time.sleep(0.5)
    run.process.send_signal(signal.SIGTERM)
    assert run.end() == (0, "")
    assert assert_all_agree(tmp_path / "run") > 0


@pytest.mark.slow
def test_a_damaged_checkpoint_is_skipped_and_named(tmp_path: Path) -> None:
    path = tmp_path / "run"
    run = Run("--run-dir", str(path), "--minutes", "0.1", "--set", "run.checkpoint_every=1")
    assert run.end() == (0, "")
    older, newest = checkpoints(path)[-2:]
    (path / "checkpoints" / newest / "learner.json").write_text("{}")
    step = int(older.split("-")[1]) + 5
    again = Run("--resume", str(path), "--minutes", "60", "--steps", str(step))
    assert again.end() == (0, "")
    assert "skipped a damaged checkpoint" in again.text and "learner.json is damaged" in again.text
    assert figures(path)[-1]["step"] == step
    other = Run("--resume", str(path), "--minutes", "60", "--steps", "none", STANDIN_DIGITS="other")
    code, error = other.end()
    assert code == 2 and "digits:0" in error and "digits:other" in error
    for name in checkpoints(path):
        (path / "checkpoints" / name / "learner.json").unlink()
    code, error = Run("--resume", str(path), "--minutes", "60").end()
    assert code == 2 and "learner.json is missing" in error


@pytest.mark.slow
def test_figures_that_cannot_be_written_hold_learning_until_they_can_be(tmp_path: Path) -> None:
    path = tmp_path / "run"
    run = Run("--run-dir", str(path), "--steps", "200")
    run.wait_for("first step after")
    full = (path / "metrics.jsonl").stat().st_size + 100
    resource.prlimit(run.process.pid, resource.RLIMIT_FSIZE, (full, resource.RLIM_INFINITY))
    run.wait_for("figures cannot be written: disk is full")
    time.sleep(2.0)
    stood = run.text.count("waiting: disk is full")
    resource.prlimit(run.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    code, error = run.end()  # Ray's own log, which the limit met too, may have complained
    assert code == 0 and "error: " not in error and "Traceback" not in error
    assert assert_all_agree(path) == 200
    assert run.text.count("figures can be written again: learning goes on") == 1 and stood <= 2
    last = figures(path)[-1]
    assert last["dropped/figures"] >= 1 and last["learner/held_s"] > 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("faults", "told"),
    [
        ("final-fails", "the final exam failed: ValueError: no such sheet"),
        ("late-save-fails", "no checkpoint at the end: RuntimeError: no such weights; the last one, step-"),
        ("not-finite", "loss image is not finite at step 60"),
    ],
)
def test_what_goes_wrong_at_the_end_is_told_in_a_line(tmp_path: Path, faults: str, told: str) -> None:
    run = Run("--run-dir", str(tmp_path / "run"), "--steps", "70", faults=faults)
    code, error = run.end()
    assert code == 1 and told in error and "Traceback" not in error
    assert ("final exam done" in run.text) == (faults == "late-save-fails")
    saved = [int(name.split("-")[1]) for name in checkpoints(tmp_path / "run")]
    assert max(saved) == 70 if faults == "final-fails" else max(saved) < 70

"""Deaths and hangs, one after the other, in a run of stand-ins whose others are watched meanwhile."""

import json
import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.patience import PATIENCE
from tests.runtime.supervisor.test_supervise import Run, assert_all_agree, figures

pytestmark = pytest.mark.ray
NOTICED = 5.0
"""Seconds in which a death or a hang must be seen."""
BUSY = 3.0
"""More seconds that a machine takes on which others work, too."""


def pid_of(path: Path, name: str) -> int:
    """Process number of an actor, as the run tells it."""
    return int(json.loads((path / "actors.json").read_text())[name])


def newest(path: Path) -> dict[str, Any]:
    return figures(path)[-1]


def until(what: str, met: Any, timeout: float = PATIENCE) -> float:
    """Wait until `met()`; seconds that it took."""
    begun = time.monotonic()
    while not met():
        assert time.monotonic() - begun < timeout, what
        time.sleep(0.1)
    return time.monotonic() - begun


def at_work(run: Run, path: Path, names: list[str]) -> None:
    run.wait_for("first step after")
    until(
        "all are up",
        lambda: (path / "actors.json").exists() and {*names} <= {*json.loads((path / "actors.json").read_text())},
    )
    until("and shown", lambda: all(newest(path).get(f"actor/{name}") == "up" for name in names))
    until("and counted", lambda: "learner/steps_done" in newest(path))


def never_back(path: Path) -> None:
    """No total ever falls."""
    keys = ("learner/steps_done", "teacher/", "restarts/", "hangs/", "replay/inserted", "events/")
    last: dict[str, float] = {}
    for row in figures(path):
        for key, value in row.items():
            if key.startswith(keys):
                assert value >= last.get(key, 0), (key, value, last[key])
                last[key] = value


def test_a_stopped_process_is_detected_and_goes_on_or_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "run"
    # Seen after 3.5 s or so: a busy machine has as many again to let the teacher go on before it is replaced.
    run = Run("--run-dir", str(path), "--set", "run.hang_deadline=8", "--set", "run.checkpoint_every=1")
    at_work(run, path, ["teacher-0", "learner", "replay"])
    teacher, learner, before = pid_of(path, "teacher-0"), pid_of(path, "learner"), newest(path)["learner/steps_done"]
    process = psutil.Process(learner)
    os.kill(teacher, signal.SIGSTOP)
    os.kill(learner, signal.SIGSTOP)
    took = until("the teacher is seen", lambda: "teacher-0: hung: no heartbeat" in run.text)
    assert took < NOTICED + BUSY and "its process is stopped" in run.text
    # Goes on by itself before the deadline: no actor is killed.
    os.kill(teacher, signal.SIGCONT)
    until("the teacher is back", lambda: "teacher-0: back" in run.text)
    # Does not: it is replaced, and gone before another one begins.
    until("another learner", lambda: pid_of(path, "learner") != learner and newest(path)["actor/learner"] == "up")
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    until("it learns", lambda: newest(path)["learner/steps_done"] > before)
    last = newest(path)
    assert last["restarts/learner"] == 1 and "restarts/teacher-0" not in last
    assert pid_of(path, "teacher-0") == teacher and last["hangs/teacher-0"] == last["hangs/learner"] == 1
    assert all(3 < last[f"noticed_s/{name}"] < NOTICED + BUSY for name in ("learner", "teacher-0"))
    assert last["recovered_s/learner"] < 30
    shown = [row for row in figures(path) if row.get("actor/learner") == "hung"]
    assert shown and all(row["well/learner"] == 0 and row["well/replay"] == 1 for row in shown)
    run.process.send_signal(signal.SIGINT)
    assert run.end() == (0, "")
    assert assert_all_agree(path) > 0
    never_back(path)


def rate(path: Path, name: str, begin: float, end: float) -> float:
    """Events a second accepted of one teacher, from its first to its last report between two times of the run."""
    key = f"accepted/{name}"
    rows = [row for row in figures(path) if key in row and begin <= row["time"] <= end]
    return float((rows[-1][key] - rows[0][key]) / (rows[-1]["time"] - rows[0]["time"]))


@pytest.mark.slow
@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_one_after_the_other_fails_and_the_others_go_on(tmp_path: Path, blow: signal.Signals) -> None:
    path = tmp_path / "run"
    names = ["learner", "monitor", "teacher-0", "teacher-letters", "replay"]
    settings = ("run.hang_deadline=5", "run.checkpoint_every=1", "run.teachers=2")
    run = Run("--run-dir", str(path), *(part for s in settings for part in ("--set", s)))
    at_work(run, path, [*names, "teacher-1"])
    time.sleep(6.0)
    begun = newest(path)["time"]
    quiet = rate(path, "teacher-1", begun - 5.0, begun)
    for name in names:
        pid, before = pid_of(path, name), newest(path)
        os.kill(pid, blow)
        until(f"{name} seen", lambda name=name: f"noticed_s/{name}" in newest(path), NOTICED + BUSY)
        until(
            f"{name} back",
            lambda name=name, pid=pid: pid_of(path, name) != pid and newest(path)[f"actor/{name}"] == "up",
        )
        until(f"{name} restarts", lambda name=name: newest(path).get(f"restarts/{name}", 0) >= 1)
        assert newest(path)[f"noticed_s/{name}"] < NOTICED + BUSY
        time.sleep(3.0)
        now = newest(path)
        assert now["learner/steps_done"] > before["learner/steps_done"]
        if name != "replay":  # to which all of them send
            kept = rate(path, "teacher-1", before["time"] - 1.0, now["time"])
            assert kept > 0.75 * quiet, f"{name}: {quiet:.1f} events/s of another teacher became {kept:.1f}"
        assert pid_of(path, "teacher-1") and newest(path).get("restarts/teacher-1", 0) == 0
    assert sum(newest(path).get(f"restarts/{name}", 0) for name in names) >= len(names), "all of it happened"
    run.process.send_signal(signal.SIGTERM)
    assert run.end() == (0, "")
    assert assert_all_agree(path) > 0
    never_back(path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["replay", "learner"])
@pytest.mark.parametrize("how", ["stops", "sleeps"])
def test_an_actor_that_hangs_while_it_restarts_is_killed_and_made_anew(tmp_path: Path, name: str, how: str) -> None:
    path = tmp_path / "run"
    # It binds the very first start, too, which takes a busy machine long; who stops is seen long before it.
    start = 300 if how == "stops" else 60
    settings = ("run.hang_deadline=5", "run.checkpoint_every=1", f"run.start_deadline={start}")
    options = (part for s in settings for part in ("--set", s))
    run = Run("--run-dir", str(path), *options, faults=f"{name}-{how}-at-restart")
    at_work(run, path, ["learner", "replay"])
    first = pid_of(path, name)
    told = rf"{name}: {'its process is stopped' if how == 'stops' else 'no answer to '}.*; restart \d of"
    before = len(re.findall(told, run.text))
    os.kill(first, signal.SIGKILL)
    mark = path / "samples" / f"{name}-{how}-at-restart"
    until("it hangs", lambda: mark.exists() and mark.read_text())
    hung = psutil.Process(int(mark.read_text()))
    if how == "stops":
        until("it stops", lambda: hung.status() == psutil.STATUS_STOPPED)
    until("it is seen and counted", lambda: len(re.findall(told, run.text)) > before, 60.0 + PATIENCE)
    until("it is gone", lambda: not hung.is_running() or hung.status() == psutil.STATUS_ZOMBIE)
    until(
        "another works", lambda: pid_of(path, name) not in (first, hung.pid) and newest(path)[f"actor/{name}"] == "up"
    )
    done = newest(path)["learner/steps_done"]
    until("and all goes on", lambda: newest(path)["learner/steps_done"] > done)
    assert newest(path).get(f"hangs/{name}", 0) == (how == "stops")
    run.process.send_signal(signal.SIGINT)
    assert run.end() == (0, "")
    never_back(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "start", "restarts", "why"),
    [
        ("always-sleeps", 60, 1, "no answer to "),
        ("dies-at-restart", 300, 2, "its process died while it started"),  # seen as that, long before the deadline
    ],
)
def test_an_actor_that_never_comes_up_again_ends_the_run(
    tmp_path: Path, how: str, start: int, restarts: int, why: str
) -> None:
    path = tmp_path / "run"
    settings = (f"run.restarts={restarts}", f"run.start_deadline={start}", "run.checkpoint_every=1")
    options = (part for s in settings for part in ("--set", s))
    run = Run("--run-dir", str(path), *options, faults=f"replay-{how}")
    at_work(run, path, ["replay"])
    os.kill(pid_of(path, "replay"), signal.SIGKILL)
    code, error = run.end(120.0)
    assert code == 1 and f"replay failed {restarts + 1} times: {why}" in error and "logs" in error

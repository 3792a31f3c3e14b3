"""What is a hang and what is not: real processes that work, wait, stop and go on."""

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest
import ray

from runtime.supervisor.vigil import ASIDE, LONGEST_LOOK, PULSE, Clock, Vigil, watched
from tests.patience import PATIENCE, quickest


def test_time_that_nobody_watched_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    clock = Clock()
    for _ in range(10):
        now += 0.25
        clock.look()
    assert clock() == pytest.approx(2.5)
    now += 3600  # the machine slept
    assert clock.look() == pytest.approx(2.5 + LONGEST_LOOK)
    now += 0.25
    assert clock() == pytest.approx(2.5 + LONGEST_LOOK), "between two looks it stands still"


class Worker:
    """One that can be told what to do wrong."""

    def compute(self, seconds: float) -> int:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            sum(range(1000))
        return os.getpid()

    def deadlock(self) -> None:
        lock = threading.Lock()
        lock.acquire()
        lock.acquire()

    def checkpoint(self, directory: str) -> str:
        return directory


class Post:
    """A watched actor, and who watches it."""

    def __init__(self) -> None:
        untyped: Any = ray
        kind = untyped.remote(concurrency_groups={PULSE: 1, ASIDE: 1})(watched(Worker))
        self.handle = kind.options(num_cpus=0, max_task_retries=0).remote()
        self.clock = Clock()
        self.vigil = Vigil(self.clock, str(ray.get_runtime_context().get_node_id()))

    def watch(self, seconds: float, met: Callable[[Vigil], bool] = lambda vigil: False) -> Vigil:
        """For so long, or until `met`."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not met(self.vigil):
            self.clock.look()
            self.vigil.look(self.handle)
            time.sleep(0.05)
        return self.vigil


@pytest.mark.ray
def test_who_computes_is_busy_who_stands_in_a_deadlock_is_quiet_who_is_stopped_is_silent(ray_session: None) -> None:
    post = Post()
    pid = ray.get(post.handle.compute.remote(0.01), timeout=60)

    def unheard() -> float:
        """The longer of both silences of one that computes."""
        post.vigil.begin()
        busy = post.handle.compute.remote(3.0)
        vigil = post.watch(2.5)
        assert vigil.process is not None and vigil.process.pid == pid
        silences = vigil.silence, vigil.quiet
        assert ray.get(busy, timeout=PATIENCE) == pid
        return max(silences)

    assert quickest(unheard, 2.0) < 2.0
    post.handle.deadlock.remote()
    vigil = post.watch(PATIENCE, lambda it: it.quiet > 2.5 > it.silence)
    assert vigil.silence < 2.5 < vigil.quiet, "it answers pulses, and does nothing"
    assert ray.get(post.handle.checkpoint.remote("beside"), timeout=PATIENCE) == "beside"
    os.kill(pid, signal.SIGSTOP)
    vigil = post.watch(PATIENCE, lambda it: it.silence > 2)
    assert vigil.silence > 2 and vigil.stopped and vigil.died is None
    os.kill(pid, signal.SIGCONT)
    vigil = post.watch(PATIENCE, lambda it: it.silence < 1)
    assert vigil.silence < 1 and not vigil.stopped
    os.kill(pid, signal.SIGSTOP)
    process = psutil.Process(pid)
    assert vigil.kill(PATIENCE) and vigil.gone()
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    vigil = post.watch(PATIENCE, lambda it: it.died is not None or it.error is not None)
    assert vigil.died is not None or vigil.error is not None

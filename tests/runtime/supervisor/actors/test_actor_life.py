"""What is a hang and what is not: real actors that work, wait, stop and go on."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray
from ray.exceptions import ActorUnavailableError

from runtime.config.run_section import RunSection
from runtime.reporting.run_status import RunStatus
from runtime.supervisor.actors.actor_wrapper import BACKGROUND, HEARTBEAT, StartNote, wrap_actor
from runtime.supervisor.actors.clock import Clock
from runtime.supervisor.actors.starts import Starts
from runtime.supervisor.actors.supervised_actor import Fault, SupervisedActor
from runtime.supervisor.actors.supervision import Supervision
from sensors.core.modalities import modality
from sensors.plugins import load_plugins, process_setup
from sensors.senses import configure
from tests.patience import PATIENCE, quickest
from tests.sensors.test_plugins import TOUCH


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


def supervision(folder: Path) -> Supervision:
    node = str(ray.get_runtime_context().get_node_id())
    return Supervision(RunSection(restarts=5), RunStatus(), lambda note: None, Clock(), node, Starts(folder / "starts"))


def made(kind: Any, note: StartNote | None, options: dict[str, Any], *arguments: Any) -> Any:
    """An actor, wrapped as a run's are."""
    untyped: Any = ray
    wrapped = untyped.remote(concurrency_groups={HEARTBEAT: 1, BACKGROUND: 1})(wrap_actor(kind, None, note))
    return wrapped.options(num_cpus=0, max_task_retries=0, **options).remote(*arguments)


class Watched(SupervisedActor):
    """An actor that the supervisor observes, and that others ask."""

    def __init__(self, folder: Path) -> None:
        self.shared = supervision(folder)
        super().__init__("worker", lambda: made(Worker, None, {}), self.shared)
        self.started = True

    def watch(self, seconds: float, met: Callable[[SupervisedActor], bool] = lambda it: False) -> None:
        """For so long, or until `met`."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not met(self):
            self.shared.clock.advance()
            self.observe()
            time.sleep(0.05)

    def ended(self) -> bool:
        fault = self.check([self])
        return fault is not None and fault.dead


class Perceiver:
    """Looks at the forms of samples in its constructor."""

    def __init__(self, name: str) -> None:
        self.shape = modality(name).shape

    def found(self) -> tuple[int, ...]:
        return self.shape


@pytest.mark.ray
def test_an_actor_has_plugins_and_settings_of_senses_before_it_is_made(
    ray_session: None, tmp_path: Path, plugins_undone: Callable[[], None]
) -> None:
    path = tmp_path / "touch.py"
    path.write_text(TOUCH)
    load_plugins([path])
    configure({"touch": {"frames": 32}, "image": {"size": 64}})
    setup = process_setup()
    path.unlink()
    untyped: Any = ray
    kind = untyped.remote(concurrency_groups={HEARTBEAT: 1, BACKGROUND: 1})(wrap_actor(Perceiver, setup))
    actors = [kind.options(num_cpus=0).remote(name) for name in ("touch", "image")]
    assert ray.get([actor.found.remote() for actor in actors], timeout=PATIENCE) == [(32, 6), (1, 64, 64)]
    for actor in actors:
        ray.kill(actor)


@pytest.mark.slow
@pytest.mark.ray
def test_computing_is_busy_a_deadlock_is_idle_and_a_stopped_process_is_silent(
    ray_session: None, tmp_path: Path
) -> None:
    actor = Watched(tmp_path)
    pid = ray.get(actor.handle.compute.remote(0.01), timeout=60)

    def unheard() -> float:
        """The longer of both silences of one that computes."""
        actor._begin()
        busy = actor.handle.compute.remote(3.0)
        actor.watch(2.5)
        assert actor.process.process is not None and actor.process.process.pid == pid
        silences = actor.silence, actor.process.idle
        assert ray.get(busy, timeout=PATIENCE) == pid
        return max(silences)

    assert quickest(unheard, 2.0) < 2.0
    actor.handle.deadlock.remote()
    actor.watch(PATIENCE, lambda it: it.process.idle > 2.5 > it.silence)
    assert actor.silence < 2.5 < actor.process.idle, "it answers heartbeats, and does nothing"
    assert ray.get(actor.handle.checkpoint.remote("beside"), timeout=PATIENCE) == "beside"
    os.kill(pid, signal.SIGSTOP)
    actor.watch(PATIENCE, lambda it: it.silence > 2)
    assert actor.silence > 2 and actor.process.stopped and actor.process.died is None
    os.kill(pid, signal.SIGCONT)
    actor.watch(PATIENCE, lambda it: it.silence < 1)
    assert actor.silence < 1 and not actor.process.stopped
    os.kill(pid, signal.SIGSTOP)
    process = psutil.Process(pid)
    assert actor.process.kill(PATIENCE) and actor.process.gone()
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    actor.watch(PATIENCE, lambda it: actor.ended())
    assert actor.ended()


class Stops:
    """One whose second process stops while it starts."""

    def __init__(self, folder: str) -> None:
        mark = Path(folder) / str(os.getpid())
        mark.touch()
        if len(list(mark.parent.iterdir())) == 2:
            os.kill(os.getpid(), signal.SIGSTOP)

    def ping(self) -> int:
        return os.getpid()


@pytest.mark.ray
def test_a_process_stopped_while_it_restarts_is_found_and_killed(ray_session: None, tmp_path: Path) -> None:
    shared = supervision(tmp_path)
    marks = tmp_path / "marks"
    marks.mkdir()
    note = StartNote(shared.starts.path, "replay", shared.node)
    actor = SupervisedActor(
        "replay", lambda: made(Stops, note, {"max_restarts": -1}, str(marks)), shared, keeps_handle=True
    )
    first = ray.get(actor.handle.ping.remote(), timeout=60)
    assert shared.starts.of("replay") == [first]
    assert actor.process.find([first]) and actor.process.process is not None
    assert actor.process.process.pid == first
    actor.put_down(Fault("it hangs"))
    end = time.monotonic() + 60
    while not actor.process.stopped_for:
        assert time.monotonic() < end
        shared.clock.advance()
        actor.revive()
        actor.observe()
        time.sleep(0.05)
    stopped = actor.process.process
    assert stopped.pid != first and stopped.status() == psutil.STATUS_STOPPED
    assert actor.put_down(Fault("it hangs"))
    assert not stopped.is_running() or stopped.status() == psutil.STATUS_ZOMBIE
    third, end = 0, time.monotonic() + 60
    while not third:
        assert time.monotonic() < end
        time.sleep(0.2)
        with contextlib.suppress(ActorUnavailableError):  # asked while the dead one was still thought to live
            third = ray.get(actor.handle.ping.remote(), timeout=60)
    assert third not in (first, stopped.pid) and len(list(marks.iterdir())) == 3
    ray.kill(actor.handle, no_restart=True)

"""What is a hang and what is not: real processes that work, wait, stop and go on."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import ray
from ray.exceptions import ActorUnavailableError

from runtime.supervisor import liveness
from runtime.supervisor.liveness import BACKGROUND, HEARTBEAT, LONGEST_STEP, Clock, Liveness, with_heartbeat
from runtime.supervisor.supervised_actor import SupervisedActor
from sensors.core.modalities import modality
from sensors.plugins import load_plugins, process_setup
from sensors.senses import configure
from tests.patience import PATIENCE, quickest, wait_for
from tests.sensors.test_plugins import TOUCH


def test_time_without_supervision_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    clock = Clock()
    for _ in range(10):
        now += 0.25
        clock.advance()
    assert clock() == pytest.approx(2.5)
    now += 3600  # the machine slept
    assert clock.advance() == pytest.approx(2.5 + LONGEST_STEP)
    now += 0.25
    assert clock() == pytest.approx(2.5 + LONGEST_STEP), "between two looks it stands still"


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


class Watched:
    """An actor and its liveness."""

    def __init__(self) -> None:
        untyped: Any = ray
        kind = untyped.remote(concurrency_groups={HEARTBEAT: 1, BACKGROUND: 1})(with_heartbeat(Worker))
        self.handle = kind.options(num_cpus=0, max_task_retries=0).remote()
        self.clock = Clock()
        self.liveness = Liveness(self.clock, str(ray.get_runtime_context().get_node_id()))

    def watch(self, seconds: float, met: Callable[[Liveness], bool] = lambda liveness: False) -> Liveness:
        """For so long, or until `met`."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not met(self.liveness):
            self.clock.advance()
            self.liveness.poll(self.handle)
            time.sleep(0.05)
        return self.liveness


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
    kind = untyped.remote(concurrency_groups={HEARTBEAT: 1, BACKGROUND: 1})(with_heartbeat(Perceiver, setup))
    actors = [kind.options(num_cpus=0).remote(name) for name in ("touch", "image")]
    assert ray.get([actor.found.remote() for actor in actors], timeout=PATIENCE) == [(32, 6), (1, 64, 64)]
    for actor in actors:
        ray.kill(actor)


@pytest.mark.slow
@pytest.mark.ray
def test_computing_is_busy_a_deadlock_is_idle_and_a_stopped_process_is_silent(ray_session: None) -> None:
    actor = Watched()
    pid = ray.get(actor.handle.compute.remote(0.01), timeout=60)

    def unheard() -> float:
        """The longer of both silences of one that computes."""
        actor.liveness.begin()
        busy = actor.handle.compute.remote(3.0)
        liveness = actor.watch(2.5)
        assert liveness.process is not None and liveness.process.pid == pid
        silences = liveness.silence, liveness.idle
        assert ray.get(busy, timeout=PATIENCE) == pid
        return max(silences)

    assert quickest(unheard, 2.0) < 2.0
    actor.handle.deadlock.remote()
    liveness = actor.watch(PATIENCE, lambda it: it.idle > 2.5 > it.silence)
    assert liveness.silence < 2.5 < liveness.idle, "it answers heartbeats, and does nothing"
    assert ray.get(actor.handle.checkpoint.remote("beside"), timeout=PATIENCE) == "beside"
    os.kill(pid, signal.SIGSTOP)
    liveness = actor.watch(PATIENCE, lambda it: it.silence > 2)
    assert liveness.silence > 2 and liveness.stopped and liveness.died is None
    os.kill(pid, signal.SIGCONT)
    liveness = actor.watch(PATIENCE, lambda it: it.silence < 1)
    assert liveness.silence < 1 and not liveness.stopped
    os.kill(pid, signal.SIGSTOP)
    process = psutil.Process(pid)
    assert liveness.kill(PATIENCE) and liveness.gone()
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    liveness = actor.watch(PATIENCE, lambda it: it.died is not None or it.error is not None)
    assert liveness.died is not None or liveness.error is not None


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
    def create() -> Any:
        untyped: Any = ray
        kind = untyped.remote(concurrency_groups={HEARTBEAT: 1, BACKGROUND: 1})(with_heartbeat(Stops))
        return kind.options(num_cpus=0, max_restarts=-1, max_task_retries=0).remote(str(tmp_path))

    clock = Clock()
    actor = SupervisedActor("replay", create, True, 5, clock, str(ray.get_runtime_context().get_node_id()))
    first = ray.get(actor.handle.ping.remote(), timeout=60)
    assert actor.liveness.find(actor.handle) and actor.liveness.process is not None
    assert actor.liveness.process.pid == first
    actor.liveness.kill(5.0)
    actor.fail()
    end = time.monotonic() + 60
    while not actor.liveness.stopped_for:
        assert time.monotonic() < end
        clock.advance()
        actor.try_restart()
        actor.liveness.poll_start(actor.handle)
        time.sleep(0.05)
    stopped = actor.liveness.process
    assert stopped.pid != first and stopped.status() == psutil.STATUS_STOPPED
    assert actor.fail()
    actor.kill()
    assert not stopped.is_running() or stopped.status() == psutil.STATUS_ZOMBIE
    third, end = 0, time.monotonic() + 60
    while not third:
        assert time.monotonic() < end
        time.sleep(0.2)
        with contextlib.suppress(ActorUnavailableError):  # asked while the dead one was still thought to live
            third = ray.get(actor.handle.ping.remote(), timeout=60)
    assert third not in (first, stopped.pid) and len(list(tmp_path.iterdir())) == 3
    ray.kill(actor.handle, no_restart=True)


@pytest.fixture
def crowd() -> Iterator[list[psutil.Process]]:
    """A process that wants to compute, and three that are in its way: all on one core, it as the least of them."""
    core = min(os.sched_getaffinity(0))
    loop = f"import os; os.sched_setaffinity(0, [{core}])\nwhile True: pass"
    children = [subprocess.Popen([sys.executable, "-c", loop]) for _ in range(4)]
    os.setpriority(os.PRIO_PROCESS, children[0].pid, 19)
    yield [psutil.Process(child.pid) for child in children]
    for child in children:
        child.kill()
        child.wait()


def test_the_kernel_tells_starved_from_stopped(crowd: list[psutil.Process]) -> None:
    starved = crowd[0]

    def queued() -> float:
        waits = liveness._run_queue_waits(starved.pid)
        if not waits:
            pytest.skip("this kernel does not tell who waits for a processor")
        return sum(waits.values())

    time.sleep(0.3)
    before, began = queued(), time.monotonic()

    def waits_long() -> bool:
        took = time.monotonic() - began
        return took > 2.0 and queued() - before > liveness.QUEUE_SHARE * took

    # The kernel adds a wait when it is over, and on a busy machine one may be longer than two seconds.
    assert wait_for(waits_long)
    assert liveness._thread_states(starved.pid) == "R"
    starved.suspend()
    end = time.monotonic() + 30
    while liveness._thread_states(starved.pid) != "T":  # it needs the processor for that, too
        assert time.monotonic() < end
        time.sleep(0.1)
    before = queued()
    time.sleep(1.0)
    assert queued() - before < liveness.QUEUE_SHARE and set(liveness._thread_states(starved.pid)) <= {"T", "t"}


SILENT_FOR = 8.0


@pytest.mark.parametrize(
    ("states", "queue", "busy", "quiet"),
    [
        ("SS", 0.0, 0.0, True),
        ("SS", 0.05, 0.0, True),  # its housekeeping on a crowded machine
        ("SS", (0.1,) * 30, 0.0, True),  # all its housekeeping threads
        ("SS", (0.1, 0.5, 0.1), 0.0, False),
        ("SS", 0.5, 0.0, False),  # gets the processor now and then, and sleeps when it is looked at
        ("SR", 0.0, 0.0, False),  # waits all the time: the kernel adds that when it is over
        ("SS", 0.0, 0.5, False),
        ("SD", 0.0, 0.0, False),
        ("TT", 0.5, 0.5, True),
    ],
)
def test_a_silent_process_is_idle_only_if_it_could_have_worked(
    monkeypatch: pytest.MonkeyPatch, states: str, queue: float | tuple[float, ...], busy: float, quiet: bool
) -> None:
    now = [0.0]
    clock: Any = lambda: now[0]  # noqa: E731
    it = Liveness(clock, "here")
    process: Any = SimpleNamespace(
        pid=1,
        is_running=lambda: True,
        status=lambda: "sleeping",
        cpu_times=lambda: SimpleNamespace(user=busy * now[0], system=0.0),
    )
    monkeypatch.setattr(liveness, "_thread_states", lambda pid: states)
    threads = queue if isinstance(queue, tuple) else (queue,)
    # One more thread, which is new at each look, has waited long before anybody looked.
    monkeypatch.setattr(
        liveness,
        "_run_queue_waits",
        lambda pid: {f"{n}": share * now[0] for n, share in enumerate(threads)} | {f"new {now[0]}": 1e6},
    )
    monkeypatch.setattr(liveness, "_disk_bytes", lambda process: 0)
    it.process, it._known, it._asked, it._next = process, True, None, 1e9
    while now[0] < SILENT_FOR:
        now[0] += 0.25
        it.poll(None)
    assert it.silence == SILENT_FOR and (it.idle > 5.0) == quiet and (it.idle < 1.5) == (not quiet)


@pytest.mark.parametrize("before", [0, 7])
def test_a_crash_loop_is_seen_by_rays_count_though_no_process_ever_is(
    monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    now = [0.0]
    clock: Any = lambda: now[0]  # noqa: E731
    it = Liveness(clock, "here")
    if before:
        it._receive(before, "elsewhere", 0.0, 0.0)
    account: list[dict[str, Any]] = [{}]
    monkeypatch.setattr(liveness, "ray_record", lambda handle: account[0])

    def look(restarts: int | None, pid: int) -> bool:
        now[0] += liveness.INSPECT_EVERY
        address = {"NodeID": "elsewhere"}
        told = {"NumRestarts": restarts, "Pid": pid, "State": "RESTARTING", "Address": address}
        account[0] = {} if restarts is None else told
        it.poll_start(None)
        return it.died is not None

    it.begin()
    assert not look(None, 0)
    if before:  # the end of which is told late
        assert not look(0, before) and not look(1, before)
    assert not look(1, 8) and not look(1, 8) and not look(None, 0)
    assert look(3, 9), "two have come and gone between two looks"
    it.begin()
    assert it.died is None
    assert not look(3, 9) and not look(4, 9), "it was seen already"
    assert not look(4, 10) and look(5, 10), "it bears the same number until there is another"
    it.begin()
    assert not any(look(6, 11) for _ in range(5)), "it takes its time"

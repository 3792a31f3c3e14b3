"""What the kernel tells of a process: busy, starved, stopped, gone."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from runtime.supervisor.actors import actor_process
from runtime.supervisor.actors.actor_process import ActorProcess
from tests.patience import wait_for


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
        waits = actor_process._run_queue_waits(starved.pid)
        if not waits:
            pytest.skip("this kernel does not tell who waits for a processor")
        return sum(waits.values())

    time.sleep(0.3)
    before, began = queued(), time.monotonic()

    def waits_long() -> bool:
        took = time.monotonic() - began
        return took > 2.0 and queued() - before > actor_process.QUEUE_SHARE * took

    # The kernel adds a wait when it is over, and on a busy machine one may be longer than two seconds.
    assert wait_for(waits_long)
    assert actor_process._thread_states(starved.pid) == "R"
    starved.suspend()
    end = time.monotonic() + 30
    while actor_process._thread_states(starved.pid) != "T":  # it needs the processor for that, too
        assert time.monotonic() < end
        time.sleep(0.1)
    before = queued()
    time.sleep(1.0)
    assert queued() - before < actor_process.QUEUE_SHARE and set(actor_process._thread_states(starved.pid)) <= {
        "T",
        "t",
    }


SILENT_FOR = 8.0
DEAD_FROM = 2**31 - 100
"""Numbers that no process has."""


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
    it = ActorProcess(clock)
    process: Any = SimpleNamespace(
        pid=1,
        is_running=lambda: True,
        status=lambda: "stopped" if states == "TT" else "sleeping",
        cpu_times=lambda: SimpleNamespace(user=busy * now[0], system=0.0),
    )
    monkeypatch.setattr(actor_process, "_thread_states", lambda pid: states)
    threads = queue if isinstance(queue, tuple) else (queue,)
    # One more thread, which is new at each look, has waited long before anybody looked.
    monkeypatch.setattr(
        actor_process,
        "_run_queue_waits",
        lambda pid: {f"{n}": share * now[0] for n, share in enumerate(threads)} | {f"new {now[0]}": 1e6},
    )
    monkeypatch.setattr(actor_process, "_disk_bytes", lambda process: 0)
    it.process, it._known = process, True
    while now[0] < SILENT_FOR:
        now[0] += 0.25
        it.inspect(silence=now[0], doubtful=now[0] > 1.0)
    assert (it.idle > 5.0) == quiet and (it.idle < 1.5) == (not quiet)


def test_the_threads_of_a_process_are_looked_at_only_in_doubt_and_then_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    now, looks = [0.0], list[float]()
    clock: Any = lambda: now[0]  # noqa: E731

    def waits(pid: int) -> dict[str, float]:
        looks.append(now[0])
        return {"1": 0.05 * now[0]}  # little in each second, much in a minute

    monkeypatch.setattr(actor_process, "_thread_states", lambda pid: "S")
    monkeypatch.setattr(actor_process, "_run_queue_waits", waits)
    monkeypatch.setattr(actor_process, "_disk_bytes", lambda process: 0)
    it = ActorProcess(clock)
    times = SimpleNamespace(user=0.0, system=0.0)
    process: Any = SimpleNamespace(pid=1, is_running=lambda: True, status=lambda: "sleeping", cpu_times=lambda: times)
    it.process, it._known = process, True
    while now[0] < 66.0:
        now[0] += 1.0
        doubtful = now[0] <= 3.0 or now[0] > 63.0
        it.inspect(silence=3.0 if doubtful else 0.0, doubtful=doubtful)
    assert looks == [1.0, 2.0, 3.0, 64.0, 65.0, 66.0]
    assert it.idle == 66.0, "waits of a time for which nobody looked are none of the last second"


@pytest.mark.parametrize("before", [0, 7])
def test_a_crash_loop_is_seen_by_the_starts_though_no_process_ever_is(before: int) -> None:
    now, starts = [0.0], list[int]()
    clock: Any = lambda: now[0]  # noqa: E731
    it = ActorProcess(clock)
    if before:
        it.hear(before, 0.0, here=False)
        starts.append(before)

    def look(*pids: int) -> bool:
        now[0] += actor_process.INSPECT_EVERY
        starts.extend(DEAD_FROM + pid for pid in pids)
        it.inspect_start(starts)
        return it.died is not None

    it.begin()
    assert not look() and not look(), "nothing has started since"
    assert not look(8) and not look() and not look()
    assert look(9, 10), "two have come and gone between two looks"
    it.begin()
    assert it.died is None
    assert not look(), "it was seen already"
    assert not look(11) and look(12)
    it.begin()
    assert not look(13) and not any(look() for _ in range(5)), "it takes its time"

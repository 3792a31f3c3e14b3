"""Whether the process of one actor is alive: its heartbeat, and what the kernel knows of the process.

A heartbeat is a call that the actor answers in a thread of its own, from any node of a cluster, however long its work
takes. An actor hangs when it gives no heartbeat and its process does nothing: it neither computes nor reads nor writes.
A process that computes counts as busy, however late it is. A process that is starved of CPU is ready to run and waits
in the kernel's run queue: it counts as busy, too. Both hold for a limited time (see `run.hang_deadline`). A stopped
process does nothing, whatever it did just before.
"""

import contextlib
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import ray
from ray.exceptions import RayError

from sensors.plugins import apply_setup

HEARTBEAT = "heartbeat"
"""Concurrency group of the heartbeat."""
BACKGROUND = "background"
"""Concurrency group of calls that are answered beside the work."""
BACKGROUND_METHODS = ("checkpoint", "give_up", "material", "share")
"""Methods of actors in that group."""
HEARTBEAT_EVERY = 0.5
"""Seconds between two heartbeats."""
INSPECT_EVERY = 1.0
"""Seconds between two inspections of a process."""
IDLE_SHARE = 0.05
"""Share of one core below which a process counts as idle: heartbeats and Ray's own threads take about 0.01."""
QUEUE_SHARE = 0.2
"""Share of the time for which one thread waits in the run queue, from which on a silent process counts as starved.
Single threads count, not their sum: on a crowded machine, the waits of many housekeeping threads add up to more,
although the thread that works sleeps."""
LONGEST_STEP = 1.0
"""Most seconds that count between two rounds of the supervisor: beyond them it did not watch."""
FETCH = 1.0
"""Seconds for reading a heartbeat that has arrived."""


class Clock:
    """Seconds for which the supervisor watched: a suspended machine or a delayed supervisor adds almost nothing."""

    def __init__(self) -> None:
        self._now = 0.0
        self._last = time.monotonic()

    def advance(self) -> float:
        """Add the time since the last call, `LONGEST_STEP` at most; returns the time."""
        now = time.monotonic()
        self._now += min(now - self._last, LONGEST_STEP)
        self._last = now
        return self._now

    def __call__(self) -> float:
        """The time at the last `advance`."""
        return self._now


def with_heartbeat(kind: Any, setup: Mapping[str, Any] | None = None) -> Any:
    """Add a method `heartbeat` to an actor class; neither it nor the `BACKGROUND_METHODS` wait for the actor's work.

    Args:
        kind: the class.
        setup: plugins and the senses' settings, which the actor applies before its own constructor (see
            `sensors.plugins.process_setup`). Without it, the actor knows the program's own senses with their defaults.
    """

    class Supervised(kind):  # type: ignore[misc]  # a class that is known at run time alone
        def __init__(self, *arguments: Any, **named: Any) -> None:
            if setup is not None:
                apply_setup(setup)
            super().__init__(*arguments, **named)

        @ray.method(concurrency_group=HEARTBEAT)
        def heartbeat(self) -> tuple[int, str, float]:
            """Process number, node, and seconds of processor time so far."""
            return os.getpid(), str(ray.get_runtime_context().get_node_id()), time.process_time()

    for name in BACKGROUND_METHODS:
        if hasattr(kind, name):
            setattr(Supervised, name, ray.method(concurrency_group=BACKGROUND)(_own(kind, name)))
    for name in ("__name__", "__qualname__", "__module__", "__doc__"):
        setattr(Supervised, name, getattr(kind, name))
    return Supervised


def _own(kind: Any, name: str) -> Any:
    """A method as a function of its own, which can be marked without marking the class's."""

    def call(self: Any, *arguments: Any, **named: Any) -> Any:
        return getattr(kind, name)(self, *arguments, **named)

    # No `functools.wraps`: Ray looks for its mark on what is wrapped.
    call.__name__, call.__doc__ = name, getattr(kind, name).__doc__
    return call


class Liveness:
    """Heartbeats and process of one actor.

    Args:
        clock: of the supervisor.
        node: of the supervisor; processes on this node are inspected, too.

    Attributes:
        process: of the actor, where it is known and on this node; else None.
        died: clock time at which its process was found gone; None while it lives.
        stopped_for: seconds for which a process that starts has been stopped; 0 when it is not.
        error: Ray's error of a failed heartbeat; None while heartbeats come.
    """

    def __init__(self, clock: Clock, node: str) -> None:
        self._clock, self._node = clock, node
        self.process: psutil.Process | None = None
        self._stopped_since: float | None = None
        # Process number last known, wherever the process is; that of the process before; restarts that Ray has counted.
        self._number = self._before = 0
        self._restarts: int | None = None
        self.begin()

    def begin(self) -> None:
        """Begin with a new process, of which nothing is known yet."""
        now = self._clock()
        self.died: float | None = None
        self.error: RayError | None = None
        self._stopped_since, self._restarts, self._before = None, None, self._number
        self._heard = self._active = self._inspected = now
        self._asked: Any = None
        self._next = now
        # Whether `process` is the present one: it may be the one before.
        self._known = False
        self._used, self._used_at, self._traffic = 0.0, now, 0
        self._queued: dict[str, float] = {}

    @property
    def silence(self) -> float:
        """Seconds since the last heartbeat."""
        return self._clock() - self._heard

    @property
    def idle(self) -> float:
        """Seconds since the process last did anything; on another node, without heartbeats, since they ceased."""
        return self._clock() - self._active

    @property
    def stopped(self) -> bool:
        """Whether the process is stopped (by SIGSTOP or a debugger)."""
        with contextlib.suppress(psutil.Error):
            states = (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
            return self.process is not None and self.process.status() in states
        return False

    def poll(self, handle: Any) -> None:
        """Receive a heartbeat that has come, ask for the next, inspect the process; never waits."""
        now = self._clock()
        if self._asked is not None and ray.wait([self._asked], timeout=0)[0]:
            answer, self._asked = self._asked, None
            try:
                pid, node, used = ray.get(answer, timeout=FETCH)
                self._receive(pid, node, used, now)
            except RayError as error:
                self.error = error
        if self._asked is None and now >= self._next and self.error is None:
            self._asked, self._next = handle.heartbeat.remote(), now + HEARTBEAT_EVERY
        if self._known and self.process is not None and now - self._inspected >= INSPECT_EVERY:
            since, self._inspected = now - self._inspected, now
            self._inspect(self.process, now, since)

    def poll_start(self, handle: Any) -> None:
        """Inspect the process of an actor that starts and gives no heartbeat yet: whether it is stopped, or died."""
        now = self._clock()
        if now - self._inspected < INSPECT_EVERY:
            return
        self._inspected = now
        told = ray_record(handle)
        self._count_restarts(told, now)
        if not self._adopt(told):
            self._stopped_since = None
            return
        self._stopped_since = (now if self._stopped_since is None else self._stopped_since) if self.stopped else None

    @property
    def stopped_for(self) -> float:
        """See the class."""
        return 0.0 if self._stopped_since is None else self._clock() - self._stopped_since

    def find(self, handle: Any) -> bool:
        """Ask Ray for the actor's present process; whether a process on this node is known."""
        return self._adopt(ray_record(handle))

    def _count_restarts(self, told: dict[str, Any], now: float) -> None:
        """Detect that an actor died while it starts: Ray tries again and again, and reports nothing."""
        restarts = told.get("NumRestarts")
        if restarts is None or told.get("Pid", 0) == self._before != 0:
            # Ray may still have to see the end of the process before, which counts as a restart, too.
            return
        if self._restarts is not None and restarts > self._restarts:
            self.died = now if self.died is None else self.died
        self._restarts = restarts

    def _adopt(self, told: dict[str, Any]) -> bool:
        """As `find`, from Ray's record."""
        self._number = told.get("Pid") or self._number
        found = process_of(told, self._node)
        if found is None:
            return self._known and self.process is not None
        if self.process is not None and self.process != found:
            # Of two processes of one actor, the earlier one is ending.
            with contextlib.suppress(psutil.Error):
                self.process.kill()
        self.process = found
        return True

    def gone(self) -> bool:
        """Whether the actor has no process left on this node."""
        return self.process is None or not _alive(self.process)

    def kill(self, patience: float) -> bool:
        """Kill the process on this node, stopped or not; whether it was known and ended within `patience` seconds."""
        if self.process is None:
            return False
        with contextlib.suppress(psutil.Error):
            self.process.kill()
            psutil.wait_procs([self.process], timeout=patience)
        return self.gone()

    def _receive(self, pid: int, node: str, used: float, now: float) -> None:
        self._heard, self._number = now, pid
        if node != self._node:
            self._measure(used, now)
            self.process = None
        elif not self._known or self.process is None or self.process.pid != pid:
            with contextlib.suppress(psutil.Error):
                self.process, self.died = psutil.Process(pid), None
        self._known = True

    def _measure(self, used: float, now: float) -> None:
        """Compare the processor time used so far, in seconds, with that of the last inspection."""
        if now - self._used_at < INSPECT_EVERY:
            return
        if not 0 <= used - self._used < IDLE_SHARE * (now - self._used_at):
            self._active = now
        self._used, self._used_at = used, now

    def _inspect(self, process: psutil.Process, now: float, since: float) -> None:
        try:
            if not _alive(process):
                self.died = now if self.died is None else self.died
                return
            states = _thread_states(process.pid)
            if states and set(states) <= {"T", "t"}:
                return
            times = process.cpu_times()
            self._measure(times.user + times.system, now)
            traffic, queued = _disk_bytes(process), _run_queue_waits(process.pid)
            waits = (seconds - self._queued[task] for task, seconds in queued.items() if task in self._queued)
            waited = max(waits, default=0.0)
            starved = self.silence > 2 and ("R" in states or waited >= QUEUE_SHARE * since)
            # A process that waits for a disk does not hang, nor does a silent one that is starved of CPU.
            if traffic != self._traffic or "D" in states or starved:
                self._active = now
            self._traffic, self._queued = traffic, queued
        except psutil.NoSuchProcess:
            self.died = now if self.died is None else self.died
        except psutil.Error:
            # A process that cannot be inspected is judged by its heartbeats alone.
            self.process = None


def ray_record(handle: Any) -> dict[str, Any]:
    """Ray's own record of an actor; empty if Ray has none.

    Ray's public interface describes actors that answer, or all of them through the dashboard, which a run may lack.
    This call takes long only when Ray's head does. Ray ends a process that cannot reach its head for a minute.
    """
    try:
        from ray._private.state import state

        return dict(state.actor_table(handle._actor_id.hex()) or {})
    except (ImportError, AttributeError, LookupError, TypeError, ValueError, RayError):
        return {}


def process_of(told: dict[str, Any], node: str) -> psutil.Process | None:
    """The actor's process by Ray's record, also before its constructor runs; None if it is on another node."""
    try:
        if told["Address"]["NodeID"] != node or told["State"] == "DEAD" or not told["Pid"]:
            return None
        process = psutil.Process(int(told["Pid"]))
        # The number of a dead process may belong to another one by now.
        return process if process.cmdline()[0].startswith("ray::") else None
    except (LookupError, TypeError, ValueError, psutil.Error):
        return None


def _alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _disk_bytes(process: psutil.Process) -> int:
    """Bytes that the process read from disks and wrote to them; 0 where the kernel does not tell."""
    try:
        counts: Any = process.io_counters()
    except (AttributeError, psutil.AccessDenied):
        return 0
    return int(counts.read_bytes + counts.write_bytes)


def _thread_states(pid: int) -> str:
    """The kernel's letter for each thread's state (R: runs or could, D: waits for a disk, S: sleeps); Linux only."""
    letters = ""
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                letters += (task / "stat").read_text().rpartition(")")[2].split()[0]
    return letters


def _run_queue_waits(pid: int) -> dict[str, float]:
    """Seconds for which each thread has waited in the run queue; Linux only, empty where the kernel does not tell.

    The kernel adds a wait when it is over. A wait that goes on shows in the thread's state alone.
    """
    seconds = {}
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError, IndexError, ValueError):
                seconds[task.name] = int((task / "schedstat").read_text().split()[1]) / 1e9
    return seconds

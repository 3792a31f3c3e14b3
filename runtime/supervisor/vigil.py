"""Whether one actor's process lives: a pulse apart from its work, and what its machine's kernel knows of it.

A pulse is a call in a thread of its own, so it is answered however long the work takes, from any node of a cluster.
An actor hangs when it gives no sign of life and does nothing: neither computes nor reads nor writes. Who computes is
busy, however late. Who is merely short of processor time is ready to run and stands in the kernel's queue, when it is
looked at or for a good part of the time between: it is borne as one that computes, which is not for ever (see
`run.hang_deadline`). Who is stopped does nothing, whatever it did just before.
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

PULSE = "pulse"
"""Concurrency group of the pulse."""
ASIDE = "aside"
"""Concurrency group of what is done beside the work."""
BESIDE = ("checkpoint", "give_up")
"""Methods of actors that are."""
PULSE_EVERY = 0.5
"""Seconds between two pulses."""
INSPECT_EVERY = 1.0
"""Seconds between two looks at a process."""
IDLE_SHARE = 0.05
"""Share of one core below which a process does nothing: pulses and Ray's own threads take about 0.01."""
QUEUE_SHARE = 0.2
"""Share of the time that any one thread of a silent process stands ready to run and gets no processor, from which on
the process is starved: its answer alone would take no longer than this on a machine with time to spare. The waits of
its many housekeeping threads add up to more on a crowded machine, though the one that works sleeps."""
LONGEST_LOOK = 1.0
"""Seconds that may lie between two looks of who watches; what is beyond was not watched, and nobody is to blame."""
FETCH = 1.0
"""Seconds in which a pulse that is there already must be read."""


class Clock:
    """Seconds that were watched: a suspended machine, or a supervisor that was itself held up, adds next to none."""

    def __init__(self) -> None:
        self._now = 0.0
        self._last = time.monotonic()

    def look(self) -> float:
        """Go on by what has passed since the last look, a second at most."""
        now = time.monotonic()
        self._now += min(now - self._last, LONGEST_LOOK)
        self._last = now
        return self._now

    def __call__(self) -> float:
        """The time at the last look."""
        return self._now


def watched(kind: Any, setup: Mapping[str, Any] | None = None) -> Any:
    """The actor class with a `pulse`, which its work does not hold up, and with its methods of `BESIDE` beside that.

    Args:
        kind: the class.
        setup: plugins and the senses' settings, which the actor applies before its own constructor (see
            `sensors.plugins.process_setup`); none: it knows the program's own senses with their defaults.
    """

    class Watched(kind):  # type: ignore[misc]  # a class that is known at run time alone
        def __init__(self, *arguments: Any, **named: Any) -> None:
            if setup is not None:
                apply_setup(setup)
            super().__init__(*arguments, **named)

        @ray.method(concurrency_group=PULSE)
        def pulse(self) -> tuple[int, str, float]:
            """Process number, node, and seconds of processor time so far."""
            return os.getpid(), str(ray.get_runtime_context().get_node_id()), time.process_time()

    for name in BESIDE:
        if hasattr(kind, name):
            setattr(Watched, name, ray.method(concurrency_group=ASIDE)(_own(kind, name)))
    for name in ("__name__", "__qualname__", "__module__", "__doc__"):
        setattr(Watched, name, getattr(kind, name))
    return Watched


def _own(kind: Any, name: str) -> Any:
    """A method as a function of its own, which can be marked without marking the class's."""

    def call(self: Any, *arguments: Any, **named: Any) -> Any:
        return getattr(kind, name)(self, *arguments, **named)

    # No `functools.wraps`: Ray looks for its mark on what is wrapped.
    call.__name__, call.__doc__ = name, getattr(kind, name).__doc__
    return call


class Vigil:
    """The signs of life of one actor.

    Args:
        clock: of who watches.
        node: where who watches is; processes there are looked at, too.

    Attributes:
        process: of the actor, where it is on this node and is known.
        died: clock time since when its process is gone; none while it is there.
        halted: seconds for which a process that starts has been stopped; 0 when it is not.
        error: what Ray said of a pulse that failed; none while pulses come.
    """

    def __init__(self, clock: Clock, node: str) -> None:
        self._clock, self._node = clock, node
        self.process: psutil.Process | None = None
        self._stood: float | None = None
        # Of the process last heard or told of, wherever it is; that of the one before; restarts told of since that.
        self._number = self._before = 0
        self._restarts: int | None = None
        self.begin()

    def begin(self) -> None:
        """Watch a process that has just begun its work; nothing is known of it."""
        now = self._clock()
        self.died: float | None = None
        self.error: RayError | None = None
        self._stood, self._restarts, self._before = None, None, self._number
        self._heard = self._active = self._inspected = now
        self._asked: Any = None
        self._next = now
        # The process that is known may be the one before.
        self._known = False
        self._used, self._used_at, self._traffic = 0.0, now, 0
        self._queued: dict[str, float] = {}

    @property
    def silence(self) -> float:
        """Seconds since the last pulse."""
        return self._clock() - self._heard

    @property
    def quiet(self) -> float:
        """Seconds since it last did anything; of a process on another node, of which nothing is heard, all of them."""
        return self._clock() - self._active

    @property
    def stopped(self) -> bool:
        """Whether somebody stopped the process (SIGSTOP, a debugger)."""
        with contextlib.suppress(psutil.Error):
            states = (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
            return self.process is not None and self.process.status() in states
        return False

    def look(self, handle: Any) -> None:
        """Hear the pulse that has come, ask for the next, look at the process; never waits."""
        now = self._clock()
        if self._asked is not None and ray.wait([self._asked], timeout=0)[0]:
            answer, self._asked = self._asked, None
            try:
                pid, node, used = ray.get(answer, timeout=FETCH)
                self._hear(pid, node, used, now)
            except RayError as error:
                self.error = error
        if self._asked is None and now >= self._next and self.error is None:
            self._asked, self._next = handle.pulse.remote(), now + PULSE_EVERY
        if self._known and self.process is not None and now - self._inspected >= INSPECT_EVERY:
            since, self._inspected = now - self._inspected, now
            self._inspect(self.process, now, since)

    def await_start(self, handle: Any) -> None:
        """Look at the process of one that starts, from which no pulse comes yet: whether it is stopped, or died."""
        now = self._clock()
        if now - self._inspected < INSPECT_EVERY:
            return
        self._inspected = now
        told = told_of(handle)
        self._count(told, now)
        if not self._take(told):
            self._stood = None
            return
        self._stood = (now if self._stood is None else self._stood) if self.stopped else None

    @property
    def halted(self) -> float:
        """See the class."""
        return 0.0 if self._stood is None else self._clock() - self._stood

    def find(self, handle: Any) -> bool:
        """Ask Ray for the process that is the actor now, pulses or not; whether one on this node is known."""
        return self._take(told_of(handle))

    def _count(self, told: dict[str, Any], now: float) -> None:
        """See whether one that starts died meanwhile: Ray tries again and again, and tells nobody."""
        restarts = told.get("NumRestarts")
        if restarts is None or told.get("Pid", 0) == self._before != 0:
            # Ray may still have to see the end of the one before, which counts as a restart, too.
            return
        if self._restarts is not None and restarts > self._restarts:
            self.died = now if self.died is None else self.died
        self._restarts = restarts

    def _take(self, told: dict[str, Any]) -> bool:
        """As `find`, of what Ray tells."""
        self._number = told.get("Pid") or self._number
        found = process_in(told, self._node)
        if found is None:
            return self._known and self.process is not None
        if self.process is not None and self.process != found:
            # Of two that bear one name the earlier one is on its way out, however it was sent there.
            with contextlib.suppress(psutil.Error):
                self.process.kill()
        self.process = found
        return True

    def gone(self) -> bool:
        """Whether no process of it is left on this node."""
        return self.process is None or not _alive(self.process)

    def kill(self, patience: float) -> bool:
        """End its process on this node, stopped or not; whether it was known and is gone within so many seconds."""
        if self.process is None:
            return False
        with contextlib.suppress(psutil.Error):
            self.process.kill()
            psutil.wait_procs([self.process], timeout=patience)
        return self.gone()

    def _hear(self, pid: int, node: str, used: float, now: float) -> None:
        self._heard, self._number = now, pid
        if node != self._node:
            self._measure(used, now)
            self.process = None
        elif not self._known or self.process is None or self.process.pid != pid:
            with contextlib.suppress(psutil.Error):
                self.process, self.died = psutil.Process(pid), None
        self._known = True

    def _measure(self, used: float, now: float) -> None:
        """Take in the processor time used so far."""
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
            states = _states(process.pid)
            if states and set(states) <= {"T", "t"}:
                return
            times = process.cpu_times()
            self._measure(times.user + times.system, now)
            traffic, queued = _traffic(process), _queued(process.pid)
            waits = (seconds - self._queued[task] for task, seconds in queued.items() if task in self._queued)
            waited = max(waits, default=0.0)
            starved = self.silence > 2 and ("R" in states or waited >= QUEUE_SHARE * since)
            # What waits for a disk, or in silence for its turn at the processor, is no hang.
            if traffic != self._traffic or "D" in states or starved:
                self._active = now
            self._traffic, self._queued = traffic, queued
        except psutil.NoSuchProcess:
            self.died = now if self.died is None else self.died
        except psutil.Error:
            # What cannot be looked at is judged by its pulses alone.
            self.process = None


def told_of(handle: Any) -> dict[str, Any]:
    """Ray's own account of an actor; empty if it has none.

    Ray's public interface tells of actors that answer, or through the dashboard, which a run may lack. What takes long
    is Ray's head, which ends whoever cannot reach it for a minute.
    """
    try:
        from ray._private.state import state

        return dict(state.actor_table(handle._actor_id.hex()) or {})
    except (ImportError, AttributeError, LookupError, TypeError, ValueError, RayError):
        return {}


def process_in(told: dict[str, Any], node: str) -> psutil.Process | None:
    """The process that is the actor, by Ray's account, from before its constructor runs; none on another node."""
    try:
        if told["Address"]["NodeID"] != node or told["State"] == "DEAD" or not told["Pid"]:
            return None
        process = psutil.Process(int(told["Pid"]))
        # The number of one that has died may be another's by now.
        return process if process.cmdline()[0].startswith("ray::") else None
    except (LookupError, TypeError, ValueError, psutil.Error):
        return None


def _alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _traffic(process: psutil.Process) -> int:
    """Bytes that it read from disks and wrote to them, where the kernel tells."""
    try:
        counts: Any = process.io_counters()
    except (AttributeError, psutil.AccessDenied):
        return 0
    return int(counts.read_bytes + counts.write_bytes)


def _states(pid: int) -> str:
    """The kernel's letters for what its threads do (R runs or could, D waits for a disk, S sleeps); Linux alone."""
    letters = ""
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                letters += (task / "stat").read_text().rpartition(")")[2].split()[0]
    return letters


def _queued(pid: int) -> dict[str, float]:
    """Seconds for which each of its threads stood ready to run and got no processor; Linux alone, where it is told.

    The kernel adds a wait when it is over: of one that goes on, the thread's state alone tells.
    """
    seconds = {}
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError, IndexError, ValueError):
                seconds[task.name] = int((task / "schedstat").read_text().split()[1]) / 1e9
    return seconds

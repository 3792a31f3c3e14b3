"""What the kernel knows of one actor's process: whether it lives, is stopped, and does anything.

A process that computes, reads or writes counts as busy, however late it is. A process that is starved of CPU is ready
to run and waits in the kernel's run queue: it counts as busy, too. Both hold for a limited time (see
`run.hang_deadline`). A stopped process does nothing, whatever it did just before.
"""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from runtime.supervisor.actors.clock import Clock

INSPECT_EVERY = 1.0
"""Seconds between two inspections of a process."""
IDLE_SHARE = 0.05
"""Share of one core below which a process counts as idle: heartbeats and Ray's own threads take about 0.01."""
QUEUE_SHARE = 0.2
"""Share of the time for which one thread waits in the run queue, from which on a silent process counts as starved.
Single threads count, not their sum: on a crowded machine, the waits of many housekeeping threads add up to more,
although the thread that works sleeps."""
STARVED_AFTER = 2.0
"""Seconds without a heartbeat after which a process may count as starved."""
STOPPED = (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)


class ActorProcess:
    """The process of one actor, where it is on this machine, and for how long it has done nothing.

    Args:
        clock: of the supervisor.

    Attributes:
        process: the process, where it is known and on this machine; else None.
        died: clock time at which it was found gone; None while it lives.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.process: psutil.Process | None = None
        # Process number last known, on whatever machine, and that of the process before.
        self._number = self._before = 0
        self.begin()

    def begin(self) -> None:
        """Begin with a new process, of which nothing is known yet; `process` is still the one before."""
        now = self._clock()
        self.died: float | None = None
        self._before, self._known = self._number, False
        self._starts: int | None = None
        self._stopped_since: float | None = None
        self._active = self._inspected = self._used_at = now
        self._used, self._traffic = 0.0, 0
        self._queued: dict[str, float] = {}

    @property
    def idle(self) -> float:
        """Seconds since the process last did anything; on another machine, without heartbeats, since they ceased."""
        return self._clock() - self._active

    @property
    def stopped(self) -> bool:
        """Whether the process is stopped (by SIGSTOP or a debugger)."""
        with contextlib.suppress(psutil.Error):
            return self.process is not None and self.process.status() in STOPPED
        return False

    @property
    def stopped_for(self) -> float:
        """Seconds for which a process that starts has been stopped; 0 when it is not."""
        return 0.0 if self._stopped_since is None else self._clock() - self._stopped_since

    # -- which process it is ------------------------------------------------------------

    def hear(self, pid: int, used: float, here: bool) -> None:
        """Take in a heartbeat.

        Args:
            pid: number of the process.
            used: its processor time so far, in seconds.
            here: whether it is on this machine.
        """
        self._number = pid
        if not here:
            self._measure(used, self._clock())
            self.process = None
        elif not self._known or self.process is None or self.process.pid != pid:
            with contextlib.suppress(psutil.Error):
                self.process, self.died = psutil.Process(pid), None
        self._known = True

    def find(self, starts: Sequence[int]) -> bool:
        """Take the newest process of those that have started; whether a process on this machine is known.

        Args:
            starts: process numbers that the actor has had, the newest last.
        """
        found = None
        if starts:
            self._number = starts[-1]
            # The number of a dead process may belong to another one by now.
            with contextlib.suppress(IndexError, psutil.Error):
                process = psutil.Process(starts[-1])
                found = process if process.cmdline()[0].startswith("ray::") else None
        if found is None:
            return self._known and self.process is not None
        if self.process is not None and self.process != found:
            # Of two processes of one actor, the earlier one is ending.
            with contextlib.suppress(psutil.Error):
                self.process.kill()
        self.process = found
        return True

    # -- what it does ------------------------------------------------------------

    def inspect_start(self, starts: Sequence[int]) -> None:
        """Look whether the process of an actor that starts, and gives no heartbeat yet, is stopped or has died.

        Args:
            starts: as of `find`.
        """
        now = self._clock()
        if now - self._inspected < INSPECT_EVERY:
            return
        self._inspected = now
        if starts and starts[-1] != self._before:
            # Ray restarts an actor that dies while it starts again and again, and reports nothing.
            if self._starts is not None and len(starts) > self._starts:
                self.died = now if self.died is None else self.died
            self._starts = len(starts)
        if not self.find(starts) or not self.stopped:
            self._stopped_since = None
        elif self._stopped_since is None:
            self._stopped_since = now

    def inspect(self, silence: float, doubtful: bool) -> None:
        """Look whether the process lives, and whether it has done anything since the last look.

        Args:
            silence: seconds since the actor's last heartbeat.
            doubtful: whether the actor may hang; only then are its threads looked at, each on its own.
        """
        now = self._clock()
        if not self._known or self.process is None or now - self._inspected < INSPECT_EVERY:
            return
        since, self._inspected = now - self._inspected, now
        try:
            if not _alive(self.process):
                self.died = now if self.died is None else self.died
            elif self.process.status() not in STOPPED:
                times = self.process.cpu_times()
                self._measure(times.user + times.system, now)
                if (traffic := _disk_bytes(self.process)) != self._traffic:
                    self._active, self._traffic = now, traffic
                if doubtful:
                    self._inspect_threads(self.process.pid, now, since, silence)
                else:
                    self._queued = {}
        except psutil.NoSuchProcess:
            self.died = now if self.died is None else self.died
        except psutil.Error:
            # A process that cannot be inspected is judged by its heartbeats alone.
            self.process = None

    def _measure(self, used: float, now: float) -> None:
        """Compare the processor time used so far, in seconds, with that of the last inspection."""
        if now - self._used_at < INSPECT_EVERY:
            return
        if not 0 <= used - self._used < IDLE_SHARE * (now - self._used_at):
            self._active = now
        self._used, self._used_at = used, now

    def _inspect_threads(self, pid: int, now: float, since: float, silence: float) -> None:
        """A process that waits for a disk does not hang, nor does a silent one that is starved of CPU."""
        states, queued = _thread_states(pid), _run_queue_waits(pid)
        waits = (seconds - self._queued[task] for task, seconds in queued.items() if task in self._queued)
        starved = "R" in states or max(waits, default=0.0) >= QUEUE_SHARE * since
        if "D" in states or (starved and silence > STARVED_AFTER):
            self._active = now
        self._queued = queued

    # -- its end ------------------------------------------------------------

    def gone(self) -> bool:
        """Whether the actor has no process left on this machine."""
        return self.process is None or not _alive(self.process)

    def kill(self, patience: float) -> bool:
        """Kill the process on this machine, stopped or not; whether it was known and ended within `patience` s."""
        if self.process is None:
            return False
        with contextlib.suppress(psutil.Error):
            self.process.kill()
            psutil.wait_procs([self.process], timeout=patience)
        return self.gone()


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


# The state of each thread and its waits in the run queue are read from /proc: psutil has the state of the first thread
# alone, and no waits. Without them, a process that other programs keep from the CPU, or that waits for a slow disk,
# would count as hung and be killed. The supervisor reads them only of actors that may hang.


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

"""When an actor hangs: the deadlines, as a calculation on what is known of one actor or of all.

An actor whose process does nothing hangs in two cases: it gives no heartbeat, or it gives heartbeats but its call takes
longer than expected (a deadlock). An actor that waits for another one that may hang is no case of the second kind.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

SILENT = 3.5
"""Seconds without a heartbeat and without work after which an actor counts as hung."""
IDLE = 3.0
"""Seconds without work after which a process counts as idle."""
SUSPECT = 1.5
"""Seconds without a heartbeat after which other actors may be waiting for this one in vain."""
DOUBTFUL = 1.0
"""Seconds without a heartbeat after which the threads of a process are looked at."""
STUCK = 2.5
"""Seconds beyond its expected time after which a call of an idle process counts as hung."""


@dataclass(frozen=True)
class Hang:
    """That an actor hangs.

    Attributes:
        seconds: for how long.
        why: how it shows.
    """

    seconds: float
    why: str


@dataclass(frozen=True)
class UnderWay:
    """The call of an actor that is under way.

    Attributes:
        method: of the actor.
        waited: seconds since it began.
        overrun: seconds beyond its expected time; 0 if the process has answered no such call before, since a first
            call may have to wait for devices.
    """

    method: str
    waited: float
    overrun: float


def find_hang(silence: float, idle: float, stopped: Callable[[], bool], call: UnderWay | None) -> Hang | None:
    """Whether an actor that has started hangs.

    Args:
        silence: seconds since its last heartbeat.
        idle: seconds since its process last did anything.
        stopped: tells whether the process is stopped; asked only when that makes a difference.
        call: under way; None without one, and where the actor may be waiting for another one in vain.
    """
    if silence >= SILENT and idle >= IDLE:
        what = "its process is stopped" if stopped() else "its process does nothing"
        return Hang(silence, f"no heartbeat for {silence:.0f} s, {what}")
    if call is not None and call.overrun >= STUCK and (seconds := min(idle, call.waited)) >= SILENT:
        return Hang(seconds, f"does nothing in {call.method} for {seconds:.0f} s")
    return None


def find_start_hang(stopped_for: float) -> Hang | None:
    """Whether an actor that starts hangs: its process is stopped. Otherwise it may take `run.start_deadline`."""
    if stopped_for < IDLE:
        return None
    return Hang(stopped_for, f"its process is stopped for {stopped_for:.0f} s while it starts")


def all_silent(silences: Sequence[float]) -> bool:
    """Whether no actor gives a heartbeat: the cause is this machine or its Ray, and restarts would not help.

    Args:
        silences: seconds since the last heartbeat of each actor that has started.
    """
    return len(silences) > 1 and min(silences) >= SILENT

"""Memory, disk and processes of the machine that the page runs on, looked at while somebody watches."""

import contextlib
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

LOOK_EVERY = 2.0
"""Seconds between two looks."""
MIB = 2**20


class ResourceUsage:
    """Looks at the run's machine; used in one thread.

    Args:
        directory: whose disk is looked at.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._next = 0.0
        self._told: dict[str, Any] = {}
        self._processes: dict[int, psutil.Process] = {}
        self._used: dict[int, tuple[float | None, float | None]] = {}

    def look(self, pids: Sequence[int]) -> dict[str, Any]:
        """Disk and memory, as the status tells them; looks again when it is time.

        Args:
            pids: process numbers of the run's actors on this machine.
        """
        now = time.monotonic()
        if now < self._next:
            return self._told
        self._next = now + LOOK_EVERY
        memory = psutil.virtual_memory()
        free = None
        with contextlib.suppress(OSError):
            free = round(shutil.disk_usage(self._directory).free / MIB, 1)
        self._told = {
            "disk_free_mib": free,
            "memory_used_mib": round((memory.total - memory.available) / MIB, 1),
            "memory_mib": round(memory.total / MIB, 1),
            "cpus": os.cpu_count(),
        }
        self._processes = {pid: self._processes.get(pid) or _process(pid) for pid in pids if _there(pid)}
        self._used = {pid: _use(process) for pid, process in self._processes.items()}
        return self._told

    def use(self, pid: int | None) -> Mapping[str, float | None]:
        """Memory (MiB) and processor time (cores) of an actor's process at the last look."""
        memory, cpu = (None, None) if pid is None else self._used.get(pid, (None, None))
        return {"memory_mib": memory, "cpu": cpu}


def _process(pid: int) -> psutil.Process:
    return psutil.Process(pid)


def _there(pid: int) -> bool:
    return psutil.pid_exists(pid)


def _use(process: psutil.Process) -> tuple[float | None, float | None]:
    try:
        with process.oneshot():
            return round(process.memory_info().rss / MIB, 1), round(process.cpu_percent() / 100, 3)
    except psutil.Error:
        return None, None

"""`launch.py` from outside, as a person runs it: its lines, its figures, its actors' processes, and its end."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

ROOT = Path(__file__).parents[2]


class Job:
    """One run of `launch.py` in a process group of its own; its lines are read as they come.

    Args:
        arguments: of `launch.py`.
        environment: changes to this program's own; RECIPROCAL_DATA is not passed on.

    Attributes:
        text: what it has printed so far, errors included.
        process: the supervisor.
        began: monotonic second of the start.
    """

    def __init__(self, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        inherited = {name: value for name, value in os.environ.items() if name != "RECIPROCAL_DATA"}
        self.began = time.monotonic()
        self.text = ""
        self.process = subprocess.Popen(
            [sys.executable, "-u", str(ROOT / "launch.py"), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=inherited | dict(environment or {}),
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, pattern: str, seconds: float) -> re.Match[str]:
        """Wait until what it prints matches.

        Raises:
            AssertionError: it does not in so many seconds, or the run has ended without.
        """
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.text)):
            assert time.monotonic() < end, f"no {pattern!r} within {seconds} s in:\n{self.text}"
            assert self.process.poll() is None, f"ended without {pattern!r}:\n{self.text}"
            time.sleep(0.1)
        return found

    def code(self, seconds: float) -> int:
        """Wait for its end by itself; the exit code.

        Raises:
            AssertionError: it has not ended in so many seconds; the message holds what it has printed.
        """
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still at work after {seconds} s:\n{self.text}") from None

    def family(self) -> list[psutil.Process]:
        """The supervisor and every process below it."""
        try:
            head = psutil.Process(self.process.pid)
            return [head, *head.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def stop(self, seconds: float = 60.0) -> float:
        """Ctrl-C, or SIGTERM where a run in the background ignores Ctrl-C; seconds until it had ended.

        Raises:
            AssertionError: another exit code than 0, or a process is left behind.
        """
        family = self.family()
        begun = time.monotonic()
        ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        self.process.send_signal(signal.SIGTERM if ignored else signal.SIGINT)
        assert self.process.wait(seconds) == 0, self.text
        took = time.monotonic() - begun
        self.close()
        _, alive = psutil.wait_procs(family, timeout=3)
        assert not alive, alive
        return took

    def kill(self) -> int:
        """SIGKILL to every process of the run at once; how many there were."""
        family = self.family()
        for process in family:
            try:
                process.suspend()  # or the supervisor would see its actors die
            except psutil.NoSuchProcess:
                continue
        family = self.family() or family
        for process in family:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(family, timeout=10)
        self.close()
        return len(family)

    def close(self) -> None:
        """End it at once if it still runs, and read what is left of its output; closing twice is fine."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        self._reader.join(10)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.text += line


def actors(run: Path) -> dict[str, psutil.Process]:
    """A run's actors that are alive on this machine: `learner`, `replay`, `monitor`, `teacher-0`, … -> process."""
    try:
        told = json.loads((run / "actors.json").read_text())
    except FileNotFoundError:
        return {}
    found = {}
    for name, number in told.items():
        try:
            process = psutil.Process(number)
            if process.status() != psutil.STATUS_ZOMBIE:
                found[name] = process
        except psutil.NoSuchProcess:
            continue
    return found


def figures(run: Path) -> list[dict[str, Any]]:
    """Every whole line of a run's `metrics.jsonl`, in order; empty before the first."""
    try:
        text = (run / "metrics.jsonl").read_text()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def latest(run: Path) -> dict[str, Any]:
    """The last value of every figure of a run."""
    found: dict[str, Any] = {}
    for line in figures(run):
        found |= line
    return found

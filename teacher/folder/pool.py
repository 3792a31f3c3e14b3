"""Files read by processes of their own, one a core, and one alone for few files.

Processes, not threads: Python code of a sense runs in one thread at a time, and a file on which its decoder breaks down
or hangs costs only that file.
"""

import contextlib
import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensors.core.errors import DataError
from sensors.core.modalities import modality
from sensors.plugins import process_setup
from sensors.system.rooms import child_process
from teacher.folder.reading import NOT_NOW

FILES_PER_PROCESS = 64
"""A second process pays off with twice as many: it takes a second to start."""
MOST_BREAKDOWNS = 3
"""Files in a row on which a process may break down, before this is no fault of the files."""
BREAKDOWN = "that their reader breaks down on"
"""Why such a file is left out."""
PATIENCE = 60.0
"""Seconds that a process may take for one file; then it is ended."""
LONGEST_START = 120.0
"""Seconds that it may take to start."""
TOO_LONG = "that their reader takes too long for"
"""Why a file is left out that takes longer."""
_TICK = 0.1


def read_files(
    name: str, paths: Sequence[Path], reach: Callable[[int], None], processes: int | None = None
) -> tuple[NDArray[Any], list[str]]:
    """Read the samples of files; those on which a process broke down are read once more, by a process of their own.

    Args:
        name: of the sense.
        paths: of the files.
        reach: called now and then with how many are done.
        processes: to read with; by default one for each core, while each has files enough.

    Returns:
        (N, *shape) samples, undefined where a file was left out, and (N) reasons, empty where it was not.

    Raises:
        DataError: a process cannot be started, or ends before its first file.
    """
    form = modality(name)
    samples = np.empty((len(paths), *form.shape), form.dtype)
    reasons = [""] * len(paths)
    if not paths:
        return samples, reasons
    if processes is None:
        processes = max(min(len(os.sched_getaffinity(0)), len(paths) // FILES_PER_PROCESS), 1)
    numbers = _Numbers(len(paths))
    readers = [_Reader(name) for _ in range(processes)]
    with ThreadPoolExecutor(processes) as pool, contextlib.ExitStack() as stack:
        # Closed before the pool waits for its threads: those find their process gone.
        for each in readers:
            stack.callback(each.close)
        stack.callback(numbers.close)
        working = [pool.submit(each.work, numbers, paths, samples, reasons) for each in readers]
        while True:
            done, busy = wait(working, _TICK, FIRST_EXCEPTION)
            reach(min(numbers.handed, len(paths)) - len(busy) if busy else len(paths))
            for future in done:
                future.result()
            if not busy:
                break
    # Several processes may have taken more memory than there is: then the files are not at fault.
    broken = [at for at, reason in enumerate(reasons) if reason == BREAKDOWN]
    if broken:
        samples[broken], told = read_apart(name, [paths[at] for at in broken])
        for at, reason in zip(broken, told, strict=True):
            reasons[at] = reason
    return samples, reasons


def read_apart(name: str, paths: Sequence[Path]) -> tuple[NDArray[Any], list[str]]:
    """As `read_files`, in one process apart from this one, which is made anew after each file that brings it down."""
    form = modality(name)
    samples = np.zeros((len(paths), *form.shape), form.dtype)
    reasons = [""] * len(paths)
    reading = _Reader(name)
    try:
        reading.work(_Numbers(len(paths)), paths, samples, reasons, most_breakdowns=len(paths))
    finally:
        reading.close()
    return samples, reasons


def passing(reason: str) -> bool:
    """Whether a file that was left out for this reason may be read another time, though it is the same."""
    return reason in (BREAKDOWN, TOO_LONG) or reason.startswith(NOT_NOW)


class _Numbers:
    """Hands each number below `count` to one of several threads."""

    def __init__(self, count: int) -> None:
        self.handed = 0
        self._count = count
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[int]:
        while True:
            with self._lock:
                if self.handed >= self._count:
                    return
                at, self.handed = self.handed, self.handed + 1
            yield at

    def close(self) -> None:
        """Hand out no more."""
        with self._lock:
            self._count = 0


class _Reader:
    """A process that reads files, made anew when a file brings it down.

    Args:
        name: of the sense.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._form = modality(name)
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._lock = threading.Lock()

    def work(
        self,
        numbers: _Numbers,
        paths: Sequence[Path],
        samples: NDArray[Any],
        reasons: list[str],
        most_breakdowns: int = MOST_BREAKDOWNS,
    ) -> None:
        """Read the files whose numbers are handed out, into `samples` and `reasons`."""
        breakdowns = 0
        for at in numbers:
            if (process := self._ready()) is None:
                return
            reasons[at], data = self._ask(process, paths[at])
            if reasons[at] in (BREAKDOWN, TOO_LONG):
                _end(process)
                if self._closed:
                    return
                self._process = None
                breakdowns += 1
                if breakdowns > most_breakdowns:
                    what = "breaks down on" if reasons[at] == BREAKDOWN else "takes too long for"
                    raise DataError(f"the reader of {self._name} {what} file after file, at last {paths[at]}")
                continue
            breakdowns = 0
            if not reasons[at]:
                samples[at] = np.frombuffer(data, self._form.dtype).reshape(self._form.shape)
        self.close()

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._closed = True
            process = self._process
        if process is not None:
            _end(process)

    def _ready(self) -> "subprocess.Popen[bytes] | None":
        """The process, started where there is none; None where it is to end."""
        with self._lock:
            if self._closed:
                return None
            if self._process is not None:
                return self._process
            try:
                # In a session of its own: Ctrl-C is for this process, which ends the others.
                process = subprocess.Popen(
                    **child_process("teacher.folder.worker"),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            except OSError as error:
                raise DataError(f"a process that reads files cannot be started ({error.strerror})") from None
            self._process = process
        setup = json.dumps({"process": process_setup(), "sense": self._name})
        if self._send(process, setup) and _answers(process, LONGEST_START) and (line := _line(process)):
            if why := json.loads(line):
                raise DataError(f"a process that reads files of {self._name} cannot begin ({why})")
            return process
        if self._closed:
            return None
        raise DataError("a process that reads files ended before its first file; free memory, or allow more processes")

    def _ask(self, process: "subprocess.Popen[bytes]", path: Path) -> tuple[str, bytes]:
        """What became of a file: the reason or an empty text, and the sample's bytes."""
        if not self._send(process, json.dumps(str(path))):
            return BREAKDOWN, b""
        if not _answers(process, PATIENCE):
            return TOO_LONG, b""
        if not (line := _line(process)):
            return BREAKDOWN, b""
        reason = json.loads(line)
        if reason:
            return reason, b""
        assert process.stdout is not None
        data = process.stdout.read(self._form.nbytes)
        return ("", data) if len(data) == self._form.nbytes else (BREAKDOWN, b"")

    @staticmethod
    def _send(process: "subprocess.Popen[bytes]", text: str) -> bool:
        assert process.stdin is not None
        try:
            process.stdin.write(text.encode() + b"\n")
            process.stdin.flush()
        except (OSError, ValueError):
            return False
        return True


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            if pipe is not None:
                pipe.close()


def _answers(process: "subprocess.Popen[bytes]", seconds: float) -> bool:
    """Wait until a process says something, or has ended; whether it did in time."""
    assert process.stdout is not None
    try:
        return bool(wait_for([process.stdout.fileno()], seconds))
    except (OSError, ValueError):  # closed by now
        return True


def _line(process: "subprocess.Popen[bytes]") -> bytes:
    assert process.stdout is not None
    try:
        return process.stdout.readline()
    except (OSError, ValueError):
        return b""

"""The file in which the actors' processes note that they start, by which the supervisor finds them before they answer.

A process that starts may be stopped, or die, long before it answers anything. Ray's public interface tells the process
of an actor only through the dashboard, which a run may lack. Therefore each process on the supervisor's machine appends
one line, `<actor> <process number>`, before it imports or makes anything of its own.

This module imports next to nothing: what runs first in a process must be ready soon.
"""

import os
import sys
from pathlib import Path

NAME = "starts.log"
"""Name of the file in the run directory."""


def note_start(path: Path, actor: str) -> None:
    """Append this process to the file, as the newest of `actor`.

    A line that cannot be written, as on a full disk, is no reason not to start: the supervisor then knows the process
    from its first heartbeat on, and `run.start_deadline` holds until then.
    """
    line = f"{actor} {os.getpid()}\n".encode()
    try:
        # One write of a few bytes at the end of a file is whole, whoever else appends to it.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)
    except OSError as error:
        print(f"{path}: {error.strerror}; the supervisor cannot see this process while it starts", file=sys.stderr)


class Starts:
    """Reads the file as it grows; starts noted for an earlier supervisor of the run are not read.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._found: dict[str, list[int]] = {}
        self._rest = b""
        self._at = path.stat().st_size if path.exists() else 0

    def of(self, actor: str) -> list[int]:
        """Process numbers of all starts of an actor, the newest last; empty where none is known."""
        self._read()
        return self._found.get(actor, [])

    def _read(self) -> None:
        try:
            if self.path.stat().st_size <= self._at:
                return
            with self.path.open("rb") as file:
                file.seek(self._at)
                new = file.read()
        except OSError:
            return  # no actor on this machine has started yet
        self._at += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        for line in lines:
            actor, _, number = line.decode(errors="replace").rpartition(" ")
            if number.isdigit():
                self._found.setdefault(actor, []).append(int(number))

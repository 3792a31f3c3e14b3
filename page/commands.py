"""Commands from the page to the supervisor: a bounded queue that the supervisor reads with its regular call."""

import threading
from collections import deque
from dataclasses import dataclass

from page.access.refusals import Refused

COMMANDS = ("checkpoint", "pause", "resume", "stop")
"""What a viewer may ask of the run."""
MOST = 8
"""Commands that may wait at one time."""


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        number: counts the commands of this page, from 1.
        name: one of `COMMANDS`.
    """

    number: int
    name: str


class Commands:
    """Takes commands from the web server's thread and gives them to the supervisor's calls."""

    def __init__(self) -> None:
        self._waiting: deque[Command] = deque()
        self._count = 0
        self._there = threading.Condition()
        self._closed = False

    def put(self, name: str) -> Command:
        """Add a command.

        Raises:
            Refused: there is no such command, or too many wait.
        """
        if name not in COMMANDS:
            raise Refused("bad_request", f"command {name[:40]!r}: expected one of {', '.join(COMMANDS)}")
        with self._there:
            if len(self._waiting) >= MOST:
                raise Refused("busy", f"{MOST} commands wait already; try again in a moment")
            self._count += 1
            command = Command(self._count, name)
            self._waiting.append(command)
            self._there.notify_all()
        return command

    def take(self, patience: float) -> list[Command]:
        """All commands that wait, after at most `patience` seconds in which there is none."""
        with self._there:
            self._there.wait_for(lambda: self._waiting or self._closed, patience)
            taken = list(self._waiting)
            self._waiting.clear()
        return taken

    def __len__(self) -> int:
        return len(self._waiting)

    def close(self) -> None:
        """Wait no longer."""
        with self._there:
            self._closed = True
            self._there.notify_all()

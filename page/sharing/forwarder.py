"""Passes on what browsers share, in a thread of its own: one exchange with the sensors at a time."""

import json
import threading
import time
from collections.abc import Sequence
from typing import Any, Protocol

from page.sharing.sharing_connections import SharedMessage, SharingConnections

TICK = 0.02
"""Seconds between two exchanges while somebody shares."""
IDLE = 0.5
"""Longest wait while nobody does."""
AGAIN = 1.0
"""Seconds before sensors that are not there are sought again."""
NO_SENSORS = "this run does not perceive: start it with --sensors browser, or --sensors live"
RESTARTING = "the sensors are being started; sharing goes on by itself"


class Sensors(Protocol):
    """The way to the sensors."""

    def ask(self, messages: Sequence[SharedMessage]) -> Any:
        """Begin an exchange; what to look for its answer with.

        Raises:
            Exception: there are no sensors.
        """

    def answer(self, pending: Any, seconds: float) -> tuple[bool, Any]:
        """Whether the answer came within so many seconds, and the answer.

        Raises:
            Exception: the sensors have died.
        """


class Forwarder:
    """Keeps exchanging until it is closed.

    Args:
        connections: of the page.
        sensors: the way to them.
        perceives: whether the run has sensors.
    """

    def __init__(self, connections: SharingConnections, sensors: Sensors, perceives: bool) -> None:
        self._connections, self._sensors, self._perceives = connections, sensors, perceives
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sharing", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._closing.set()
        self._thread.join(1.0)

    def _run(self) -> None:
        while not self._closing.is_set():
            if not len(self._connections) and not self._connections.wait(IDLE):
                continue
            if not self._perceives:
                self._connections.lose(self._connections.take(), "no_sensors")
                self._connections.give_all(_text("away", NO_SENSORS))
                self._closing.wait(AGAIN)
                continue
            began = time.monotonic()
            if not self._exchange():
                self._connections.give_all(_text("waiting", RESTARTING))
                self._closing.wait(AGAIN)
            self._closing.wait(max(0.0, TICK - (time.monotonic() - began)))

    def _exchange(self) -> bool:
        """One exchange; whether the sensors answered."""
        taken = self._connections.take()
        try:
            pending = self._sensors.ask(taken)
            done, replies = False, None
            while not done and not self._closing.is_set():
                # However late they are: a second exchange would only wait behind this one.
                done, replies = self._sensors.answer(pending, TICK)
        except Exception:  # Ray has many errors for an actor that is not there, dies, or is made anew
            self._connections.lose(taken, "sensors")
            return False
        if replies is not None:
            self._connections.give(replies)
        return True


def _text(kind: str, why: str) -> str:
    return json.dumps({"type": kind, "why": why})

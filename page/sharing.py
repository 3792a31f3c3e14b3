"""Passes on what browsers share, in a thread of its own: one exchange with the sensors at a time."""

import json
import threading
import time
from collections.abc import Sequence
from typing import Any, Protocol

from page.shares import Shared, Shares

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

    def ask(self, messages: Sequence[Shared]) -> Any:
        """Begin an exchange; what to look for its answer with.

        Raises:
            Exception: there are no sensors.
        """

    def answer(self, pending: Any, seconds: float) -> tuple[bool, Any]:
        """Whether the answer came within so many seconds, and the answer.

        Raises:
            Exception: the sensors have died.
        """


class Sharing:
    """Keeps exchanging until it is closed.

    Args:
        shares: of the page.
        sensors: the way to them.
        perceives: whether the run has sensors.
    """

    def __init__(self, shares: Shares, sensors: Sensors, perceives: bool) -> None:
        self._shares, self._sensors, self._perceives = shares, sensors, perceives
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sharing", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._closing.set()
        self._thread.join(1.0)

    def _run(self) -> None:
        while not self._closing.is_set():
            if not len(self._shares) and not self._shares.wait(IDLE):
                continue
            if not self._perceives:
                self._shares.lose(self._shares.take(), "no_sensors")
                self._shares.give_all(_text("away", NO_SENSORS))
                self._closing.wait(AGAIN)
                continue
            began = time.monotonic()
            if not self._exchange():
                self._shares.give_all(_text("waiting", RESTARTING))
                self._closing.wait(AGAIN)
            self._closing.wait(max(0.0, TICK - (time.monotonic() - began)))

    def _exchange(self) -> bool:
        """One exchange; whether the sensors answered."""
        taken = self._shares.take()
        try:
            pending = self._sensors.ask(taken)
            done, replies = False, None
            while not done and not self._closing.is_set():
                # However late they are: a second exchange would only wait behind this one.
                done, replies = self._sensors.answer(pending, TICK)
        except Exception:  # Ray has many errors for an actor that is not there, dies, or is made anew
            self._shares.lose(taken, "sensors")
            return False
        if replies is not None:
            self._shares.give(replies)
        return True


def _text(kind: str, why: str) -> str:
    return json.dumps({"type": kind, "why": why})

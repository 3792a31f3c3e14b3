"""A replay that answers by script and remembers what it stored."""

import os
import time
from typing import Any

from sensors.core.errors import EventError
from sensors.core.event import EventBatch
from tests.patience import wait_for

HELD = ".go"
"""What lets a replay go on that was told to hold."""


class ScriptedReplay:
    """Each answer is 'ok', 'fail' (stored, but the call fails), 'die', 'refuse', 'hold', sleep of s, or throttled ms.

    'hold' lasts until there is a file of the name `log` with `HELD` after it.
    """

    def __init__(self, script: list[tuple[str, float]], log: str) -> None:
        self._script = script
        self._log = log
        self._ids: set[tuple[str, int, int]] = set()

    def insert(self, batch: EventBatch) -> dict[str, Any]:
        action, value = self._script.pop(0) if self._script else ("ok", 0.0)
        if action == "throttle":
            return {"accepted": 0, "duplicate": 0, "throttled_ms": value}
        if action == "refuse":
            raise EventError("no such table")
        if action == "die" and not os.path.exists(self._log):
            with open(self._log, "w") as f:
                f.write("died")
            os._exit(1)
        if action == "sleep":
            time.sleep(value)
        if action == "hold":
            assert wait_for(lambda: os.path.exists(self._log + HELD))
        ids = {(batch.source, batch.generation, int(s)) for s in batch.seq}
        new = ids - self._ids
        self._ids |= new
        if action == "fail":
            raise ValueError("replay's disk is full")
        return {"accepted": len(new), "duplicate": len(ids) - len(new), "throttled_ms": 0.0}

    def ids(self) -> set[tuple[str, int, int]]:
        return self._ids

"""A replay that answers by script and remembers what it stored."""

import os
import time
from typing import Any

from sensors.errors import EventError
from sensors.event import EventBatch


class ScriptedReplay:
    """Each answer is 'ok', 'lose' (stored, but the call fails), 'die', 'refuse', seconds of sleep, or throttled ms."""

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
        ids = {(batch.source, batch.generation, int(s)) for s in batch.seq}
        new = ids - self._ids
        self._ids |= new
        if action == "fail":
            raise ValueError("replay's disk is full")
        return {"accepted": len(new), "duplicate": len(ids) - len(new), "throttled_ms": 0.0}

    def ids(self) -> set[tuple[str, int, int]]:
        return self._ids

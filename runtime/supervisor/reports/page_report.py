"""How a run is, as the page is told once a second."""

import contextlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from runtime.reporting.run_status import RunStatus
from runtime.reporting.terminal import Terminal
from runtime.supervisor.reports.record import Record
from runtime.supervisor.roles.role import Role


class PageReport:
    """Gathers what viewers are shown; see `page.feed.run_report.status_of`.

    Args:
        record: of the run, whose newest overview is told.
        status: of the run.
        newest: finds the newest checkpoint; None where there is none.
        terminal: whose notes are told.
        roles: by name; the same mapping that the supervisor has.
    """

    def __init__(
        self,
        record: Record,
        status: RunStatus,
        newest: Callable[[], Path | None],
        terminal: Terminal,
        roles: Mapping[str, Role],
    ) -> None:
        self._record, self._status, self._newest = record, status, newest
        self._terminal, self._roles = terminal, roles
        self._since: dict[str, tuple[str, float]] = {}

    def __call__(self, now: float) -> dict[str, Any]:
        """The report at a monotonic second, JSON-ready."""
        overview = self._record.overview
        told: dict[str, Any] = {"actors": [self._actor(name, role, now) for name, role in self._roles.items()]}
        told["paused"] = self._status.paused
        told["waiting"] = self._status.waiting
        told["checkpoint"] = checkpoint_of(self._newest())
        told["notes"] = [{"number": n, "at": at, "text": text} for n, at, text in self._terminal.history]
        if overview is None:
            return told
        return told | {
            "time_s": round(overview.time, 2),
            "learning_s": round(overview.learning, 2),
            "step": overview.step,
            "phase": overview.phase,
            "share": overview.share,
            "values": dict(overview.values),
            "exams": [
                {"title": exam.title, "exam": exam.exam, "judge": exam.judge, "crosses": exam.crosses}
                for exam in overview.exams
            ],
        }

    def _actor(self, name: str, role: Role, now: float) -> dict[str, Any]:
        state = role.actor.state
        if self._since.get(name, ("", 0.0))[0] != state:
            self._since[name] = (state, now)
        process = role.actor.process.process
        return {
            "name": name,
            "state": state,
            "since_s": round(now - self._since[name][1], 1),
            "restarts": int(self._status.counters.totals.get(f"restarts/{name}", 0)),
            "pid": None if process is None else process.pid,
            "fault": role.actor.fault,
        }


def checkpoint_of(newest: Path | None) -> dict[str, Any]:
    """Step and age, in seconds, of a checkpoint; nothing where there is none."""
    if newest is not None:
        with contextlib.suppress(OSError, ValueError, IndexError):
            step = int(newest.name.split("-")[1])
            return {"step": step, "age_s": round(max(0.0, time.time() - newest.stat().st_mtime), 1)}
    return {"step": None, "age_s": None}

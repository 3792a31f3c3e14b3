"""The role of the page: what the supervisor tells it, and what becomes of the commands that viewers give there."""

import threading
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from runtime.config.run_section import RunSection
from runtime.reporting.run_status import RunStatus
from runtime.supervisor.actors.supervised_actor import SupervisedActor
from runtime.supervisor.roles.role import PlannedCall, Role
from runtime.viewers.viewer_process import ViewerProcess

PAGE = "page"
"""Name of the actor."""
REPORT_EVERY = 1.0
"""Seconds between two reports to the page, where it has no command."""


class PageRole(Role):
    """Tells the page once a second how the run is, and takes the commands that it answers with.

    Args:
        remark: shows a note.
        stop: asks for a stop of the run.
        report: how the run is now, as `page.feed.run_report.status_of` takes it, given the monotonic second.
        viewer: follows the page in a process of its own; None: nobody does.
    """

    needed: ClassVar[bool] = False

    def __init__(
        self,
        actor: SupervisedActor,
        status: RunStatus,
        section: RunSection,
        remark: Callable[[str], None],
        stop: threading.Event,
        report: Callable[[float], Mapping[str, Any]],
        viewer: ViewerProcess | None = None,
    ) -> None:
        self._remark, self._stop, self._report, self._viewer = remark, stop, report, viewer
        self._entrance = ""
        super().__init__(actor, status, section)

    def first_calls(self) -> list[PlannedCall]:
        """Ask where the page is."""
        return [PlannedCall(name, patience=self.section.start_deadline) for name in ("describe", "entrance")]

    def regular_call(self, now: float) -> PlannedCall | None:
        """Tell how the run is, and wait a moment for commands."""
        return self._plan("run", REPORT_EVERY, self._report(now), expected=REPORT_EVERY)

    def on_answer(self, method: str, value: Any, now: float) -> None:
        """Show the address; take in figures and commands."""
        if method == "describe":
            before = self.status.facts.get(self.actor.name)
            self.status.facts[self.actor.name] = list(value)
            if before is not None and before != list(value):
                self._remark(value[0])
        elif method == "entrance":
            # Only on the screen: no file of the run holds the token.
            if value and value != self._entrance:
                self._entrance = value
                self._remark(f"open {value}")
            if self._viewer is not None:
                bare = self.status.facts[self.actor.name][0].split()[1]
                self._tell(self._viewer.open(value or bare))
        elif method == "run":
            if self._viewer is not None:
                self._tell(self._viewer.look())
            self.status.values |= value["figures"]
            for _, name in value["commands"]:
                self._obey(name)

    def _tell(self, line: str) -> None:
        if line:
            self._remark(line)

    def _obey(self, name: str) -> None:
        status = self.status
        if name == "pause" and not status.paused:
            status.paused = True
            self._remark("paused from the page: the learner takes no steps; all else goes on")
        elif name == "resume" and status.paused:
            status.paused = False
            self._remark("resumed from the page")
        elif name == "checkpoint":
            status.checkpoint_wanted = True
            self._remark("checkpoint asked for from the page")
        elif name == "stop":
            self._remark("stop asked for from the page")
            self._stop.set()

"""How far a run has come, as its checkpoints keep it beside the learner's and replay's parts."""

import time
from collections.abc import Mapping

from runtime.config.settings import RunConfig
from runtime.config.teaching import teachers_of
from runtime.reporting.phrases import counted_events
from runtime.reporting.run_status import RunStatus
from runtime.run_folder.rundir import RunDirectory
from runtime.supervisor.reports.record import Record
from runtime.supervisor.roles.role import Role
from runtime.supervisor.roles.teacher_role import TeacherRole, settle
from sensors.core.state import StateDict


class Progress:
    """Counters, times, and where each source stands.

    Args:
        status: of the run.
        record: keeps the run's clock.

    Attributes:
        cursors: source -> its saved place.
        generations: source -> its last generation.
    """

    def __init__(self, status: RunStatus, record: Record) -> None:
        self.cursors: dict[str, StateDict] = {}
        self.generations: dict[str, int] = {}
        self._status, self._record = status, record

    def state_dict(self, step: int, roles: Mapping[str, Role]) -> StateDict:
        """What goes into a checkpoint of `step`."""
        cursors = {name: role.cursor for name, role in roles.items() if isinstance(role, TeacherRole)}
        return {
            "version": 1,
            "time": self._record.time,
            "learned": self._status.learned(time.monotonic()),
            "step": step,
            "counters": self._status.counters.state_dict(),
            "cursors": self.cursors | {name: cursor for name, cursor in cursors.items() if cursor is not None},
            "generations": dict(self.generations),
        }

    def load_state_dict(self, state: StateDict) -> None:
        """Go on from a checkpoint."""
        self._record.advance(state["time"])
        self._status.counters.load_state_dict(state["counters"])
        settle(self._status.counters)
        self._status.step = self._status.steps_before = state["step"]
        self._status.learned_before = state["learned"]
        self.cursors, self.generations = state["cursors"], state["generations"]

    def begin_with_events(self, config: RunConfig, run: RunDirectory) -> str:
        """Go on with a run that has no checkpoint yet; a line that says so.

        Sources begin anew, and replay knows what it has of them. Teachers send the same events under the same ids, or,
        where the settings of what they teach were changed, in a generation that was never used. Sensors always take
        a new one.
        """
        names = [one.name for one in teachers_of(config.run)]
        self.generations = dict.fromkeys(names, run.saved.get("generation", 0) - 1)
        events = run.events
        stored = "the events that replay holds" if events is None else f"{counted_events(events)} in replay"
        return f"no checkpoint yet: learning begins at step 0, with {stored}"

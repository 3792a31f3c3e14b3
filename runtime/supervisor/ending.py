"""What becomes of a run whose sources have all ended."""

from collections.abc import Callable

from runtime.reporting.run_status import RunStatus
from runtime.supervisor.roles.learner_role import LearnerRole
from sensors.core.errors import SourceError


class Ending:
    """Reports once that no more events can come, and ends a run that then has nothing to learn from.

    Args:
        status: of the run.
        remark: shows a note.
    """

    def __init__(self, status: RunStatus, remark: Callable[[str], None]) -> None:
        self._status, self._remark = status, remark
        self._told = False

    def check(self, learner: LearnerRole) -> bool:
        """Whether a run that has learned before has nothing left to do.

        Raises:
            SourceError: nothing was ever learned, and with the events that came nothing can be.
        """
        status = self._status
        if not status.over:
            self._told = False
            return False
        if learner.starved:
            if status.step:
                self._remark(f"all sources have ended, and nothing is left to learn from: {status.waiting}")
                return True
            # Replay is asked only now and then. The answer of the sensors that says that they have ended also says how
            # many events were stored.
            if not any(status.values.get(name) for name in ("replay/inserted", "sensors/stored", "sensors/repeated")):
                raise SourceError(
                    "all sources have ended, and nothing in them was an event: no utterance, and no card held still;\n"
                    "docs/start/sensors.md says what counts as one"
                )
            raise SourceError(
                f"all sources have ended, and learning cannot begin: {status.waiting};\n"
                "the events that came are kept: resume the run with other sources or a lower --set learner.min_events"
            )
        if not self._told and not status.waiting and status.first_step_at is not None:
            self._told = True
            self._remark("all sources have ended: learning goes on with the events that there are")
        return False

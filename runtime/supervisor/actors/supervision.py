"""What all actors of a run share with the supervisor."""

from collections.abc import Callable
from dataclasses import dataclass

from runtime.config.run_section import RunSection
from runtime.reporting.run_status import RunStatus
from runtime.supervisor.actors.clock import Clock
from runtime.supervisor.actors.starts import Starts


@dataclass(frozen=True)
class Supervision:
    """What all actors of a run, and their roles, share with the supervisor.

    Attributes:
        section: settings of the run.
        status: of the run.
        remark: shows a note.
        clock: of the supervisor: time for which it did not watch does not count against an actor.
        node: of the supervisor.
        starts: processes that have started on that node.
    """

    section: RunSection
    status: RunStatus
    remark: Callable[[str], None]
    clock: Clock
    node: str
    starts: Starts

"""What a role is: which calls the supervisor makes to one kind of actor, and what the answers mean."""

from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from typing import Any, ClassVar

from runtime.config.run_section import RunSection
from runtime.reporting.metric import Metric
from runtime.reporting.run_status import RunStatus
from runtime.supervisor.actors.supervised_actor import SupervisedActor


@dataclass(frozen=True)
class PlannedCall:
    """A call to make: method, arguments, seconds of work, and seconds beyond them until the actor counts as hung."""

    method: str
    arguments: tuple[Any, ...] = ()
    expected: float = 0.0
    patience: float = 60.0


class Role(ABC):
    """What one actor is for: the calls made to it, and the effect of its answers on the run's status.

    Attributes:
        needed: whether the run ends when the actor fails too often; else it goes on without it.
        metrics: Ray metrics of the figures that the role makes, apart from those of the role that it extends.
    """

    needed: ClassVar[bool] = True
    metrics: ClassVar[tuple[Metric, ...]] = ()

    def __init__(self, actor: SupervisedActor, status: RunStatus, section: RunSection) -> None:
        self.actor = actor
        self.status = status
        self.section = section
        self.todo: deque[PlannedCall] = deque(self.first_calls())

    @abstractmethod
    def first_calls(self) -> list[PlannedCall]:
        """Calls to make after every start and restart."""

    @abstractmethod
    def regular_call(self, now: float) -> PlannedCall | None:
        """The next call of regular work; None when nothing is due."""

    @abstractmethod
    def on_answer(self, method: str, value: Any, now: float) -> None:
        """Take in the answer of a call."""

    def next(self, now: float) -> PlannedCall | None:
        """The next call to make; None when nothing is due."""
        return self.todo.popleft() if self.todo else self.regular_call(now)

    def begin(self) -> None:
        """Plan the first calls again."""
        self.todo = deque(self.first_calls())

    def on_restart(self) -> None:
        """Begin again after a restart."""
        self.begin()
        if self.actor.keeps_handle:
            return  # the change of process is counted instead
        self.status.counters.add(f"restarts/{self.actor.name}", 1)

    def _plan(self, method: str, *arguments: Any, expected: float = 0.0) -> PlannedCall:
        """A call; its patience is that of a start while the actor starts."""
        patience = self.section.call_deadline if self.actor.started else self.section.start_deadline
        return PlannedCall(method, arguments, expected, patience)

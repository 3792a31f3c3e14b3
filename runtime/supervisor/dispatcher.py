"""The supervisor's dealings with the actors: it takes in answers, makes the next calls, and restarts what failed."""

import time
from collections.abc import Sequence
from functools import partial

import ray
from ray.exceptions import RayActorError, RayError

from runtime.config.settings import RunConfig
from runtime.reporting.run_status import RunStatus
from runtime.reporting.terminal import Terminal
from runtime.run_folder.rundir import RunDirectory
from runtime.run_folder.shortage import RETRY, Shortage, full
from runtime.supervisor.actors.actor_errors import reason
from runtime.supervisor.actors.call import arrived
from runtime.supervisor.actors.clock import Clock
from runtime.supervisor.actors.supervised_actor import FETCH, Fault
from runtime.supervisor.assembly import shown_actors
from runtime.supervisor.outcome import RunFailure
from runtime.supervisor.reports.record import Record
from runtime.supervisor.roles.learner_role import LearnerRole
from runtime.supervisor.roles.role import Role
from runtime.supervisor.roles.teacher_role import TeacherRole
from sensors.core.errors import StateError, StorageError, UserError


class Dispatcher:
    """Asks the actors of one run by their roles, and hands their answers to the roles.

    Args:
        config: all settings.
        run: its directory, in which facts about the actors are written.
        terminal: what people see.
        status: of the run.
        record: of the run.
        shortage: takes what cannot be written.
        clock: of the supervisor.
        roles: by name; a role whose actor is given up is removed.
    """

    def __init__(
        self,
        config: RunConfig,
        run: RunDirectory,
        terminal: Terminal,
        status: RunStatus,
        record: Record,
        shortage: Shortage,
        clock: Clock,
        roles: dict[str, Role],
    ) -> None:
        self._section, self._run, self._terminal = config.run, run, terminal
        self._status, self._record, self._shortage, self._clock = status, record, shortage, clock
        self._roles = roles
        self._shown_actors = shown_actors(config)
        self._told, self._recorded = set[str](), set[str]()

    def poll(self, roles: Sequence[Role]) -> None:
        """Wait a moment for answers, take them in, restart failed actors, and make the next calls."""
        under_way = {role.actor.call.answer: role for role in roles if role.actor.call is not None}
        if under_way:
            ready, _ = ray.wait(list(under_way), num_returns=1, timeout=0.1)
            for answer in ready:
                self._take(under_way[answer])
        else:
            time.sleep(0.05)
        now = time.monotonic()
        self._clock.advance()
        actors = [role.actor for role in roles]
        for actor in actors:
            actor.observe()
        for role in roles:
            actor = role.actor
            if fault := actor.check(actors):
                self._failed(role, fault)
            elif actor.restart_at is not None:
                if actor.revive():
                    role.on_restart()
            elif actor.call is None and now >= actor.not_before and (planned := role.next(now)) is not None:
                actor.ask(planned.method, *planned.arguments, expected=planned.expected, patience=planned.patience)

    def _take(self, role: Role) -> None:
        actor = role.actor
        assert actor.call is not None
        method, back = actor.call.method, actor.started
        try:
            learning = self._status.first_step_at is not None
            value = actor.take_answer(learning, mistakes=role.needed or not learning)
        except StorageError as error:
            if not back or self._status.first_step_at is None:
                raise
            if isinstance(role, LearnerRole):
                # The learner writes nothing here, so free space would not help, and a paused learner gets no calls.
                self._failed(role, Fault(str(error)))
            elif full(error):
                self._ask_later(role, error)
            else:
                raise
            return
        except StateError as error:
            if method == "run" and isinstance(role, LearnerRole):
                raise RunFailure(str(error)) from None  # its numbers are no longer finite
            raise
        except RayError as error:
            cause = getattr(error, "cause", None)
            if actor.is_still_starting(error):
                role.begin()
                return
            at_work = back and self._status.first_step_at is not None and not isinstance(role, LearnerRole)
            if at_work and isinstance(cause, OSError) and full(cause):
                self._ask_later(role, cause)
            else:
                self._failed(role, Fault(reason(error), dead=isinstance(error, RayActorError)))
            return
        self._shortage.clear(actor.name)
        role.on_answer(method, value, time.monotonic())
        for name in set(self._status.facts) - self._told:
            self._told.add(name)
            for fact in self._status.facts[name] if name in self._shown_actors else []:
                self._terminal.note(fact)
        # Facts that could not be written are tried again.
        for name in self._told - self._recorded:
            if self._record.keep(f"facts of {name}", partial(self._run.record, **{name: self._status.facts[name]})):
                self._recorded.add(name)
        if self._status.datasets:
            self._record.keep("facts", partial(self._run.record_datasets, self._status.datasets))

    def _ask_later(self, role: Role, error: Exception) -> None:
        """An actor found no space for its files: it has not failed, and is asked again later."""
        role.actor.fault = " ".join(str(error).split())
        role.actor.not_before = time.monotonic() + RETRY
        self._shortage.note(role.actor.name, error)

    def _failed(self, role: Role, fault: Fault) -> None:
        actor = role.actor
        again = actor.put_down(fault)
        if not again and not role.needed:
            del self._roles[actor.name]
            self._terminal.remark(
                f"{actor.name}: {fault.why}; it failed {actor.failures} times, the run goes on without it"
            )
            return
        if not again:
            raise RunFailure(f"{actor.name} failed {actor.failures} times: {fault.why}")
        self._terminal.remark(f"{actor.name}: {fault.why}; restart {actor.failures} of {self._section.restarts}")

    def settle(self, roles: Sequence[Role], end: float) -> None:
        """Take in the answers that arrive until `end`, and make no further calls."""
        waited = {role.actor.call.answer: role for role in roles if role.actor.call is not None}
        for answer in arrived(list(waited), end):
            try:
                self._take(waited[answer])
            except (RunFailure, UserError) as error:
                self._terminal.remark(str(error))

    def read_cursors(self, end: float) -> None:
        """Read where every teacher and the sensors stand, as far as they answer until `end`."""
        roles = [r for r in self._roles.values() if isinstance(r, TeacherRole) and r.actor.started]
        asked = {role.actor.handle.state_dict.remote(): role for role in roles}
        for answer in arrived(list(asked), end):
            try:
                asked[answer].cursor = ray.get(answer, timeout=FETCH)
            except RayError as error:
                self._terminal.remark(f"{asked[answer].actor.name}: {reason(error)}")

"""Starts a run's actors, keeps them at work, sees them fail and brings them back, and stops them cleanly."""

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError

from runtime.board import Board
from runtime.rundir import RunDirectory
from runtime.settings import RunConfig
from runtime.shortage import RETRY, Shortage, full
from runtime.signals import StopSignals
from runtime.supervisor.assembly import assemble, speakers
from runtime.supervisor.cluster import RAY_PATIENCE, Cluster, check_resources
from runtime.supervisor.crew import FETCH, actor_class, arrived, reason
from runtime.supervisor.duties import assign
from runtime.supervisor.ending import Ending
from runtime.supervisor.outcome import Outcome, RunFailure
from runtime.supervisor.progress import Progress
from runtime.supervisor.record import FINAL, STARTING, Record
from runtime.supervisor.roles import LearnerRole, MonitorRole, Role, TeacherRole
from runtime.supervisor.saver import SaveError, Saver
from runtime.supervisor.sensor_role import SensorRole
from runtime.supervisor.vigil import Clock
from runtime.supervisor.watch import Watch
from runtime.terminal import Terminal
from sensors.core.errors import StateError, StorageError, UserError

STOP_WITHIN = 9.0
"""Seconds from the request to stop to the last process gone."""
CLOSE_PATIENCE = 1.5
"""Seconds of those that actors have to close."""
SETTLE = 1.5
"""Seconds of those that chunks under way have to end; a learner in a longer step holds the step before."""


class Supervisor:
    """One run from start to stop.

    Args:
        config: all settings.
        run: its directory, locked.
        terminal: what people see.
        signals: asks for a stop.
        cluster: Ray, begun to start.
        cast: role -> actor class or `module:Class`.

    Raises:
        UserError: from any actor, when what the user gave turns out wrong; what was learned is saved before.
    """

    def __init__(
        self,
        config: RunConfig,
        run: RunDirectory,
        terminal: Terminal,
        signals: StopSignals,
        cluster: Cluster,
        cast: Mapping[str, Any],
    ) -> None:
        self.board = Board()
        self.roles: dict[str, Role] = {}
        self._config, self._run, self._terminal = config, run, terminal
        self._signals, self._stop = signals, signals.requested
        self._cluster, self._cast = cluster, cast
        self._phase = "starting"
        self._began = time.monotonic()
        self._saver = Saver(run)
        self._concluded = False
        self._speakers = speakers(config)
        self._told, self._recorded = set[str](), set[str]()
        self._next_save = 0.0
        self._shortage = Shortage(run.path, terminal.remark)
        self._record = Record(config, run, terminal, self.board, self._shortage)
        self._clock = Clock()
        self._watch = Watch(config.run, self.board, terminal.remark)
        self._progress = Progress(self.board, self._record)
        self._ending = Ending(self.board, terminal.remark)
        if not run.fresh:
            if (state := self._saver.load()) is not None:
                self._progress.load_state_dict(state)
            else:
                terminal.note(self._progress.begin_with_events(config, run))

    def run(self) -> Outcome:
        """Work until the run's end or a request to stop; leaves a checkpoint and closed actors."""
        problem, mistake = "", None
        try:
            try:
                if self._start():
                    problem = self._work()
            except RunFailure as failure:
                problem = str(failure)
            except UserError as error:
                mistake = error
            self._phase = "stopping"
            began = time.monotonic()
            self._record.draw(began, self._phase, self.roles)
            try:
                self._finish(began + STOP_WITHIN - CLOSE_PATIENCE - RAY_PATIENCE)
            except (SaveError, RunFailure, UserError) as error:
                newest = self._saver.newest
                stands = "there is none" if newest is None else f"the last one, {newest.name}, stands"
                problem = problem or f"no checkpoint at the end: {error}; {stands}"
        finally:
            self._close()
        if mistake is not None:
            raise mistake
        learned = self.board.learned(time.monotonic())
        return Outcome(self.board.step, learned, self._saver.newest, problem, begun=bool(self.roles))

    # -- start ------------------------------------------------------------

    def _start(self) -> bool:
        """Bring up Ray and all actors at once; False when a stop was asked for meanwhile."""
        for line in self._saver.skipped:
            self._terminal.note(line)
        classes = {role: actor_class(c) if isinstance(c, str) else c for role, c in self._cast.items()}
        while not self._cluster.ready(0.1):
            if self._stop.is_set():
                return False
        # Ray's native part takes SIGTERM for itself while it starts.
        self._signals.arm()
        for line in self._cluster.describe():
            self._terminal.note(line)
        gpus = check_resources(*self._cluster.resources(), self._config.learner.device)
        here = (self._cluster.here(), self._cluster.joined)
        crew = assemble(self._config, self._run.path, classes, gpus, *here, self._clock, self._progress.generations)
        known = (self.board, self._config.run, self._progress.cursors, lambda: self._saver.newest)
        self.roles |= assign(crew, *known, self._terminal.remark, self._record.fresh)
        return True

    # -- work ------------------------------------------------------------

    def _work(self) -> str:
        """The event loop: answers in, next calls out, until the run's end; returns what went wrong there."""
        learner = self.roles["learner"]
        assert isinstance(learner, LearnerRole)
        self._phase = STARTING
        while not self._stop.is_set():
            self._attend(list(self.roles.values()))
            now = time.monotonic()
            self._observe(now)
            if self._ending.look(learner):
                return self._conclude()
            share = self.board.share(self._config.run, now)
            # The chunk under way counts: checkpoint, figures and exam are all of the step that it ends at.
            if share is not None and share >= 1.0 and learner.resting:
                return self._conclude()
        return ""

    def _attend(self, roles: list[Role]) -> None:
        """Wait a moment for any answer, take in what is there, and ask for what is next."""
        under_way = {role.member.call.answer: role for role in roles if role.member.call is not None}
        if under_way:
            ready, _ = ray.wait(list(under_way), num_returns=1, timeout=0.1)
            for answer in ready:
                self._take(under_way[answer])
        else:
            time.sleep(0.05)
        now = time.monotonic()
        self._clock.look()
        for role, why, dead in self._watch.look(roles):
            self._failed(role, why, dead)
        for role in roles:
            member = role.member
            if why := member.overdue:
                self._failed(role, why)
            elif member.down_until is not None:
                if member.revive():
                    role.restarted()
            elif member.call is None and now >= member.not_before and (ask := role.next(now)) is not None:
                member.ask(ask.method, *ask.arguments, expected=ask.expected, patience=ask.patience)

    def _take(self, role: Role) -> None:
        member = role.member
        assert member.call is not None
        method, back = member.call.method, member.started
        try:
            value = member.take(learning=self.board.first_step_at is not None)
        except StorageError as error:
            if not back or self.board.first_step_at is None:
                raise
            if isinstance(role, LearnerRole):
                # It writes nothing: room would not help it, and while it is held it is never asked again.
                self._failed(role, str(error))
            elif full(error):
                self._hold(role, error)
            else:
                raise
            return
        except StateError as error:
            if method == "run" and isinstance(role, LearnerRole):
                raise RunFailure(str(error)) from None  # its numbers are no longer finite
            raise
        except RayError as error:
            cause = getattr(error, "cause", None)
            if member.still_to_come(error):
                role.begin()
                return
            held = back and self.board.first_step_at is not None and not isinstance(role, LearnerRole)
            if held and isinstance(cause, OSError) and full(cause):
                self._hold(role, cause)
            else:
                self._failed(role, reason(error), dead=isinstance(error, RayActorError))
            return
        self._shortage.clear(member.name)
        if not back and member.failures:
            self.board.values[f"recovered_s/{member.name}"] = time.monotonic() - member.failed_at
        role.hear(method, value, time.monotonic())
        for name in set(self.board.facts) - self._told:
            self._told.add(name)
            for fact in self.board.facts[name] if name in self._speakers else []:
                self._terminal.note(fact)
        # What found no room is tried again.
        for name in self._told - self._recorded:
            if self._record.keep(f"facts of {name}", partial(self._run.record, **{name: self.board.facts[name]})):
                self._recorded.add(name)
        if self.board.datasets:
            self._record.keep("facts", partial(self._run.record_datasets, self.board.datasets))

    def _hold(self, role: Role, error: Exception) -> None:
        """An actor found no room for what it writes: that is no fault of its own, and it is asked again."""
        role.member.fault = " ".join(str(error).split())
        role.member.not_before = time.monotonic() + RETRY
        self._shortage.note(role.member.name, error)

    def _failed(self, role: Role, why: str, dead: bool = False) -> None:
        member = role.member
        member.fault = why
        if dead:
            self._watch.notice(member)
        again = member.fail()
        if not dead:
            member.put_down()
        if not again:
            raise RunFailure(f"{member.name} failed {member.failures} times: {why}")
        self._terminal.remark(f"{member.name}: {why}; restart {member.failures} of {self._config.run.restarts}")

    def _conclude(self) -> str:
        """The run's own end: a checkpoint, then the final exam; returns what went wrong with the exam."""
        self._phase = FINAL
        self.board.resting_since = time.monotonic()
        self._await_saver()
        if self.board.first_step_at is not None and not self._stop.is_set():
            self._read_cursors(time.monotonic() + self._config.run.chunk + 1.0)
            # What fails is told, and tried once more at the very end.
            self._save(time.monotonic() + self._config.run.call_deadline, aside=True)
            self._await_saver()
        self._concluded = True
        return self._final_exam()

    def _await_saver(self) -> None:
        """See a checkpoint under way through; a stop that is asked for meanwhile need not wait."""
        while self._saver.busy and not self._stop.wait(0.05):
            self._observe(time.monotonic())
        self._observe(time.monotonic())

    def _final_exam(self) -> str:
        """All test data, once; the others rest, and what they are still at is not waited for."""
        role = self.roles["monitor"]
        assert isinstance(role, MonitorRole)
        for other in self.roles.values():
            if other is not role:
                other.member.call = None
        role.conclude()
        asked = False
        while not self._stop.is_set() and not role.graded:
            self._attend([role])
            self._observe(time.monotonic())
            call = role.member.call
            if asked and not role.member.started:
                return f"the final exam failed: {role.member.fault}"
            asked = asked or (call is not None and call.method == "final")
        return ""

    # -- checkpoints ------------------------------------------------------------

    def _observe(self, now: float) -> None:
        """Write figures, redraw, and save, each when it is due."""
        board, section = self.board, self._config.run
        if self._phase == STARTING and board.first_step_at is not None:
            self._phase = "learning"
            self._next_save = now + 1.0
            self._terminal.remark(f"first step after {now - self._began:.1f} s")
        self._record.observe(now, self._phase, self.roles)
        error = self._saver.take_error()
        if isinstance(error, StorageError):
            self._shortage.note("checkpoint", error, self._saver.size)
        elif error is not None:
            self._terminal.remark(f"checkpoint failed: {error}")
        if self._saver.take_done():
            self._shortage.clear("checkpoint")
            if self._saver.stall_ms is not None:
                board.values["learner/checkpoint_stall_ms"] = self._saver.stall_ms
        board.hold(bool(self._shortage), now)
        learner = self.roles["learner"].member
        # One that was just made anew has not restored what it is to save.
        if board.first_step_at is None or self._phase != "learning" or self._saver.busy or not learner.started:
            return
        if self._shortage.may_try() if "checkpoint" in self._shortage else now >= self._next_save:
            self._next_save = now + section.checkpoint_every
            self._save(now + section.call_deadline, aside=True)

    def _save(self, end: float, aside: bool = False) -> None:
        learner, replay = self.roles["learner"].member.handle, self.roles["replay"].member.handle
        save = self._saver.begin if aside else self._saver.save
        state = partial(self._progress.state_dict, roles=self.roles)
        save(learner, replay, self.board.step, self._record.time, state, end)

    # -- stop ------------------------------------------------------------

    def _finish(self, end: float) -> None:
        """The last figures, and the last checkpoint if the learner has anything to save."""
        if self._saver.busy:
            self._saver.hurry()
            self._saver.join(end)
        hurried = self._saver.take_done()
        sensors = [r for r in self.roles.values() if isinstance(r, SensorRole) and r.member.started]
        self._settle(list(sensors), end - 2.0)
        self._settle([role.part() for role in sensors], end - 2.0)
        learner = self.roles.get("learner")
        if learner is None or not learner.member.started:
            return
        # Before the first step: so that sources, too, go on where they were.
        early = self.board.first_step_at is None
        if early and (self._saver.newest is not None or self._run.events == 0):
            return
        if self._concluded and self._saver.has(self.board.step):
            return
        # The chunks under way count: checkpoint and figures bear what they end at.
        replay = self.roles["replay"]
        workers = [r for r in self.roles.values() if r.member.started and not isinstance(r, MonitorRole)]
        self._settle(workers, min(time.monotonic() + SETTLE, end - 1.0))
        if replay.member.started and replay.member.call is None:
            replay.member.ask("stats", expected=0.0, patience=1.0)
        self._settle([replay], min(time.monotonic() + 0.5, end - 1.0))
        if hurried and self._saver.has(self.board.step) and learner.member.call is not None:
            return  # it is still at the step that could not be waited for
        self._read_cursors(min(time.monotonic() + 1.0, end - 1.0))
        try:
            self._save(end)
        except (SaveError, StorageError) as error:
            if not early:
                raise
            # Nothing is lost by it: the events are in replay's files.
            self._terminal.remark(f"no checkpoint before the first step: {error}")
        self.board.step = max(self.board.step, self._saver.step)

    def _settle(self, roles: list[Role], end: float) -> None:
        """Take in the answers under way that come until `end`, and ask for nothing more."""
        waited = {role.member.call.answer: role for role in roles if role.member.call is not None}
        for answer in arrived(list(waited), end):
            try:
                self._take(waited[answer])
            except (RunFailure, UserError) as error:
                self._terminal.remark(str(error))

    def _read_cursors(self, end: float) -> None:
        roles = [r for r in self.roles.values() if isinstance(r, TeacherRole) and r.member.started]
        asked = {role.member.handle.state_dict.remote(): role for role in roles}
        for answer in arrived(list(asked), end):
            try:
                asked[answer].cursor = ray.get(answer, timeout=FETCH)
            except RayError as error:
                self._terminal.remark(f"{asked[answer].member.name}: {reason(error)}")

    def _close(self) -> None:
        """Ask all actors to close, wait a moment, and write what figures there are."""
        asked = {role: role.member.handle.close.remote() for role in self.roles.values()}
        # Who is still at something hears of it when that is done, which may be long after.
        answers = [answer for role, answer in asked.items() if role.member.call is None]
        if answers:
            ray.wait(answers, num_returns=len(answers), timeout=CLOSE_PATIENCE)
        try:
            if self.roles:
                self._record.tick(time.monotonic(), self.roles)
        finally:
            self._record.close()

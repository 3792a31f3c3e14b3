"""Starts the actors of a run, keeps them at work, restarts them after failures, and stops them cleanly."""

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import ray

from runtime.command.signals import StopSignals
from runtime.config.settings import RunConfig
from runtime.reporting.run_status import RunStatus
from runtime.reporting.terminal import Terminal
from runtime.run_folder.rundir import RunDirectory
from runtime.run_folder.shortage import Shortage
from runtime.supervisor.actors.actor_wrapper import actor_class
from runtime.supervisor.actors.clock import Clock
from runtime.supervisor.actors.starts import NAME as STARTS
from runtime.supervisor.actors.starts import Starts
from runtime.supervisor.actors.supervised_actor import SupervisedActor
from runtime.supervisor.actors.supervision import Supervision
from runtime.supervisor.assembly import assemble
from runtime.supervisor.cluster import RAY_PATIENCE, Cluster, check_resources
from runtime.supervisor.dispatcher import Dispatcher
from runtime.supervisor.ending import Ending
from runtime.supervisor.outcome import Outcome, RunFailure
from runtime.supervisor.progress import Progress
from runtime.supervisor.reports.page_report import PageReport
from runtime.supervisor.reports.record import FINAL, STARTING, Record
from runtime.supervisor.roles.learner_role import LearnerRole
from runtime.supervisor.roles.monitor_role import MonitorRole
from runtime.supervisor.roles.page_role import PageRole
from runtime.supervisor.roles.role import Role
from runtime.supervisor.roles.sensor_role import SensorRole
from runtime.supervisor.saver import SaveError, Saver
from runtime.viewers.viewer_process import ViewerProcess
from sensors.core.errors import StorageError, UserError

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
        actor_classes: role -> actor class or `module:Class`.

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
        actor_classes: Mapping[str, Any],
    ) -> None:
        self.status = RunStatus()
        self.roles: dict[str, Role] = {}
        self._config, self._run, self._terminal = config, run, terminal
        self._signals, self._stop = signals, signals.requested
        self._cluster, self._actor_classes = cluster, actor_classes
        self._phase = "starting"
        where = config.run.rerun
        self._viewer = None if where is None else ViewerProcess(where, run.path.name)
        self._began = time.monotonic()
        self._saver = Saver(run)
        self._concluded = False
        self._next_save = 0.0
        self._shortage = Shortage(run.path, terminal.remark)
        self._record = Record(config, run, terminal, self.status, self._shortage)
        self._clock = Clock()
        parts = (terminal, self.status, self._record, self._shortage, self._clock)
        self._dispatcher = Dispatcher(config, run, *parts, self.roles)
        self._progress = Progress(self.status, self._record)
        self._ending = Ending(self.status, terminal.remark)
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
        learned = self.status.learned(time.monotonic())
        return Outcome(self.status.step, learned, self._saver.newest, problem, begun=bool(self.roles))

    # -- start ------------------------------------------------------------

    def _start(self) -> bool:
        """Bring up Ray and all actors at once; False when a stop was asked for meanwhile."""
        for line in self._saver.skipped:
            self._terminal.note(line)
        for target in self._actor_classes.values():
            actor_class(target)  # imports torch and the like while Ray starts
        while not self._cluster.ready(0.1):
            if self._stop.is_set():
                return False
        # Ray's native part takes SIGTERM for itself while it starts.
        self._signals.arm()
        for line in self._cluster.describe():
            self._terminal.note(line)
        gpus = check_resources(*self._cluster.resources(), self._config.learner.device)
        here, starts = self._cluster.here(), Starts(self._run.path / STARTS)
        shared = Supervision(self._config.run, self.status, self._terminal.remark, self._clock, here, starts)
        told = (self._config, self._run.path, self._actor_classes, gpus, self._cluster.joined, shared)
        places = (self._progress.cursors, self._progress.generations, lambda: self._saver.newest)
        self.roles |= assemble(*told, *places, self._record.fresh, self._page_role)
        return True

    def _page_role(self, actor: SupervisedActor) -> PageRole:
        report = PageReport(self._record, self.status, lambda: self._saver.newest, self._terminal, self.roles)
        return PageRole(actor, self.status, self._config.run, self._terminal.remark, self._stop, report, self._viewer)

    # -- work ------------------------------------------------------------

    def _work(self) -> str:
        """The event loop: answers in, next calls out, until the run's end; returns what went wrong there."""
        learner = self.roles["learner"]
        assert isinstance(learner, LearnerRole)
        self._phase = STARTING
        while not self._stop.is_set():
            self._dispatcher.poll(list(self.roles.values()))
            now = time.monotonic()
            self._observe(now)
            if self._ending.check(learner):
                return self._conclude()
            share = self.status.share(self._config.run, now)
            # The chunk under way counts: checkpoint, figures and exam are of the step at which it ends.
            if share is not None and share >= 1.0 and learner.resting:
                return self._conclude()
        return ""

    def _conclude(self) -> str:
        """The run's own end: a checkpoint, then the final exam; returns what went wrong with the exam."""
        self._phase = FINAL
        self.status.resting_since = time.monotonic()
        self._await_saver()
        if self.status.first_step_at is not None and not self._stop.is_set():
            self._dispatcher.read_cursors(time.monotonic() + self._config.run.chunk + 1.0)
            # A failure is shown, and the checkpoint is tried once more at the end.
            self._save(time.monotonic() + self._config.run.call_deadline, aside=True)
            self._await_saver()
        self._concluded = True
        return self._final_exam()

    def _await_saver(self) -> None:
        """Wait for a checkpoint under way; a request to stop ends the wait."""
        while self._saver.busy and not self._stop.wait(0.05):
            self._observe(time.monotonic())
        self._observe(time.monotonic())

    def _final_exam(self) -> str:
        """Examine once, on all test data; the other actors rest, and their calls under way are not waited for."""
        role = self.roles["monitor"]
        assert isinstance(role, MonitorRole)
        # Viewers see how far the exam is, and may stop the run.
        at_work = MonitorRole | PageRole
        for other in self.roles.values():
            if not isinstance(other, at_work):
                other.actor.call = None
        role.conclude()
        asked = False
        while not self._stop.is_set() and not role.graded:
            self._dispatcher.poll([other for other in self.roles.values() if isinstance(other, at_work)])
            self._observe(time.monotonic())
            call = role.actor.call
            if asked and not role.actor.started:
                return f"the final exam failed: {role.actor.fault}"
            asked = asked or (call is not None and call.method == "final")
        return ""

    # -- checkpoints ------------------------------------------------------------

    def _observe(self, now: float) -> None:
        """Write figures, redraw, and save, each when it is due."""
        status, section = self.status, self._config.run
        if self._phase == STARTING and status.first_step_at is not None:
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
                status.values["learner/checkpoint_stall_ms"] = self._saver.stall_ms
        status.suspend(bool(self._shortage) or status.paused, now)
        learner = self.roles["learner"].actor
        # A restarted learner has not yet restored what it is to save.
        if status.first_step_at is None or self._phase != "learning" or self._saver.busy or not learner.started:
            return
        due = status.checkpoint_wanted or now >= self._next_save
        if self._shortage.may_try() if "checkpoint" in self._shortage else due:
            self._next_save, status.checkpoint_wanted = now + section.checkpoint_every, False
            self._save(now + section.call_deadline, aside=True)

    def _save(self, end: float, aside: bool = False) -> None:
        learner, replay = self.roles["learner"].actor.handle, self.roles["replay"].actor.handle
        save = self._saver.begin if aside else self._saver.save
        state = partial(self._progress.state_dict, roles=self.roles)
        save(learner, replay, self.status.step, self._record.time, state, end)

    # -- stop ------------------------------------------------------------

    def _finish(self, end: float) -> None:
        """The last figures, and the last checkpoint if the learner has anything to save."""
        if self._saver.busy:
            self._saver.hurry()
            self._saver.join(end)
        hurried = self._saver.take_done()
        sensors = [r for r in self.roles.values() if isinstance(r, SensorRole) and r.actor.started]
        self._dispatcher.settle(list(sensors), end - 2.0)
        self._dispatcher.settle([role.finish() for role in sensors], end - 2.0)
        learner = self.roles.get("learner")
        if learner is None or not learner.actor.started:
            return
        # Before the first step: so that sources, too, go on where they were.
        early = self.status.first_step_at is None
        if early and (self._saver.newest is not None or self._run.events == 0):
            return
        if self._concluded and self._saver.has(self.status.step):
            return
        # The chunks under way count: checkpoint and figures are of the step at which they end.
        replay = self.roles["replay"]
        workers = [r for r in self.roles.values() if r.actor.started and not isinstance(r, MonitorRole)]
        self._dispatcher.settle(workers, min(time.monotonic() + SETTLE, end - 1.0))
        if replay.actor.started and replay.actor.call is None:
            replay.actor.ask("stats", expected=0.0, patience=1.0)
        self._dispatcher.settle([replay], min(time.monotonic() + 0.5, end - 1.0))
        if hurried and self._saver.has(self.status.step) and learner.actor.call is not None:
            return  # the learner is still in the step that was not waited for
        self._dispatcher.read_cursors(min(time.monotonic() + 1.0, end - 1.0))
        try:
            self._save(end)
        except (SaveError, StorageError) as error:
            if not early:
                raise
            # Nothing is lost: the events are in replay's files.
            self._terminal.remark(f"no checkpoint before the first step: {error}")
        self.status.step = max(self.status.step, self._saver.step)

    def _close(self) -> None:
        """Ask all actors to close, wait a moment, and write the last figures."""
        if self._viewer is not None:
            self._viewer.close()
        asked = {role: role.actor.handle.close.remote() for role in self.roles.values()}
        # An actor with a call under way closes after it, which may be too late to wait for.
        answers = [answer for role, answer in asked.items() if role.actor.call is None]
        if answers:
            ray.wait(answers, num_returns=len(answers), timeout=CLOSE_PATIENCE)
        try:
            if self.roles:
                self._record.tick(time.monotonic(), self.roles)
        finally:
            self._record.close()

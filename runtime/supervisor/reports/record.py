"""The record of a run while it goes on: figures, metrics, the screen, process numbers."""

import json
import time
from collections.abc import Callable, Mapping

from agent.algorithms import named
from runtime.config.settings import RunConfig
from runtime.reporting.figures import Figures, Value
from runtime.reporting.overview import Exam, Overview, exams_of
from runtime.reporting.run_status import RunStatus
from runtime.reporting.terminal import Terminal
from runtime.run_folder.own_files import SAMPLES
from runtime.run_folder.rundir import RunDirectory
from runtime.run_folder.shortage import Shortage
from runtime.supervisor.reports.metrics import EMIT_EVERY, RayMetrics
from runtime.supervisor.roles.answer_role import AGENT
from runtime.supervisor.roles.page_role import PAGE
from runtime.supervisor.roles.role import Role
from sensors.core.errors import StorageError
from sensors.senses import sense
from teacher.subjects.contract import settings_of, unlabelled

REDRAW_EVERY = 0.5
STARTING, FINAL = "starting actors", "final exam"
"""The phases before the first step and after the last."""
OPTIONAL = ("monitor", AGENT, PAGE)
"""Actors that learning does not wait for."""
TOTALS = ("teacher/", "accepted/", "restarts/", "hangs/", "learner/")
"""Beginnings of the counters that are figures under their own names."""


class Record:
    """Writes and shows the figures of one run.

    Args:
        config: all settings.
        run: its directory.
        terminal: what people see.
        status: of the run.
        shortage: takes what cannot be written.

    Attributes:
        fresh: new grades. They are written once: if repeated, an old grade would look like a new one.
        overview: the run as it was drawn last; None before that.
    """

    def __init__(
        self, config: RunConfig, run: RunDirectory, terminal: Terminal, status: RunStatus, shortage: Shortage
    ) -> None:
        self.fresh: dict[str, Value] = {}
        self.overview: Overview | None = None
        self._config, self._run, self._terminal, self._status = config, run, terminal, status
        self._shortage = shortage
        self._unwritten = 0
        self._told: dict[str, int] = {}
        self._inserted = (time.monotonic(), 0.0)
        self._next_tick = self._next_emit = self._next_draw = 0.0
        self._exams = exams_held(config)
        self._figures = Figures(run.metrics, run.tensorboard)
        self._metrics = RayMetrics(run.path.name)

    @property
    def time(self) -> float:
        """Seconds since the run began, earlier parts included."""
        return self._figures.time

    def advance(self, seconds: float) -> None:
        """Put the run's clock to at least `seconds`."""
        self._figures.advance(seconds)

    def observe(self, now: float, phase: str, roles: Mapping[str, Role]) -> None:
        """Write and draw, each when it is due."""
        if now >= self._next_tick:
            self._next_tick = now + self._config.run.tick
            self.tick(now, roles)
        if now >= self._next_draw:
            self.draw(now, phase, roles)

    def tick(self, now: float, roles: Mapping[str, Role]) -> None:
        """Write one line of figures."""
        status = self._status
        then, before = self._inserted
        inserted = float(status.values.get("replay/inserted", 0.0))
        if now - then > 0.5:
            status.values["replay/events_per_s"] = max(0.0, inserted - before) / (now - then)
            self._inserted = (now, inserted)
        status.values |= {k: v for k, v in status.counters.totals.items() if k.startswith(TOTALS)}
        for name, role in roles.items():
            status.values[f"actor/{name}"] = role.actor.state
            status.values[f"well/{name}"] = float(role.actor.state == "up")
        old = {k: v for k, v in status.values.items() if not k.startswith(("exam", "judge", "self/"))}
        if self.keep("figures", lambda: self._figures.observe(old | self.fresh, status.step)):
            if any(key.startswith("examined/") for key in self.fresh):
                # The monitor has written them before it told of its exam.
                self.keep("samples", lambda: self._figures.show(self._run.path / SAMPLES, status.step))
            self.fresh.clear()
        self._tell(roles)
        if now >= self._next_emit:
            self._next_emit = now + EMIT_EVERY
            self._metrics.emit(status.values)
            if self._metrics.lost and "metrics/lost" not in status.values:
                self._terminal.remark(f"a metric is not shown by Ray: {self._metrics.fault}")
            if self._metrics.lost:
                status.values["metrics/lost"] = self._metrics.lost

    def keep(self, what: str, write: Callable[[], None]) -> bool:
        """Write for the record; whether it was written. Once the run learns, a full disk only delays it.

        Raises:
            StorageError: it cannot be written, and nothing was learned yet.
        """
        try:
            write()
        except StorageError as error:
            if self._status.first_step_at is None:
                raise
            self._shortage.note(what, error)
            self._unwritten += 1
            self._status.values["dropped/figures"] = self._unwritten
            return False
        self._shortage.clear(what)
        return True

    def draw(self, now: float, phase: str, roles: Mapping[str, Role]) -> None:
        """Show the run as it is."""
        self._next_draw = now + REDRAW_EVERY
        status, run = self._status, self._config.run
        self.overview = Overview(
            time=self._figures.time,
            learning=status.learned(now),
            step=status.step,
            phase=doing(phase, status, self._shortage.waiting, roles),
            share=status.share(run, now),
            values=dict(status.values),
            actors={name: role.actor.state for name, role in roles.items()},
            exams=self._exams,
        )
        self._terminal.update(self.overview)

    def close(self) -> None:
        """Close the files."""
        self._figures.close()

    def _tell(self, roles: Mapping[str, Role]) -> None:
        """Write the process numbers of the actors on this machine, for anyone who inspects them."""
        found = dict(self._told)
        for name, role in roles.items():
            process = role.actor.process.process
            # While an actor starts, its new number is not known yet: the file keeps that of the dead process.
            if role.actor.started and process is not None:
                found[name] = process.pid
            elif role.actor.started:
                found.pop(name, None)
        write = lambda: self._run.write("actors.json", json.dumps(found))  # noqa: E731
        if found != self._told and self.keep("process numbers", write):
            self._told = found


def exams_held(config: RunConfig) -> tuple[Exam, ...]:
    """The exams of what is learned without labels, for each subject that has labelled data."""
    if config.run.sensors is not None and config.monitor.judges is None:
        return ()
    if not any(declared.decodes for declared in named(config.run.learn)):
        return ()
    taught = unlabelled(config.run.subjects)
    found: list[Exam] = []
    for one in taught:
        settings = settings_of(one, config)
        derived = {name for name in one.senses(config.data, settings) if sense(name).derived is not None}
        senses = [name for name in reversed(one.senses(config.data, settings)) if name not in derived]
        found += exams_of(senses, one.name if len(taught) > 1 else "")
    return tuple(found)


def doing(phase: str, status: RunStatus, short: str, roles: Mapping[str, Role]) -> str:
    """The phase, and what it waits for or how far it is.

    Args:
        phase: of the run.
        status: of the run.
        short: what cannot be written; empty where everything can.
        roles: by name.
    """
    if phase == "learning" and status.paused and not short:
        return "paused"
    if phase == "learning" and (waiting := short or status.waiting):
        return f"waiting: {waiting}"
    if phase == FINAL and status.examined:
        return f"{phase}: {status.examined}"
    if phase != STARTING:
        return phase
    # Learning does not wait for actors that it does not need.
    if missing := [name for name, role in roles.items() if not role.actor.started and name not in OPTIONAL]:
        return f"{phase}: {', '.join(missing)}"
    return f"waiting for events: {status.waiting}" if status.waiting else "waiting for the first step"

"""Detects actors that have died or hang, reports them at once, and names those that are to be restarted."""

from collections.abc import Callable, Iterable

from runtime.config.settings import RunSection
from runtime.reporting.run_status import RunStatus
from runtime.supervisor.roles import Role
from runtime.supervisor.supervised_actor import SupervisedActor, reason

SILENT = 3.5
"""Seconds without a heartbeat and without work after which an actor counts as hung."""
IDLE = 3.0
"""Seconds without work after which a process counts as idle."""
SUSPECT = 1.5
"""Seconds without a heartbeat after which other actors may be waiting for this one in vain."""
STUCK = 2.5
"""Seconds beyond its expected time after which a call of an idle process counts as hung."""
EXIT_REASON_WITHIN = 2.5
"""Seconds in which Ray may report why a process ended; until then its report is waited for, as it says more."""


class FailureDetector:
    """Looks at all actors of a run.

    An actor whose process is gone has died. An actor whose process does nothing hangs in two cases: it gives no
    heartbeat, or it gives heartbeats but its call takes longer than expected (a deadlock). Only calls that this process
    has answered before count, since a first call may have to wait for devices. An actor may take
    `run.start_deadline` to start. A process that is stopped while it starts hangs.

    Args:
        section: settings of the run.
        status: receives the figures `hangs/<name>` and `noticed_s/<name>`.
        remark: shows a note.
    """

    def __init__(self, section: RunSection, status: RunStatus, remark: Callable[[str], None]) -> None:
        self._deadline = section.hang_deadline
        self._longest = section.call_deadline
        self._status, self._remark = status, remark

    def detect(self, roles: Iterable[Role]) -> list[tuple[Role, str, bool]]:
        """Look at all actors.

        Returns:
            For each actor that is to be restarted: its role, the reason, and whether its process is dead already.
        """
        found: list[tuple[Role, str, bool]] = []
        roles = list(roles)
        at_work = [role for role in roles if role.actor.started and role.actor.restart_at is None]
        for role in at_work:
            role.actor.liveness.poll(role.actor.handle)
        for role in roles:
            if not role.actor.started and role.actor.restart_at is None:
                found += self._start(role)
        # No actor gives a heartbeat: the cause is this machine or its Ray, and to restart all actors would not help.
        all_silent = len(at_work) > 1 and all(role.actor.liveness.silence >= SILENT for role in at_work)
        suspects = [role for role in roles if _suspect(role.actor)]
        for role in at_work:
            actor = role.actor
            if why := self._death(actor):
                found.append((role, why, True))
                continue
            seconds, why = self._hang(actor, excused=bool(suspects) and suspects != [role])
            self._report(actor, seconds, why)
            if why and seconds >= (self._longest if all_silent else self._deadline):
                found.append((role, why, False))
            elif actor.liveness.silence > self._longest:
                found.append((role, f"no heartbeat for {actor.liveness.silence:.0f} s", False))
        return found

    def note_fault(self, actor: SupervisedActor) -> None:
        """Record the delay of detection: the actor's last heartbeat came so many seconds ago."""
        if not actor.detected:
            actor.detected = True
            self._status.values[f"noticed_s/{actor.name}"] = actor.liveness.silence

    def _death(self, actor: SupervisedActor) -> str:
        """Why the actor died; empty while it lives, or while Ray's report is still to come."""
        liveness = actor.liveness
        if liveness.error is None and liveness.died is None:
            return ""
        self.note_fault(actor)
        if liveness.error is not None:
            return reason(liveness.error)
        # A call under way fails with Ray's report.
        return "its process died" if liveness.silence > EXIT_REASON_WITHIN + 1.0 or actor.call is None else ""

    def _start(self, role: Role) -> list[tuple[Role, str, bool]]:
        """As `detect`, for one actor that starts."""
        actor = role.actor
        actor.liveness.poll_start(actor.handle)
        if actor.liveness.died is not None:
            return [(role, "its process died while it started", True)]
        seconds = actor.liveness.stopped_for
        why = f"its process is stopped for {seconds:.0f} s while it starts" if seconds >= IDLE else ""
        self._report(actor, seconds, why)
        return [(role, why, False)] if why and seconds >= self._deadline else []

    def _hang(self, actor: SupervisedActor, excused: bool) -> tuple[float, str]:
        """For how many seconds the actor has hung, and how it hangs; empty while it does not.

        Args:
            actor: at work.
            excused: another actor is suspect, and this one may be waiting for it: only missing heartbeats count.
        """
        liveness, seconds, why = actor.liveness, 0.0, ""
        if liveness.silence >= SILENT and liveness.idle >= IDLE:
            seconds = liveness.silence
            what = "its process is stopped" if liveness.stopped else "its process does nothing"
            why = f"no heartbeat for {seconds:.0f} s, {what}"
        elif (
            not excused
            and actor.call is not None
            and actor.overrun >= STUCK
            and min(liveness.idle, actor.waited) >= SILENT
        ):
            seconds = min(liveness.idle, actor.waited)
            why = f"does nothing in {actor.call.method} for {seconds:.0f} s"
        return seconds, why

    def _report(self, actor: SupervisedActor, seconds: float, why: str) -> None:
        """Show that the actor hangs, or that it hangs no longer."""
        if why and not actor.hung:
            actor.detected = True
            self._status.values[f"noticed_s/{actor.name}"] = seconds
            self._status.counters.add(f"hangs/{actor.name}", 1)
            self._remark(f"{actor.name}: hung: {why}")
        elif actor.hung and not why:
            actor.detected = False
            self._remark(f"{actor.name}: back")
        actor.hung = bool(why)


def _suspect(actor: SupervisedActor) -> bool:
    """Whether other actors may be waiting for this one in vain."""
    if actor.restart_at is not None or not actor.started:
        return actor.failures > 0
    return actor.liveness.silence >= SUSPECT

"""Sees who died or hangs, says so at once, and tells the supervisor whom to put down."""

from collections.abc import Callable, Iterable

from runtime.board import Board
from runtime.settings import RunSection
from runtime.supervisor.crew import Member, reason
from runtime.supervisor.roles import Role

SILENT = 3.5
"""Seconds without a pulse and without any doing after which a process hangs."""
QUIET = 3.0
"""Seconds of nothing done after which it is idle."""
DOUBT = 1.5
"""Seconds without a pulse after which others may be waiting in vain for an actor."""
STUCK = 2.5
"""Seconds beyond its time after which a call hangs whose process is idle."""
ACCOUNT = 2.5
"""Seconds that Ray has to tell why a process is gone; its own account says more."""


class Watch:
    """Watches over members at work.

    A member whose process is gone has died. One that does nothing hangs: it gives no pulse, or it answers pulses but
    is beyond the time of its call (a deadlock). Only calls that this process has answered before count, since a first
    one may have to wait for devices. One that starts may do so for `run.start_deadline`, but not while it is stopped.

    Args:
        section: settings of the run.
        board: takes figures: `hangs/<name>`, `noticed_s/<name>`.
        remark: shows a note.
    """

    def __init__(self, section: RunSection, board: Board, remark: Callable[[str], None]) -> None:
        self._deadline = section.hang_deadline
        self._longest = section.call_deadline
        self._board, self._remark = board, remark

    def look(self, roles: Iterable[Role]) -> list[tuple[Role, str, bool]]:
        """Look at each that works; whom to bring back, why, and whether it is dead already."""
        found: list[tuple[Role, str, bool]] = []
        roles = list(roles)
        at_work = [role for role in roles if role.member.started and role.member.down_until is None]
        for role in at_work:
            role.member.vigil.look(role.member.handle)
        for role in roles:
            if not role.member.started and role.member.down_until is None:
                found += self._start(role)
        # Nobody is heard of: that is this machine or its Ray, and it would not help to put everyone down.
        deaf = len(at_work) > 1 and all(role.member.vigil.silence >= SILENT for role in at_work)
        troubled = [role for role in roles if _troubled(role.member)]
        for role in at_work:
            member = role.member
            if why := self._death(member):
                found.append((role, why, True))
                continue
            seconds, why = self._hang(member, excused=bool(troubled) and troubled != [role])
            self._tell(member, seconds, why)
            if why and seconds >= (self._longest if deaf else self._deadline):
                found.append((role, why, False))
            elif member.vigil.silence > self._longest:
                found.append((role, f"no pulse for {member.vigil.silence:.0f} s", False))
        return found

    def notice(self, member: Member) -> None:
        """A fault of it is seen now: at most so many seconds ago it was still well."""
        if not member.noticed:
            member.noticed = True
            self._board.values[f"noticed_s/{member.name}"] = member.vigil.silence

    def _death(self, member: Member) -> str:
        """Why it is dead; empty while it is not, or while Ray's account of it is still to come."""
        vigil = member.vigil
        if vigil.error is None and vigil.died is None:
            return ""
        self.notice(member)
        if vigil.error is not None:
            return reason(vigil.error)
        # A call under way fails with the account.
        return "its process died" if vigil.silence > ACCOUNT + 1.0 or member.call is None else ""

    def _start(self, role: Role) -> list[tuple[Role, str, bool]]:
        """Look at one that starts; as `look`."""
        member = role.member
        member.vigil.await_start(member.handle)
        if member.vigil.died is not None:
            return [(role, "its process died while it started", True)]
        seconds = member.vigil.halted
        why = f"its process is stopped for {seconds:.0f} s while it starts" if seconds >= QUIET else ""
        self._tell(member, seconds, why)
        return [(role, why, False)] if why and seconds >= self._deadline else []

    def _hang(self, member: Member, excused: bool) -> tuple[float, str]:
        """For how many seconds it has hung, and how; empty when it does not.

        Excused is who may be waiting for another that is in trouble, as long as it answers pulses itself.
        """
        vigil, seconds, why = member.vigil, 0.0, ""
        if vigil.silence >= SILENT and vigil.quiet >= QUIET:
            seconds = vigil.silence
            what = "its process is stopped" if vigil.stopped else "its process does nothing"
            why = f"no sign of life for {seconds:.0f} s, {what}"
        elif (
            not excused
            and member.call is not None
            and member.beyond >= STUCK
            and min(vigil.quiet, member.waited) >= SILENT
        ):
            seconds = min(vigil.quiet, member.waited)
            why = f"does nothing in {member.call.method} for {seconds:.0f} s"
        return seconds, why

    def _tell(self, member: Member, seconds: float, why: str) -> None:
        """Show that it hangs, or that it does not any more."""
        if why and not member.hung:
            member.noticed = True
            self._board.values[f"noticed_s/{member.name}"] = seconds
            self._board.counters.add(f"hangs/{member.name}", 1)
            self._remark(f"{member.name}: hung: {why}")
        elif member.hung and not why:
            member.noticed = False
            self._remark(f"{member.name}: back")
        member.hung = bool(why)


def _troubled(member: Member) -> bool:
    """Whether others may be waiting for it in vain."""
    if member.down_until is not None or not member.started:
        return member.failures > 0
    return member.vigil.silence >= DOUBT

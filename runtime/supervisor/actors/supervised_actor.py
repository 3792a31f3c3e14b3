"""The life of one supervised actor: start, calls and their deadlines, faults, end, and restart."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import ray
from ray.exceptions import ActorUnavailableError, RayError

from runtime.reporting.metric import Metric
from runtime.supervisor.actors.actor_errors import reason, user_error
from runtime.supervisor.actors.actor_process import ActorProcess
from runtime.supervisor.actors.call import LATE, Call
from runtime.supervisor.actors.hang import DOUBTFUL, SUSPECT, Hang, UnderWay, all_silent, find_hang, find_start_hang
from runtime.supervisor.actors.heartbeats import Heartbeats
from runtime.supervisor.actors.supervision import Supervision

BACKOFF = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before the first restart, the second, and so on; the last one holds for all later ones."""
HEALTHY = 60.0
"""Seconds of work after which earlier failures no longer count."""
ASK_AGAIN = 0.5
"""Seconds after which an actor that Ray still starts is asked again."""
END_WITHIN = 1.0
"""Seconds for which the end of a killed process is waited for at a time."""
EXIT_REASON_WITHIN = 3.5
"""Seconds without a heartbeat for which Ray's report of why a process ended is waited for, as it says more."""
FETCH = 30.0
"""Seconds in which an answer that has arrived in the cluster must reach this process, from another node, too."""


@dataclass(frozen=True)
class Fault:
    """Why an actor is to be restarted, and whether its process is dead already."""

    why: str
    dead: bool = False


class SupervisedActor:
    """One named actor from its start to its end, however often it is restarted.

    The supervisor's loop observes every actor (`observe`), then checks it (`check`). An actor with a fault is put down
    (`put_down`) and, a little later, revived (`revive`); a well one is asked (`ask`) as soon as it can be.

    Args:
        name: in Ray, in notes and in figures.
        create: makes the actor, and makes it again.
        supervision: what all actors share.
        keeps_handle: Ray restarts the process behind the same handle, as other actors hold it. Otherwise a new
            actor takes the place of a dead one.

    Attributes:
        handle: Ray's handle (`ray.actor.ActorHandle`).
        process: its process.
        call: under way; None while it can be asked.
        started: whether its present process has answered.
        hung: whether it hangs.
        failures: in a row.
        fault: why it failed last, or what it lacks.
        restart_at: monotonic time of the planned restart; None while none is planned.
        not_before: monotonic time before which it is not asked.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("reciprocal_restarts_total", "restarts of actors", "restarts/", "actor", counter=True),
        Metric("reciprocal_hangs_total", "times that an actor gave no heartbeat", "hangs/", "actor", counter=True),
        Metric(
            "reciprocal_actor_well", "1 while an actor is up, 0 while hung, late or being restarted", "well/", "actor"
        ),
        Metric(
            "reciprocal_noticed_seconds", "seconds until its last death or hang was detected", "noticed_s/", "actor"
        ),
        Metric("reciprocal_recovered_seconds", "seconds from noticing it to its next answer", "recovered_s/", "actor"),
    )

    def __init__(
        self, name: str, create: Callable[[], Any], supervision: Supervision, keeps_handle: bool = False
    ) -> None:
        self.name, self.keeps_handle = name, keeps_handle
        self._create, self._shared = create, supervision
        self._clock, self._status = supervision.clock, supervision.status
        self.process = ActorProcess(supervision.clock)
        self._heartbeats = Heartbeats(supervision.clock)
        self.call: Call | None = None
        self._first: Call | None = None
        self._answered: set[str] = set()
        self.started = self.hung = self._noticed = False
        self.failures = 0
        self.fault = ""
        self.restart_at: float | None = None
        self.not_before = 0.0
        self._failed_at = 0.0
        self._healthy_since = time.monotonic()
        self.handle: Any = create()

    @property
    def state(self) -> str:
        """`starting`, `up`, `late`, `hung` or `restarting`."""
        if self.restart_at is not None:
            return "restarting"
        if self.hung:
            return "hung"
        if self.started and self.call is not None and self.call.overrun(self._clock()) > LATE:
            return "late"
        return "up" if self.started else "starting"

    # -- calls ------------------------------------------------------------

    def ask(self, method: str, *arguments: Any, expected: float, patience: float) -> None:
        """Begin a call; `expected` seconds of work, then `patience` seconds until it counts as hung."""
        answer = getattr(self.handle, method).remote(*arguments)
        self.call = Call(answer, method, time.monotonic(), self._clock(), expected, patience)
        if not self.started and self._first is None:
            self._first = self.call

    def take_answer(self, learning: bool = False, mistakes: bool = True) -> Any:
        """The answer of a call that is done; afterwards the actor can be asked again.

        Args:
            learning: whether the run has learned a step; see `user_error`.
            mistakes: whether the user's mistakes are told as such; else as failures of the actor.

        Raises:
            UserError: the actor says that something the user gave is wrong.
            RayError: the call failed, or the actor died.
        """
        assert self.call is not None
        call, self.call = self.call, None
        try:
            value = ray.get(call.answer, timeout=FETCH)
        except RayError as error:
            raise (user_error(error, learning) if mistakes else None) or error from None
        now = time.monotonic()
        if not self.started:
            # The time that the actor took to start is no time of work.
            self.started, self._healthy_since, self._first = True, now, None
            self._begin()
            if self.failures:
                self._status.values[f"recovered_s/{self.name}"] = now - self._failed_at
        self._answered.add(call.method)
        # A call that returned early had nothing to do: to ask again at once would keep a core busy in vain.
        self.not_before = call.began + min(call.expected, 0.1)
        if self.failures and now - self._healthy_since > HEALTHY:
            self.failures = 0
        return value

    def is_still_starting(self, error: RayError) -> bool:
        """Whether an error says only that Ray still starts the actor: then it is asked again after `ASK_AGAIN`."""
        if self.started or not isinstance(error, ActorUnavailableError):
            return False
        self.not_before = time.monotonic() + ASK_AGAIN
        return True

    @property
    def overdue(self) -> str:
        """Which call is beyond its deadline, and for how long it has had no answer; empty while none is.

        While an actor starts, its first call counts, however often it is asked again.
        """
        call = self._first or self.call
        return "" if call is None else call.overdue(self._clock())

    # -- health ------------------------------------------------------------

    @property
    def silence(self) -> float:
        """Seconds since the last heartbeat."""
        return self._heartbeats.silence

    @property
    def suspect(self) -> bool:
        """Whether other actors may be waiting for this one in vain."""
        if self.restart_at is not None or not self.started:
            return self.failures > 0
        return self.silence >= SUSPECT

    def observe(self) -> None:
        """Receive a heartbeat that has come, ask for the next, and look at the process; never waits."""
        if self.restart_at is not None:
            return
        if not self.started:
            self.process.inspect_start(self._shared.starts.of(self.name))
            return
        if (beat := self._heartbeats.poll(self.handle)) is not None:
            self.process.hear(beat.pid, beat.used, here=beat.node == self._shared.node)
        call = self._under_way
        self.process.inspect(self.silence, self.silence > DOUBTFUL or (call is not None and call.overrun > 0))

    def check(self, actors: Sequence["SupervisedActor"]) -> Fault | None:
        """Whether the actor must be restarted, after all were observed; shows that it hangs, or hangs no longer.

        Args:
            actors: all that are observed, this one included.
        """
        if self.restart_at is not None:
            return None
        section, patience = self._shared.section, self._shared.section.hang_deadline
        if not self.started:
            if self.process.died is not None:
                return Fault("its process died while it started", dead=True)
            hang = find_start_hang(self.process.stopped_for)
        else:
            if why := self._death():
                return Fault(why, dead=True)
            # A call of this actor may take long because it waits for another one.
            excused = any(other.suspect for other in actors if other is not self)
            hang = find_hang(
                self.silence, self.process.idle, lambda: self.process.stopped, None if excused else self._under_way
            )
            if all_silent([actor.silence for actor in actors if actor.started and actor.restart_at is None]):
                patience = section.call_deadline
        self._report(hang)
        if hang is not None and hang.seconds >= patience:
            return Fault(hang.why)
        if self.started and self.silence > section.call_deadline:
            return Fault(f"no heartbeat for {self.silence:.0f} s")
        return Fault(self.overdue) if self.overdue else None

    @property
    def _under_way(self) -> UnderWay | None:
        if self.call is None:
            return None
        now, call = self._clock(), self.call
        overrun = max(call.overrun(now), 0.0) if call.method in self._answered else 0.0
        return UnderWay(call.method, now - call.asked, overrun)

    def _death(self) -> str:
        """Why the actor died; empty while it lives, or while Ray's report is still to come."""
        error = self._heartbeats.error
        if error is None and self.process.died is None:
            return ""
        self._notice(self.silence)
        if error is not None:
            return reason(error)
        # A call under way fails with Ray's report.
        return "its process died" if self.silence > EXIT_REASON_WITHIN or self.call is None else ""

    def _report(self, hang: Hang | None) -> None:
        if hang is not None and not self.hung:
            self._noticed = False
            self._notice(hang.seconds)
            self._status.counters.add(f"hangs/{self.name}", 1)
            self._shared.remark(f"{self.name}: hung: {hang.why}")
        elif self.hung and hang is None:
            self._noticed = False
            self._shared.remark(f"{self.name}: back")
        self.hung = hang is not None

    def _notice(self, seconds: float) -> None:
        """Record once for each fault how long ago the last heartbeat came."""
        if not self._noticed:
            self._noticed = True
            self._status.values[f"noticed_s/{self.name}"] = seconds

    # -- end and restart ------------------------------------------------------------

    def put_down(self, fault: Fault) -> bool:
        """Note a failure, kill the process if it lives, and plan a restart; False when there were too many failures."""
        if fault.dead:
            self._notice(self.silence)
        self.fault = fault.why
        self.call = self._first = None
        self.started = self.hung = self._noticed = False
        self._answered.clear()
        self.failures += 1
        self._failed_at = self._healthy_since = now = time.monotonic()
        self.restart_at = now + BACKOFF[min(self.failures, len(BACKOFF)) - 1]
        if not fault.dead:
            self._kill()
        return self.failures <= self._shared.section.restarts

    def _kill(self) -> None:
        """Kill the process of a hung actor, also if it is stopped; Ray restarts it if the handle is kept."""
        # While an actor starts, the process known from heartbeats may be the one before: look for the present one.
        # `ray.kill` asks the process itself first, waits seconds for a stopped one, and starts another beside it.
        # Therefore a known process is killed here, without Ray. If it takes long to end, Ray or `revive` waits.
        if self.process.find(self._shared.starts.of(self.name)):
            self.process.kill(END_WITHIN)
        else:
            ray.kill(self.handle, no_restart=not self.keeps_handle)

    def revive(self) -> bool:
        """Restart the actor once its time has come; whether it can be asked again."""
        if self.restart_at is None or time.monotonic() < self.restart_at:
            return False
        if not self.keeps_handle:
            ray.kill(self.handle, no_restart=True)
            # Two processes of one actor must never work at the same time, or one would undo what the other does.
            if not self.process.gone() and not self.process.kill(END_WITHIN):
                self.restart_at = time.monotonic() + BACKOFF[0]
                return False
            try:
                self.handle = self._create()
            except ValueError:
                # The name of the dead actor is not free yet.
                self.restart_at = time.monotonic() + BACKOFF[0]
                return False
        self.restart_at = None
        self._begin()
        return True

    def _begin(self) -> None:
        """Nothing is known yet of the present process."""
        self._heartbeats.begin()
        self.process.begin()

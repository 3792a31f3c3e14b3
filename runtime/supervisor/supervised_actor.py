"""One supervised actor of a run: its calls and their deadlines, its failures and restarts."""

import errno
import importlib
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, RayActorError, RayError, RayTaskError

from runtime.supervisor.liveness import Clock, Liveness
from sensors.core.errors import StorageError, UserError

LATE = 5.0
"""Seconds beyond its expected time after which a call counts as late: that is shown, and the call is waited for."""
BACKOFF = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before the first restart, the second, and so on; the last one holds for all later ones."""
HEALTHY = 60.0
"""Seconds of work after which earlier failures no longer count."""
ASK_AGAIN = 0.5
"""Seconds after which an actor that Ray still starts is asked again."""
END_WITHIN = 1.0
"""Seconds for which the end of a killed process is waited for at a time."""
DENIED = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
}
"""Errors about a file that no restart can remove: the user named a file that cannot be used."""
FETCH = 30.0
"""Seconds in which an answer that has arrived in the cluster must reach this process, from another node, too."""


@dataclass(frozen=True)
class Call:
    """A call under way.

    Attributes:
        answer: Ray's reference to the answer.
        method: of the actor.
        began: monotonic time at which it was made.
        asked: the same on the supervisor's clock.
        expected: seconds of work.
        deadline: time on the supervisor's clock after which the actor counts as hung.
    """

    answer: Any
    method: str
    began: float
    asked: float
    expected: float
    deadline: float


class SupervisedActor:
    """One named actor and Ray's handle of it (`ray.actor.ActorHandle`).

    Args:
        name: in Ray, in notes and in figures.
        create: makes the actor, and makes it again.
        keeps_handle: Ray restarts the process behind the same handle, as other actors hold it. Otherwise a new
            actor takes the place of a dead one.
        restarts: failures in a row after which the run gives up.
        clock: of the supervisor: time for which it did not watch does not count against the actor.
        node: of the supervisor.

    Attributes:
        handle: Ray's handle.
        liveness: heartbeats and process.
        hung: whether the actor hangs.
        detected: whether its present fault was detected already.
        restart_at: monotonic time of the planned restart; None while the actor is not to be restarted.
    """

    def __init__(
        self, name: str, create: Callable[[], Any], keeps_handle: bool, restarts: int, clock: Clock, node: str
    ) -> None:
        self.name = name
        self.call: Call | None = None
        self.started = self.hung = self.detected = False
        self.liveness = Liveness(clock, node)
        self._clock = clock
        self._answered: set[str] = set()
        self._first: Call | None = None
        self.failures = 0
        self.failed_at = 0.0
        self.fault = ""
        self.restart_at: float | None = None
        self.not_before = 0.0
        self._create = create
        self.keeps_handle = keeps_handle
        self._restarts = restarts
        self._healthy_since = time.monotonic()
        self.handle: Any = create()

    @property
    def state(self) -> str:
        """`starting`, `up`, `late`, `hung` or `restarting`."""
        if self.restart_at is not None:
            return "restarting"
        if self.hung:
            return "hung"
        if self.call is not None and self._clock() - self.call.asked > self.call.expected + LATE and self.started:
            return "late"
        return "up" if self.started else "starting"

    def ask(self, method: str, *arguments: Any, expected: float, patience: float) -> None:
        """Begin a call; `expected` seconds of work, then `patience` seconds until it counts as hung."""
        now = self._clock()
        answer = getattr(self.handle, method).remote(*arguments)
        self.call = Call(answer, method, time.monotonic(), now, expected, now + expected + patience)
        if not self.started and self._first is None:
            self._first = self.call

    def take_answer(self, learning: bool = False) -> Any:
        """The answer of a call that is done; afterwards the actor can be asked again.

        Args:
            learning: whether the run has learned a step; see `user_error`.

        Raises:
            UserError: the actor says that something the user gave is wrong.
            RayError: the call failed, or the actor died.
        """
        assert self.call is not None
        call, self.call = self.call, None
        try:
            value = ray.get(call.answer, timeout=FETCH)
        except RayError as error:
            raise user_error(error, learning) or error from None
        now = time.monotonic()
        if not self.started:
            # The time that the actor took to start is no time of work.
            self.started, self._healthy_since, self._first = True, now, None
            self.liveness.begin()
        self._answered.add(call.method)
        # A call that returned early had nothing to do: to ask again at once would keep a core busy in vain.
        self.not_before = call.began + min(call.expected, 0.1)
        if self.failures and now - self._healthy_since > HEALTHY:
            self.failures = 0
        return value

    @property
    def overdue(self) -> str:
        """Which call is beyond its deadline, and for how long it has had no answer; empty while none is.

        While an actor starts, its first call counts, however often it is asked again.
        """
        call = self._first or self.call
        if call is None or self._clock() <= call.deadline:
            return ""
        return f"no answer to {call.method} for {self._clock() - call.asked:.0f} s"

    @property
    def waited(self) -> float:
        """Seconds since the call under way began; 0 without one."""
        return 0.0 if self.call is None else self._clock() - self.call.asked

    @property
    def overrun(self) -> float:
        """Seconds beyond the expected time of the call under way; 0 if the process has answered no such call before."""
        if self.call is None or self.call.method not in self._answered:
            return 0.0
        return max(self.waited - self.call.expected, 0.0)

    def is_still_starting(self, error: RayError) -> bool:
        """Whether an error says only that Ray still starts the actor: then it is asked again after `ASK_AGAIN`."""
        if self.started or not isinstance(error, ActorUnavailableError):
            return False
        self.not_before = time.monotonic() + ASK_AGAIN
        return True

    def fail(self) -> bool:
        """Note a failure and plan a restart; False when there were too many."""
        self.call = None
        self.started = self.hung = self.detected = False
        self._first = None
        self._answered.clear()
        self.failures += 1
        self.failed_at = now = time.monotonic()
        self._healthy_since = now
        self.restart_at = now + BACKOFF[min(self.failures, len(BACKOFF)) - 1]
        return self.failures <= self._restarts

    def kill(self) -> None:
        """Kill the process of a hung actor, also if it is stopped; Ray restarts it if the handle is kept."""
        # While an actor starts, the process known from heartbeats may be the one before: ask Ray for the present one.
        # `ray.kill` asks the process itself first, waits seconds for a stopped one, and starts another beside it.
        # Therefore a known process is killed here, without Ray. If it takes long to end, Ray or `try_restart` waits.
        if self.liveness.find(self.handle):
            self.liveness.kill(END_WITHIN)
        else:
            ray.kill(self.handle, no_restart=not self.keeps_handle)

    def try_restart(self) -> bool:
        """Restart the actor once its time has come; whether it can be asked again."""
        if self.restart_at is None or time.monotonic() < self.restart_at:
            return False
        if not self.keeps_handle:
            ray.kill(self.handle, no_restart=True)
            # Two processes of one actor must never work at the same time, or one would undo what the other does.
            if not self.liveness.gone() and not self.liveness.kill(END_WITHIN):
                self.restart_at = time.monotonic() + BACKOFF[0]
                return False
            try:
                self.handle = self._create()
            except ValueError:
                # The name of the dead actor is not free yet.
                self.restart_at = time.monotonic() + BACKOFF[0]
                return False
        self.restart_at = None
        self.liveness.begin()
        return True


def actor_class(target: str) -> Any:
    """Import `module:Class`."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def arrived(answers: list[Any], end: float) -> list[Any]:
    """The answers that arrive until the monotonic time `end`."""
    return ray.wait(answers, num_returns=len(answers), timeout=max(end - time.monotonic(), 0.0))[0] if answers else []


def user_error(error: BaseException, learning: bool = False) -> UserError | None:
    """The user's mistake inside Ray's error; None if there is none.

    A file or folder that cannot be used is a mistake of the user: to restart the actor would not help. Once the run
    learns, every file that the user named has been usable. Then something else has changed, and a restart may help.

    An error raised in a constructor arrives as text: its last lines name the class and the message.

    Args:
        error: of Ray's.
        learning: whether the run has learned a step.
    """
    if isinstance(error, RayTaskError):
        # An error that one actor got from another is wrapped twice; the wrapper's own text is a whole traceback.
        cause: BaseException | None = error
        while isinstance(cause, RayTaskError):
            cause = getattr(cause, "cause", None)
        if isinstance(cause, OSError) and cause.filename:
            return None if learning else denied(cause.errno, cause.filename)
        return type(cause)(_brief(str(cause))) if isinstance(cause, UserError) else None
    if not isinstance(error, RayActorError) or not error.actor_init_failed:
        return None
    last = [line for line in str(error).splitlines() if line.strip()][-1]
    if refused := re.fullmatch(r"\w+Error: \[Errno (\d+)\] .*?: '(.*)'", last):
        return None if learning else denied(int(refused[1]), refused[2])
    raised = list(re.finditer(r"^([A-Za-z_][\w.]*)\.(\w+): ", str(error), re.MULTILINE))
    if not raised:
        return None
    module, name = raised[-1].groups()
    try:
        kind = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        return None
    if isinstance(kind, type) and issubclass(kind, UserError):
        return kind(_brief(str(error)[raised[-1].end() :]))
    return None


def denied(number: int | None, path: Any) -> StorageError | None:
    """The user's mistake in an error of the operating system about a file; None for other kinds of errors."""
    if number not in DENIED:
        return None
    return StorageError(f"{path}: {os.strerror(number)}; make it accessible to this user, or name another")


def _brief(text: str) -> str:
    """The first two lines that say something."""
    return "\n".join([line.rstrip() for line in text.splitlines() if line.strip()][:2])


def reason(error: BaseException) -> str:
    """Why an actor failed, in one line."""
    if isinstance(error, RayTaskError):
        cause = getattr(error, "cause", None) or error
        text = f"{type(cause).__name__}: {str(cause).strip().splitlines()[-1] if str(cause).strip() else ''}"
    elif isinstance(error, RayActorError):
        lines = [part.strip() for part in str(error).splitlines() if part.strip()]
        if error.actor_init_failed:
            text = lines[-1]
        else:
            detail = re.search(r"Worker exit detail: (.*?)(\. |$)", str(error))
            text = "its process died" + (f" ({detail[1].strip()})" if detail else "")
    else:
        text = f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:200]

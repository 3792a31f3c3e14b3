"""One actor of a run under watch: its calls and their deadlines, its failures and restarts."""

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

from runtime.supervisor.vigil import Clock, Vigil
from sensors.core.errors import StorageError, UserError

LATE = 5.0
"""Seconds beyond its chunk after which a call counts as late: it is shown, and waited for."""
BACKOFF = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before one restart after another."""
HEALTHY = 60.0
"""Seconds of work after which earlier failures are forgiven."""
ASK_AGAIN = 0.5
"""Seconds after which one that is still starting, and said so, is asked again."""
END_WITHIN = 1.0
"""Seconds for which a process that was killed is waited for at a time."""
DENIED = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
}
"""Errors about a file that no restart mends: the user named what cannot be used."""
FETCH = 30.0
"""Seconds in which an answer that is there already must reach this process, from another node of a cluster too."""


@dataclass(frozen=True)
class Call:
    """A call under way: its answer to come, the method, when it began (monotonic and watched), how long it may take."""

    answer: Any
    method: str
    began: float
    asked: float
    expected: float
    deadline: float


class Member:
    """One named actor.

    Args:
        name: in Ray, in notes and in figures.
        create: makes the actor, and makes it again.
        keeps_handle: Ray restarts the process behind the same handle, as others hold it; otherwise a new
            actor takes the place of a dead one.
        restarts: failures in a row after which the member is given up.
        clock: of who watches: time that nobody watched does not count against a member.
        node: where who watches is.

    Attributes:
        vigil: its process' signs of life.
        hung: whether it gives none.
        noticed: whether its present fault was noticed already.
    """

    def __init__(
        self, name: str, create: Callable[[], Any], keeps_handle: bool, restarts: int, clock: Clock, node: str
    ) -> None:
        self.name = name
        self.call: Call | None = None
        self.started = self.hung = self.noticed = False
        self.vigil = Vigil(clock, node)
        self._clock = clock
        self._answered: set[str] = set()
        self._first: Call | None = None
        self.failures = 0
        self.failed_at = 0.0
        self.fault = ""
        self.down_until: float | None = None
        self.not_before = 0.0
        self._create = create
        self.keeps_handle = keeps_handle
        self._restarts = restarts
        self._well_since = time.monotonic()
        self.handle: Any = create()

    @property
    def state(self) -> str:
        """`starting`, `up`, `late`, `hung` or `restarting`."""
        if self.down_until is not None:
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

    def take(self, learning: bool = False) -> Any:
        """The answer of a call that is done; the member is free for the next.

        Args:
            learning: whether the run has learned a step; see `user_error`.

        Raises:
            UserError: the actor says that something the user gave is wrong.
            RayError: it failed or died.
        """
        assert self.call is not None
        call, self.call = self.call, None
        try:
            value = ray.get(call.answer, timeout=FETCH)
        except RayError as error:
            raise user_error(error, learning) or error from None
        now = time.monotonic()
        if not self.started:
            # Time that it took to start is none of good work.
            self.started, self._well_since, self._first = True, now, None
            self.vigil.begin()
        self._answered.add(call.method)
        # A call that came back early had nothing to do: asking again at once would only burn a core.
        self.not_before = call.began + min(call.expected, 0.1)
        if self.failures and now - self._well_since > HEALTHY:
            self.failures = 0
        return value

    @property
    def overdue(self) -> str:
        """What has had no answer for how long, beyond its deadline; empty while nothing is.

        However often one that starts is asked meanwhile, and says that it is not there yet, its first call counts.
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
    def beyond(self) -> float:
        """Seconds beyond the time of the call under way, if this process has answered such a call before; else 0."""
        if self.call is None or self.call.method not in self._answered:
            return 0.0
        return max(self.waited - self.call.expected, 0.0)

    def still_to_come(self, error: RayError) -> bool:
        """Whether an error tells only that Ray is still at bringing it back: then it is to be asked again, soon."""
        if self.started or not isinstance(error, ActorUnavailableError):
            return False
        self.not_before = time.monotonic() + ASK_AGAIN
        return True

    def fail(self) -> bool:
        """Note a failure and plan a restart; False when there were too many."""
        self.call = None
        self.started = self.hung = self.noticed = False
        self._first = None
        self._answered.clear()
        self.failures += 1
        self.failed_at = now = time.monotonic()
        self._well_since = now
        self.down_until = now + BACKOFF[min(self.failures, len(BACKOFF)) - 1]
        return self.failures <= self._restarts

    def put_down(self) -> None:
        """Kill a hung process, stopped ones too; Ray brings one back whose handle is kept."""
        # One that starts was not heard of: what is known may be the one before, which is gone.
        # Ray asks the process itself first, and waits seconds for one that is stopped, beside which it starts another:
        # one that is known is killed here alone. What still ends then needs no more help, and Ray or `revive` waits.
        if self.vigil.find(self.handle):
            self.vigil.kill(END_WITHIN)
        else:
            ray.kill(self.handle, no_restart=not self.keeps_handle)

    def revive(self) -> bool:
        """Restart when the time has come; whether the member can be asked again."""
        if self.down_until is None or time.monotonic() < self.down_until:
            return False
        if not self.keeps_handle:
            ray.kill(self.handle, no_restart=True)
            # Two of the same must never be at work, or one would undo what the other does.
            if not self.vigil.gone() and not self.vigil.kill(END_WITHIN):
                self.down_until = time.monotonic() + BACKOFF[0]
                return False
            try:
                self.handle = self._create()
            except ValueError:
                # The name of the dead one is not free yet.
                self.down_until = time.monotonic() + BACKOFF[0]
                return False
        self.down_until = None
        self.vigil.begin()
        return True


def actor_class(target: str) -> Any:
    """Import `module:Class`."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def arrived(answers: list[Any], end: float) -> list[Any]:
    """The answers that come until `end` (monotonic)."""
    return ray.wait(answers, num_returns=len(answers), timeout=max(end - time.monotonic(), 0.0))[0] if answers else []


def user_error(error: BaseException, learning: bool = False) -> UserError | None:
    """The user's mistake inside an error of Ray's, if there is one.

    A file or folder that cannot be used is one, too: to start the actor again would not help. Once the run learns, all
    that the user named has been usable. So something else has changed, perhaps for a moment, and a restart may help.

    An error raised in a constructor reaches us as text alone: its last lines name the class and its message.

    Args:
        error: of Ray's.
        learning: whether the run has learned a step.
    """
    if isinstance(error, RayTaskError):
        # What one actor got from another comes wrapped twice; the wrapper's own text is a whole traceback.
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
    """The user's mistake in an error of the operating system about a file; none where it is another kind of error."""
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

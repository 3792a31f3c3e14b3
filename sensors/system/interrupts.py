"""Stop signals before there is anything to stop: one line and exit code 130, no traceback.

    with Interrupts() as interrupts:
        try:
            ...
        except BaseException as error:
            if interrupts.explains(error):
                ...

`runtime.command.signals.StopSignals` takes over once a run is at work.
"""

import contextlib
import os
import signal
import sys
import time
from types import FrameType, TracebackType
from typing import Any, ClassVar, NoReturn, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a request to end, and a closed terminal."""
SAME_WITHIN = 0.3
"""Seconds within which two signals are one: wrappers such as `timeout` and `uv run` send Ctrl-C on."""
INTERRUPTED = 130
"""Exit code after a signal that left no time for a clean stop, or came before there was anything to stop."""
BEFORE = "stopped before the run began"


class Interrupted(KeyboardInterrupt):
    """A stop signal came; raised wherever the main thread is."""


def heard() -> tuple[signal.Signals, ...]:
    """The stop signals that this process was not told to ignore.

    `nohup` has a closed terminal ignored, and a shell that starts something in the background of a script Ctrl-C: what
    was inherited as ignored stays so.
    """
    return tuple(number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN)


class Interrupts:
    """Raises `Interrupted` at the first stop signal, and ends the process at the second.

    Only the main thread may enter it.

    Args:
        words: what is said of a program that is stopped.

    Attributes:
        came: whether a signal came, and nobody has taken it over.
    """

    begun: ClassVar[bool] = False
    """Whether a run has been at work: a signal heard here then comes after its end."""
    _listening: "ClassVar[Interrupts | None]" = None

    def __init__(self, words: str = BEFORE) -> None:
        self.came = False
        self._words = words
        self._first = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        """Listen."""
        Interrupts._listening = self
        self._unraisable = sys.unraisablehook
        sys.unraisablehook = self._lost
        self._before = {number: signal.getsignal(number) for number in heard()}
        for number in self._before:
            signal.signal(number, self._hear)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Handlers are as they were before."""
        Interrupts._listening = None
        for number, handler in self._before.items():
            signal.signal(number, handler)
        sys.unraisablehook = self._unraisable

    @classmethod
    def take_over(cls) -> bool:
        """Begin a run; whether a signal came before, to which the run must answer now.

        A library may have swallowed the exception of that signal.
        """
        cls.begun = True
        earlier = cls._listening
        came = earlier is not None and earlier.came
        if earlier is not None:
            earlier.came = False
        return came

    def explains(self, error: BaseException) -> bool:
        """Whether an error comes from a stop signal, and is not worth a traceback.

        Before a run, any error after a signal does: libraries make errors of their own of an interruption while they
        are imported, and some lose its cause. Later, an error must have the interruption among its causes.
        """
        if not self.came or not self.begun:
            return self.came
        seen: list[BaseException] = []
        rest: list[BaseException | None] = [error]
        while rest:
            one = rest.pop()
            if isinstance(one, Interrupted):
                return True
            if one is not None and one not in seen:
                seen.append(one)
                rest += [one.__cause__, one.__context__]
        return False

    def say(self) -> None:
        """Tell, in one line on standard error, that the program was stopped."""
        words = "stopped" if self.begun else self._words
        # Not by the stream: the signal may have come in the middle of a write to it.
        with contextlib.suppress(OSError):
            os.write(2, f"{words}\n".encode())

    def _hear(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self.came:
            self.came, self._first = True, now
            raise Interrupted
        if now - self._first > SAME_WITHIN:
            self._end()

    def _lost(self, what: "sys.UnraisableHookArgs") -> None:
        """Where nobody would see the exception (a destructor, a callback), the process ends at once."""
        if issubclass(what.exc_type, Interrupted):
            self._end()
        self._unraisable(what)

    def _end(self) -> NoReturn:
        self.say()
        os._exit(INTERRUPTED)

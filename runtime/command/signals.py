"""Stop signals: the first asks for a clean stop, the second ends everything at once."""

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self

from sensors.system.interrupts import SAME_WITHIN, SIGNALS, Interrupts, heard
from sensors.system.output import flush


class StopSignals:
    """Listens for Ctrl-C, SIGTERM and a closed terminal, from a thread of its own.

    Python runs signal handlers between bytecodes of the main thread, which may sit in a long call of Ray's.
    The interpreter's wake-up pipe has no such wait: a second Ctrl-C works whatever the main thread does.
    A signal that was ignored when it begins to listen stays ignored. One that came earlier and did not end the program
    counts as the first.

    Args:
        on_second: called in the listening thread at the second signal; expected not to return.
    """

    def __init__(self, on_second: Callable[[], Any]) -> None:
        self.requested = threading.Event()
        self._on_second = on_second
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        """Start listening; only the main thread may."""
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._heard = heard()
        self._wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._listen, name="stop-signals", daemon=True)
        self._thread.start()
        self._before = {number: signal.getsignal(number) for number in SIGNALS}
        self.arm()
        # After the handlers are set: an earlier signal is then either taken over here or heard by them.
        if Interrupts.take_over():
            self.requested.set()
        return self

    def arm(self) -> None:
        """Set the handlers, again after a library has put its own in their place; only the main thread may."""
        for number in SIGNALS:
            signal.signal(number, _noted if number in self._heard else signal.SIG_IGN)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening; handlers are as they were before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        os.write(self._write, b"\0")
        self._thread.join()
        os.close(self._read)
        os.close(self._write)

    def _listen(self) -> None:
        first = time.monotonic()
        while number := os.read(self._read, 1)[0]:
            if number not in self._heard:
                continue
            if not self.requested.is_set():
                first = time.monotonic()
                self.requested.set()
            elif time.monotonic() - first > SAME_WITHIN:
                self._on_second()


def leave(code: int) -> NoReturn:
    """End this process; all that it held is closed by now.

    To unload torch and Ray takes seconds on a busy machine, of the ten in which a stop must be through.
    """
    flush()
    os._exit(code)


def _noted(number: int, frame: FrameType | None) -> None:
    """The wake-up pipe has told the listener already."""

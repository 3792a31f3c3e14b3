"""Standard output and error that never fail: what cannot be written is counted, what cannot be shown is spelt.

    with steady_output():
        ...everything else a program does...

A reader that goes away (`| head`, a closed terminal), a full disk, a closed descriptor (`>&-`) and an encoding without
the character that is printed are no reason to stop work, nor to lose what was worked for.
"""

import codecs
import contextlib
import errno
import io
import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

PATIENCE = 1.0
"""Seconds for which a program at work waits for a reader that does not read, before it goes on without it."""
GONE = (errno.EPIPE, errno.EIO, errno.EBADF, errno.ENXIO, errno.ECONNRESET)
"""What the kernel says of an output that will never be written again; after any other error it is tried again."""
CHUNK = select.PIPE_BUF
"""Bytes written at once: a pipe that has room takes as many without a wait."""
AGAIN = 0.01
"""Seconds until a terminal is tried again that has room, but less than it needs."""
STAND_INS = {"→": "->", "←": "<-", "…": "...", "–": "-", "—": "-", "×": "x", "±": "+-", "‘": "'", "’": "'"}
"""What is printed in place of a character that the encoding of the output lacks; of others, their escape."""
SPELT = "reciprocal-spelt"
"""Name of the error handler that does so."""


def _spell(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(STAND_INS.get(c) or c.encode("ascii", "backslashreplace").decode() for c in missing), error.end


codecs.register_error(SPELT, _spell)


def spelt(text: str, encoding: str) -> str:
    """The text as an output of that encoding shows it."""
    return text.encode(encoding, SPELT).decode(encoding)


class Sink(io.RawIOBase):
    """An open file that takes everything: what it cannot write is lost and counted.

    Args:
        descriptor: where to write; stays open when this is closed.

    Attributes:
        lost: bytes that were not written so far.
        error: why the last of them were not; None while nothing was lost.
        patience: seconds to wait for a reader that does not read; None: as long as it takes.
        on_loss: told once why output is lost, again after it was written meanwhile.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self.lost = 0
        self.error: OSError | None = None
        self.patience: float | None = None
        self.on_loss: Callable[[str], None] | None = None
        self._descriptor = descriptor
        self._terminal: int | None = None  # the same terminal, opened anew
        self._missing = 0  # bytes lost since something was last written
        self._gone = False

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write what can be written; returns the length of all."""
        left = memoryview(data).cast("B")
        size = len(left)
        if self._missing and not self._gone and not self.isatty():
            # Whoever reads a log is told of its gap where the gap is.
            reason = self.error.strerror if self.error else ""
            gap = f"[{self._missing} bytes of output were lost: {reason}]\n".encode()
            self._missing = 0 if not self._put(memoryview(gap)) else self._missing
        if left := self._put(left):
            self.lost += len(left)
            first, self._missing = not self._missing, self._missing + len(left)
            if first and self.on_loss is not None and self.error is not None:
                self.on_loss(self.error.strerror or str(self.error))
        elif self.isatty():
            self._missing = 0
        return size

    def _put(self, left: memoryview) -> memoryview:
        """Write; returns what could not be written."""
        patience = 0.0 if self._missing and self.patience is not None else self.patience
        try:
            descriptor, size = self._target()
            while left and not self._gone:
                left = left[_write(descriptor, left[:size], patience) :]
        except OSError as error:
            self.error = error
            self._gone = error.errno in GONE
        return left

    def _target(self) -> tuple[int, int]:
        """Where to write, and how much at once, so that no write waits.

        A terminal that can be written promises room for one byte, and a longer write would wait for its reader. It is
        opened anew, as the program that started this one shares the open file, and would not wait any more either.
        """
        if not self.isatty():
            return self._descriptor, CHUNK
        if self._terminal is None:
            try:
                self._terminal = os.open(
                    f"/proc/self/fd/{self._descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
                )
            except OSError:  # it is another user's, as after `su`
                return self._descriptor, 1
        return self._terminal, CHUNK

    def close(self) -> None:
        """Write no more; the descriptor that was given stays open."""
        if self._terminal is not None:
            os.close(self._terminal)
            self._terminal = None
        super().close()

    def writable(self) -> bool:
        """Always."""
        return True

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return os.isatty(self._descriptor)


class SteadyOutput(io.TextIOWrapper):
    """A text stream whose writes never raise.

    Args:
        descriptor: where to write.
        encoding: of the text; characters that it lacks are spelt.

    Attributes:
        sink: its raw end.
    """

    def __init__(self, descriptor: int, encoding: str) -> None:
        self.sink = Sink(descriptor)
        super().__init__(io.BufferedWriter(self.sink), encoding, SPELT, line_buffering=True)


@contextlib.contextmanager
def steady_output() -> Iterator[None]:
    """Have standard output and error be steady meanwhile; those that were closed lead nowhere.

    Streams that somebody has put in the place of the interpreter's own are left as they are.
    """
    # A file that is opened later would take the number of a closed stream, and would be written to by all that print.
    for descriptor in range(3):
        _occupy(descriptor)
    before = sys.stdout, sys.stderr
    if sys.stdout is sys.__stdout__:
        sys.stdout = _steadied(sys.stdout, 1)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _steadied(sys.stderr, 2)
    try:
        yield
    finally:
        flush()
        sys.stdout, sys.stderr = before


def flush() -> None:
    """Hand on what standard output and error have gathered."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            if stream is not None:
                stream.flush()


def go_on_without(told: Callable[[str], None]) -> None:
    """From now on no reader of standard output or error is waited for longer than `PATIENCE`; its losses are told."""
    for name, stream in (("standard output", sys.stdout), ("standard error", sys.stderr)):
        if isinstance(stream, SteadyOutput):
            stream.sink.patience = PATIENCE
            stream.sink.on_loss = lambda why, name=name: told(f"{name} is lost: {why}")


def failure() -> str:
    """Why not all of standard output was written; empty where it was, or where its reader had enough."""
    flush()
    sink = sys.stdout.sink if isinstance(sys.stdout, SteadyOutput) else None
    if sink is None or sink.error is None or sink.error.errno == errno.EPIPE:
        return ""
    return f"standard output cannot be written: {sink.error.strerror}"


def open_log(path: Path) -> SteadyOutput:
    """A log that is appended to as long as its disk takes it.

    Raises:
        OSError: it cannot be opened.
    """
    return _Log(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666), "utf-8")


class _Log(SteadyOutput):
    def close(self) -> None:
        """Close the file, too."""
        if not self.closed:
            super().close()
            os.close(self.sink.fileno())


def _write(descriptor: int, piece: memoryview, patience: float | None) -> int:
    """Write some of a piece, once the output takes it; returns how much.

    Raises:
        OSError: it cannot be written, or not in time.
    """
    end = None if patience is None else time.monotonic() + patience
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    while True:
        left = None if end is None else max(0.0, end - time.monotonic())
        if poll.poll(None if left is None else 1000 * left):
            with contextlib.suppress(BlockingIOError):
                return os.write(descriptor, piece)
            if left != 0.0:
                time.sleep(AGAIN)
                continue
        raise OSError(errno.EAGAIN, "nothing read it")


def _steadied(stream: io.TextIOBase | None, descriptor: int) -> SteadyOutput:
    if stream is None:
        return SteadyOutput(descriptor, "utf-8")
    return SteadyOutput(stream.fileno(), stream.encoding)


def _occupy(descriptor: int) -> None:
    """Open a closed descriptor to nowhere, for this process and those that it starts."""
    try:
        os.fstat(descriptor)
    except OSError:
        # The lowest free number is taken, which is this one: those below it are in use.
        os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)

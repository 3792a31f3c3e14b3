"""How far the preparation of a folder is: a bar on a terminal, a line every few seconds elsewhere."""

import shutil
import sys
import time
from types import TracebackType
from typing import Self

from tqdm import tqdm

LINE_EVERY = 5.0
"""Seconds between lines where the error output is no terminal."""


class ProgressBar:
    """Shows how many files are done; a context.

    Args:
        what: is prepared.
        total: files.
        show: whether to show anything.
    """

    def __init__(self, what: str, total: int, show: bool) -> None:
        self._what, self._total, self._done = what, total, 0
        self._lines = show and not sys.stderr.isatty()
        # A terminal may say that it has no columns, in which nothing would be drawn.
        columns = min(shutil.get_terminal_size().columns - 1, 100)
        off = not show or self._lines
        self._bar = tqdm(total=total, desc=what, unit="files", leave=False, disable=off, ncols=columns)
        self._said_at = time.monotonic()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        self._bar.close()

    def reach(self, done: int) -> None:
        """So many files are done."""
        self._bar.update(done - self._done)
        self._done = done
        if self._lines and (now := time.monotonic()) - self._said_at >= LINE_EVERY:
            self._said_at = now
            print(f"{self._what}: {done:,} of {self._total:,} files", file=sys.stderr, flush=True)

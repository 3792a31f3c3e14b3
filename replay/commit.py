"""Group commit: callers that wait for the disk at the same time share one flush."""

import threading
import time
from collections.abc import Callable

from sensors.core.errors import NoRoomError, StorageError

PATIENCE = 60.0
"""Seconds to wait for the disk."""


class GroupCommit:
    """Runs `flush` for waiting threads: a thread that comes during a flush waits for the next one, as all others do.

    The first waiting thread runs it, so that no thread of its own is needed. The rate of flushes follows the disk's.
    A flush that failed is final: what the disk holds is not known any more, and nothing is called committed after it.
    A flush that found no room has written nothing; the next waiting thread tries again.

    Args:
        flush: has the disk take all that was written before it was called; raises StorageError when it does not.
    """

    def __init__(self, flush: Callable[[], None]) -> None:
        self._flush = flush
        self._turn = threading.Condition()
        self._asked = self._done = 0
        self._running = False
        self._error: StorageError | None = None
        self.flushes = 0

    def check(self) -> None:
        """Do nothing while flushes succeed.

        Raises:
            StorageError: one has failed.
        """
        if self._error is not None:
            raise StorageError(str(self._error))

    def wait(self) -> None:
        """Return when everything that the caller wrote before is on the disk.

        Raises:
            StorageError: the disk does not accept the data, now or earlier, or not in time.
        """
        deadline = time.monotonic() + PATIENCE
        with self._turn:
            self._asked += 1
            mine = self._asked
            while self._running and self._done < mine and self._error is None:
                if not self._turn.wait(deadline - time.monotonic()) and self._done < mine:
                    raise StorageError(f"the disk has not accepted any data for {PATIENCE:g} s")
            if self._done >= mine:
                return
            self.check()
            self._running = True
            covered = self._asked
        error: StorageError | None = StorageError("interrupted while the disk was being written")
        try:
            self._flush()
            error = None
        except NoRoomError:
            error = None
            covered = 0
            raise
        except StorageError as failure:
            error = failure
            raise
        finally:
            with self._turn:
                self._running = False
                self._error = error
                self.flushes += 1
                if error is None:
                    self._done = max(self._done, covered)
                self._turn.notify_all()

"""Reading back, beside the work, what was not read back when the tables were opened."""

import threading
import time
from collections.abc import Callable, Sequence

import numpy as np

from replay.table import Table

_CHUNK = 256
"""Slots looked at at once: a few MB, a few milliseconds."""
_FAREWELL = 5.0


class Sweep:
    """A thread that looks at every unchecked slot once, for half of its time, and ends.

    Args:
        tables: of one replay.
        mutex: held while they are changed.
        ours: whether they may still be changed.
    """

    def __init__(self, tables: Sequence[Table], mutex: threading.Lock, ours: Callable[[], bool]) -> None:
        self._tables, self._mutex, self._ours = tables, mutex, ours
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweep", daemon=True)
        self._thread.start()

    def wait(self, patience: float) -> bool:
        """Wait at most `patience` seconds; whether every slot has been looked at."""
        self._thread.join(patience)
        return not self._thread.is_alive()

    def close(self) -> None:
        """End early."""
        self._stop.set()
        self._thread.join(_FAREWELL)

    def _run(self) -> None:
        for table in self._tables:
            storage = table.storage
            for at in range(0, len(storage.unchecked), _CHUNK):
                slots = at + np.flatnonzero(storage.unchecked[at : at + _CHUNK])
                if not len(slots):
                    continue
                began = time.monotonic()
                # Most are sound: that is found out while others work.
                sound = storage.sound(slots)
                with self._mutex:
                    if self._stop.is_set() or not self._ours():
                        return
                    # One written meanwhile is marked as checked already.
                    storage.unchecked[slots[sound]] = 0
                    table.drop_damaged(slots[~sound])
                self._stop.wait(time.monotonic() - began)

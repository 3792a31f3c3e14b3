"""The events in replay, as the page looks at them: the newest of each kind, and single ones by their serials."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from page.access.refusals import Refused
from replay.reader import Reader
from sensors.core.errors import StorageError
from sensors.core.modalities import labelled


@dataclass(frozen=True)
class Newest:
    """The newest event of one kind.

    Attributes:
        kind: of its table.
        serial: its number in the table.
        total: events that the table has taken so far.
        seen_at: monotonic second at which it was first seen here.
    """

    kind: str
    serial: int
    total: int
    seen_at: float

    @property
    def ids(self) -> dict[str, str]:
        """Reference of each of its samples, by sense; a label is not among them."""
        return {sense: event_id(self.kind, self.serial, sense) for sense in perceived(self.kind)}


class StoredEvents:
    """Reads replay's mapped pages; from any thread, and without a call to replay.

    Args:
        directory: replay's.

    Raises:
        StorageError: too many readers are open.
    """

    def __init__(self, directory: Path) -> None:
        self._reader = Reader(directory)
        self._lock = threading.Lock()
        self._totals: dict[str, int] = {}
        self._newest: dict[str, Newest] = {}

    def newest(self) -> dict[str, Newest]:
        """The newest event of each kind that has one."""
        with self._lock:
            for kind in self._kinds():
                total = self._reader.inserted(kind)
                if total != self._totals.get(kind, 0):
                    batch = self._reader.newest(kind, 1)
                    if len(batch):
                        self._totals[kind] = total
                        self._newest[kind] = Newest(kind, int(batch.serial[-1]), total, time.monotonic())
            return dict(self._newest)

    def sample(self, kind: str, serial: int, sense: str) -> NDArray[Any]:
        """One stored sample (*shape).

        Raises:
            Refused: replay does not have it (any more).
        """
        with self._lock:
            if kind not in self._kinds() or sense not in perceived(kind):
                raise Refused("not_found", f"replay has no {sense} in events of {kind[:80]}")
            batch = self._reader.newest(kind, 1, keep=lambda serials, _: serials == serial)
        if not len(batch):
            raise Refused("gone", f"event {serial} of {kind} is no longer in replay")
        sample: NDArray[Any] = batch.samples[sense][0]
        return sample

    def recent(self, senses: tuple[str, ...], count: int) -> dict[str, tuple[list[str], NDArray[Any]]]:
        """The newest samples of each sense, of events without labels: from events of the most senses first.

        Returns:
            sense -> references, and samples (N, *shape) with N up to `count`; senses without a sample are left out.
        """
        found: dict[str, tuple[list[str], list[NDArray[Any]]]] = {}
        with self._lock:
            for kind in sorted(self._kinds(labels=False), key=lambda kind: -kind.count("+")):
                wanted = [s for s in kind.split("+") if s in senses and len(found.get(s, ([],))[0]) < count]
                if not wanted:
                    continue
                batch = self._reader.newest(kind, count)
                for name in wanted if len(batch) else ():
                    ids, parts = found.setdefault(name, ([], []))
                    left = count - len(ids)
                    ids += [event_id(kind, int(serial), name) for serial in batch.serial[-left:]]
                    parts.append(batch.samples[name][-left:])
        return {name: (ids, np.concatenate(parts)) for name, (ids, parts) in found.items()}

    def tables(self) -> Mapping[str, int]:
        """Events taken so far, by kind."""
        with self._lock:
            return {kind: self._reader.inserted(kind) for kind in self._kinds()}

    def senses(self) -> list[str]:
        """The senses of all events, labels left out."""
        with self._lock:
            return list(dict.fromkeys(sense for kind in self._kinds() for sense in perceived(kind)))

    def close(self) -> None:
        """Let go of the pages."""
        with self._lock:
            self._reader.close()

    def _kinds(self, labels: bool = True) -> list[str]:
        try:
            return [kind for kind in self._reader.kinds() if labels or not labelled(kind)]
        except (OSError, StorageError):
            # Replay makes its folder and tables while the run starts.
            return []


def perceived(kind: str) -> list[str]:
    """The senses of a kind's samples, without its label: viewers are shown what was perceived, and no label."""
    return [sense for sense in kind.split("+") if not labelled(sense)]


def event_id(kind: str, serial: int, sense: str) -> str:
    """Reference of a stored sample."""
    return f"event.{kind}.{serial}.{sense}"

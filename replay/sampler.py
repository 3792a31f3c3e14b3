"""Drawing batches from mapped columns that another process may be writing to."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replay.selectors import SlotView, group_size, make_selector
from replay.storage import Storage
from sensors.core.errors import ConfigError, StorageError

Keep = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.bool_]]
"""Chooses events by their serials and lessons, (N,) int64 each: (N,) bool."""
_TRIES = 1_000


@dataclass(frozen=True)
class SampleBatch:
    """Events drawn from one table, as columns of length B.

    Attributes:
        slots: (B,) int64, where they lie.
        serial: (B,) int64, their numbers in the table's stream, from 1.
        lesson: (B,) int64, `NO_LESSON` for none.
        samples: modality -> (B, *shape) in the modality's stored dtype.
    """

    slots: NDArray[np.int64]
    serial: NDArray[np.int64]
    lesson: NDArray[np.int64]
    samples: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.slots)


class Sampler:
    """Draws from one table; its view of the slots is renewed whenever the table changed."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._view: SlotView | None = None
        self._changes = (-1, -1, -1)

    def view(self) -> SlotView:
        """The table's slots now."""
        counters = self._storage.counters[0]
        changes = (int(counters["inserted"]), int(counters["evicted"]), int(counters["size"]))
        if self._view is None or changes != self._changes:
            self._view = self._snapshot()
            self._changes = changes
        return self._view

    def draw(
        self,
        count: int,
        name: str,
        rng: np.random.Generator,
        out: Mapping[str, NDArray[Any]] | None = None,
        **options: Any,
    ) -> SampleBatch:
        """Draw `count` events with the selector `name`.

        Events overwritten while they are copied are drawn again (with the lesson they were drawn for).

        Args:
            count: events.
            name: of the selector.
            rng: all chance comes from here.
            out: modality -> (count, *shape) to copy into; allocated when not given.
            **options: the selector's own.

        Raises:
            ConfigError: no such selector, or options it cannot take.
            StorageError: the table is empty, or is overwritten faster than it can be read.
        """
        select, group = make_selector(name, **options), group_size(name, **options)
        if count < 1:
            raise ConfigError(f"count={count}: expected a batch of at least one event")
        storage = self._storage
        view = self.view()
        if not len(view.slots):
            raise StorageError(f"table {storage.layout.kind}: holds no event yet; wait until it is filled")
        slots = select(view, count, rng)
        version = view.version[slots]
        samples = {
            m: np.empty((count, *column.shape[1:]), column.dtype) if out is None else out[m]
            for m, column in storage.samples.items()
        }
        serial, lesson = view.serial[slots], view.lesson[slots]
        for m, column in storage.samples.items():
            np.take(column, slots, axis=0, out=samples[m], mode="clip")
        for _ in range(_TRIES):
            changed = ~self._whole(slots, version, samples)
            if not changed.any():
                return SampleBatch(slots, serial, lesson, samples)
            again = np.flatnonzero(changed.reshape(-1, group).any(axis=1).repeat(group))
            view = self._view = self._snapshot()
            if not len(view.slots):
                continue
            slots[again] = select(view, len(again), rng)
            version[again] = view.version[slots[again]]
            serial[again], lesson[again] = view.serial[slots[again]], view.lesson[slots[again]]
            for m, column in storage.samples.items():
                samples[m][again] = column[slots[again]]
        raise StorageError(
            f"table {storage.layout.kind}: overwritten faster than it can be read; raise replay.capacity"
        )

    def sweep(self, count: int) -> Iterator[SampleBatch]:
        """All events that the table holds now, oldest first, `count` at a time.

        What is overwritten before its turn comes is left out, so a batch may be smaller, or empty.

        Raises:
            ConfigError: `count` is less than one.
        """
        if count < 1:
            raise ConfigError(f"count={count}: expected a batch of at least one event")
        view = self.view()
        for at in range(0, len(view.by_age), count):
            yield self._take(view, view.by_age[at : at + count])

    def newest(self, count: int, keep: Keep | None = None) -> SampleBatch:
        """The newest `count` events that the table holds, oldest first, or as many as there are.

        Args:
            count: events.
            keep: restricts the draw to these events; from serials and lessons, (N,) int64 each, to (N,) bool.

        Raises:
            ConfigError: `count` is less than one.
        """
        if count < 1:
            raise ConfigError(f"count={count}: expected a batch of at least one event")
        view = self.view()
        slots = view.by_age
        if keep is not None:
            slots = slots[keep(view.serial[slots], view.lesson[slots])]
        return self._take(view, slots[-count:])

    def _take(self, view: SlotView, slots: NDArray[np.int64]) -> SampleBatch:
        """Copies of these slots, without those that were overwritten since the view was taken."""
        storage = self._storage
        samples = {m: column[slots] for m, column in storage.samples.items()}
        whole = self._whole(slots, view.version[slots], samples)
        slots = slots[whole]
        samples = {m: column[whole] for m, column in samples.items()}
        return SampleBatch(slots, view.serial[slots], view.lesson[slots], samples)

    def _whole(
        self, slots: NDArray[np.int64], version: NDArray[np.uint64], samples: Mapping[str, NDArray[Any]]
    ) -> NDArray[np.bool_]:
        """(N,): copies that are of that version and, if not yet checked, undamaged."""
        storage = self._storage
        whole: NDArray[np.bool_] = np.ones(len(slots), np.bool_)
        doubted = np.flatnonzero(storage.unchecked[slots])
        if len(doubted):
            whole[doubted] = storage.sound(slots[doubted], {m: column[doubted] for m, column in samples.items()})
        whole &= storage.meta["version"][slots] == version
        return whole

    def _snapshot(self) -> SlotView:
        """Slots that were whole while their columns were copied.

        A reader that is held up in between finds every slot of a small table overwritten, and looks again.
        """
        meta = self._storage.meta
        for _ in range(_TRIES):
            version = meta["version"].copy()
            serial, lesson = meta["serial"].copy(), meta["lesson"].copy()
            sound = (meta["version"] == version) & (version & np.uint64(1) == 0) & (serial != 0)
            if sound.any() or not self._storage.counters[0]["size"]:
                break
        return SlotView(version, serial, lesson, np.flatnonzero(sound))

"""Selectors: which stored events a batch is drawn from. Pure functions of the slots' ids."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensors.core.errors import ConfigError, StorageError
from sensors.core.event import NO_LESSON

VIEWS = 8
"""Events of each lesson that `lesson` draws unless told otherwise."""


@dataclass(frozen=True)
class SlotView:
    """A table's slots at one moment; what selectors compute over it is computed once.

    Attributes:
        version: (capacity,) uint64, of each slot when the view was taken.
        serial: (capacity,) int64, number of the slot's event in the table's stream.
        lesson: (capacity,) int64.
        slots: (N,) int64, the slots that hold an event.
    """

    version: NDArray[np.uint64]
    serial: NDArray[np.int64]
    lesson: NDArray[np.int64]
    slots: NDArray[np.int64]

    @cached_property
    def by_age(self) -> NDArray[np.int64]:
        """(N,): the slots, oldest event first."""
        order = np.argsort(self.serial[self.slots], kind="stable")
        return self.slots[order]

    @cached_property
    def by_lesson(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The slots of events in a lesson, grouped by it, and where each group ends."""
        slots = self.slots[self.lesson[self.slots] != NO_LESSON]
        lessons = self.lesson[slots]
        order = np.argsort(lessons, kind="stable")
        ends = np.flatnonzero(np.diff(lessons[order], append=NO_LESSON))[: len(slots)] + 1
        return slots[order], ends


Selector = Callable[[SlotView, int, np.random.Generator], NDArray[np.int64]]
"""Draws so many slots of a view that holds at least one event."""


def uniform(view: SlotView, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Every stored event with the same chance, with replacement."""
    return view.slots[rng.integers(0, len(view.slots), count)]


def lesson(view: SlotView, count: int, rng: np.random.Generator, *, views: int = VIEWS) -> NDArray[np.int64]:
    """`count / views` lessons, each drawn with the same chance, and `views` events of each, side by side.

    Lessons differ as long as there are enough of them, and so do the events of a lesson. Else some come twice.

    Raises:
        ConfigError: `count` is no multiple of `views`.
        StorageError: no stored event belongs to a lesson.
    """
    if views < 1 or count % views:
        raise ConfigError(f"selector lesson: {count} events cannot be divided into groups of views={views}")
    slots, ends = view.by_lesson
    if not len(ends):
        raise StorageError("selector lesson: no stored event belongs to a lesson; use another selector")
    lessons = count // views
    drawn = rng.choice(len(ends), lessons, replace=lessons > len(ends))
    starts = np.concatenate([[0], ends[:-1]])[drawn]
    sizes = ends[drawn] - starts
    picks = np.stack([rng.choice(int(n), views, replace=bool(n < views)) for n in sizes]) if lessons else None
    return slots[(starts[:, None] + picks).ravel()] if picks is not None else slots[:0]


def recency_mixed(view: SlotView, count: int, rng: np.random.Generator, *, newest: float = 0.1) -> NDArray[np.int64]:
    """Half uniform, half from the newest fraction of the stored events, with replacement.

    Raises:
        ConfigError: `newest` is outside 0…1.
    """
    if not 0.0 < newest <= 1.0:
        raise ConfigError(f"selector recency_mixed: newest={newest!r} is outside 0…1")
    total = len(view.slots)
    first = total - max(1, round(newest * total))
    recent = view.by_age[rng.integers(first, total, count // 2)]
    return np.concatenate([recent, uniform(view, count - count // 2, rng)])


SELECTORS: dict[str, Callable[..., NDArray[np.int64]]] = {
    "uniform": uniform,
    "lesson": lesson,
    "recency_mixed": recency_mixed,
}


def make_selector(name: str, **options: Any) -> Selector:
    """The selector called `name` with its options set.

    Raises:
        ConfigError: no such selector, or an option it does not have.
    """
    if name not in SELECTORS:
        raise ConfigError(f"selector={name!r}: choose one of {', '.join(SELECTORS)}")
    known = SELECTORS[name].__kwdefaults__ or {}
    if unknown := sorted(set(options) - set(known)):
        raise ConfigError(f"selector {name}: no option {', '.join(unknown)}; it has {', '.join(known) or 'none'}")
    return partial(SELECTORS[name], **options)


def group_size(name: str, **options: Any) -> int:
    """How many neighbours of a batch belong together, so that a redraw takes them all."""
    return int(options.get("views", VIEWS)) if name == "lesson" else 1

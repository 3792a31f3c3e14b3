"""What live sensing is made of, for any sense: readings of a source, percepts cut out of them, and what cuts them.

A source gives readings (pieces of sound, pictures, values). A cutter takes the readings of one sense and gives percepts
(utterances, views, touches). `sensors/perception/pairing.py` puts percepts of several senses together by their times.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, Self


class Reading(Protocol):
    """What a source gives at once.

    Attributes:
        kind: names readings of one class in a recording, such as 'sound'; no two classes have one kind.
    """

    kind: ClassVar[str]

    @property
    def begin(self) -> float:
        """Monotonic second at which the reading begins; readings of one source come in the order of their begins."""

    @property
    def end(self) -> float:
        """Monotonic second at which its last part was captured, >= `begin`."""

    @property
    def gap(self) -> bool:
        """Whether the source says that something was lost just before it."""

    @property
    def nbytes(self) -> int:
        """Bytes of its values."""

    def after_loss(self) -> Self:
        """The same reading, marked: something was lost before it."""

    def moved(self, seconds: float) -> Self:
        """The same reading, `seconds` later."""


class Percept(Protocol):
    """What a cutter cuts out of the readings of one sense: something that was perceived at one time.

    A percept is momentary or lasting. A momentary one (an utterance) is over when it is reported, and is reported once.
    A lasting one (a view, a touch) is reported when it begins, again while it goes on, and when it is over.
    """

    @property
    def start(self) -> float:
        """Monotonic second at which it began."""

    @property
    def end(self) -> float:
        """Monotonic second at which it ended, or up to which it is known to have been there."""

    @property
    def number(self) -> int | None:
        """Counts the lasting percepts of one sense, from 0; reports with one number are about one percept.

        None for a momentary percept.
        """

    @property
    def lasting(self) -> bool:
        """Whether it is still going on."""

    @property
    def whole(self) -> bool:
        """Whether it began and ended by itself; a momentary percept that something cut off is never paired."""


class Cutter(Protocol):
    """Readings of one sense in, percepts out; used by one thread.

    Attributes:
        counts: what became of the readings, by reason.
    """

    counts: Counter[str]

    @property
    def known(self) -> float:
        """Monotonic second up to which all is known: no percept that is still to come starts earlier.

        A lasting percept that has not been reported as over was there then.
        """

    def observe(self, reading: Any, now: float) -> Sequence[Percept]:
        """The percepts that this reading begins, confirms or ends.

        Args:
            reading: the next one, of the class that the sense's stream names.
            now: monotonic second at which it came.
        """

    def expire(self, now: float) -> Sequence[Percept]:
        """The percepts that are over because no reading has come for too long; to be called regularly.

        `known` must go on rising here, or percepts of other senses wait for the whole `pairing.patience`.
        """

    def flush(self) -> Sequence[Percept]:
        """End of the stream: the percepts that were going on."""

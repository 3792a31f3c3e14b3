"""Events that are held out of training: the same ones for the learner, which passes them over, and for the monitor.

An event is chosen by a hash of its lesson, because events of one lesson share a view and one of them would give the
others away; an event without a lesson by a hash of its number in its table. Nobody has to remember the choice.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.events.turns import Batch
from replay.reader import Reader
from replay.sampler import SampleBatch
from sensors.core.event import NO_LESSON
from sensors.core.state import StateDict

TRIES = 8
"""Draws until a batch is taken as it is: a table may hold next to nothing that may be learned from."""


def held_out(serial: NDArray[np.int64], lesson: NDArray[np.int64], share: float) -> NDArray[np.bool_]:
    """Which events are never learned from.

    Args:
        serial: (N,), their numbers in the table's stream.
        lesson: (N,), `NO_LESSON` for none.
        share: of all lessons and of all events without one, 0…1.
    """
    alone = lesson == NO_LESSON
    # Numbers without a lesson are told from lessons by the sign.
    key = np.where(alone, -serial - 1, lesson).astype(np.uint64)
    # SplitMix64's finaliser: neighbouring numbers become unlike.
    key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    key ^= key >> np.uint64(31)
    return np.asarray(key / 2.0**64 < share)


class TrainingReplay:
    """Replay as the learner sees it, without the events that are held out.

    Args:
        reader: of all events.
        share: that is held out, 0…0.5.

    Attributes:
        taken: batches that held such events nevertheless, because replay holds hardly any others.
    """

    def __init__(self, reader: Reader, share: float) -> None:
        self.share = share
        self.taken = 0
        self._reader = reader

    def kinds(self) -> list[str]:
        """Tables that exist now."""
        return self._reader.kinds()

    def size(self, kind: str) -> int:
        """Events that the table holds, those held out among them."""
        return self._reader.size(kind)

    def deficit(self, kind: str) -> float:
        """Samples that the table asks for."""
        return self._reader.deficit(kind)

    def sample(self, kind: str, count: int, selector: str = "uniform", **options: Any) -> Batch:
        """Draw a batch; rows that are held out are drawn again, all rows of a lesson together."""
        batch = self._reader.sample(kind, count, selector, **options)
        for _ in range(TRIES):
            out = held_out(batch.serial, batch.lesson, self.share)
            if not out.any():
                return batch
            # A selector that draws lessons draws whole groups, and a lesson is held out as a whole.
            batch = _mend(batch, out, self._reader.sample(kind, int(out.sum()), selector, **options))
        self.taken += 1
        return batch

    def state_dict(self) -> StateDict:
        """The reader's."""
        return self._reader.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the reader's."""
        self._reader.load_state_dict(state)

    def close(self) -> None:
        """Give the reader back."""
        self._reader.close()


def _mend(batch: SampleBatch, out: NDArray[np.bool_], others: SampleBatch) -> SampleBatch:
    """The batch with `others` in place of the rows `out`."""
    slots, serial, lesson = batch.slots.copy(), batch.serial.copy(), batch.lesson.copy()
    slots[out], serial[out], lesson[out] = others.slots, others.serial, others.lesson
    for m, column in batch.samples.items():
        column[out] = others.samples[m]
    return SampleBatch(slots, serial, lesson, batch.samples)

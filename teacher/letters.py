"""A simulated teacher of letters: pairs of speech and lips of some letters, speech alone of others, all labelled."""

from collections.abc import Mapping
from fractions import Fraction
from math import ceil, floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensors.core.errors import ConfigError
from sensors.core.event import NO_LESSON, EventBatch
from sensors.core.modalities import modality
from sensors.core.state import StateDict, load_counts
from teacher.config import LettersConfig
from teacher.datasets.letters import LetterData
from teacher.machine import NOMINAL_RATE
from teacher.subjects.contract import Cursor

STATE_VERSION = 1
_PAIRS, _ALONE, _GROWTH = range(3)
"""Branches of the seed: which order is drawn from it."""


class LettersMachine:
    """Emits batches of labelled events: `speech+lips+letter` of letters seen, `speech+letter` of letters unseen.

    A batch is a function of settings, data, seed, generation and cursor alone: setting `cursor` back emits the same
    batches again, bit by bit. Each kind goes through its part of the training rows in a random order, every row once,
    and then through a new one. While letters are still new, those that came so far are said, every row once before
    any comes again. Times are simulated. The test part never leaves.

    Args:
        config: pace and mix.
        data: the corpus; its training part is taught.
        name: the source of the events.
        seed: >= 0, one of its own for each machine.
        generation: counts restarts without the saved state.

    Raises:
        ConfigError: the corpus has nothing to teach of what the mix asks for.
    """

    def __init__(self, config: LettersConfig, data: LetterData, name: str, seed: int, generation: int = 0) -> None:
        self.config = config
        self.name = name
        self.seed = seed
        self.generation = generation
        self.cursor = Cursor()
        self._data = data
        said = data.utterances.letters[data.train]
        self._pairs = data.train[np.isin(said, data.seen)]
        by_letter = (data.train[said == letter] for letter in sorted(data.unseen))
        self._by_letter = [rows for rows in by_letter if len(rows)]
        self._alone = np.sort(np.concatenate(self._by_letter or [np.zeros(0, np.int64)]))
        self._share = Fraction(config.unseen_share).limit_denominator(10**6)
        if not len(self._pairs) and (self._share < 1 or config.pairs_first):
            raise ConfigError(f"letters: {data.utterances.name} has no training rows of letters seen")
        if not len(self._alone) and self._share > 0:
            raise ConfigError(f"letters.unseen_share: {data.utterances.name} has no letters unseen; set it to 0")
        self._opening = -(-config.pairs_first // config.batch_events)
        self._growth: tuple[tuple[int, int], NDArray[np.int64]] | None = None

    @property
    def rate(self) -> float:
        """Events to send each second; 0: as fast as replay accepts."""
        return self.config.rate

    def exam(self) -> None:
        """None: lip reading's examiners read the corpus themselves."""

    def step(self) -> EventBatch:
        """Emit the next batch, of one kind, and move the cursor past it."""
        at, utterances = self.cursor, self._data.utterances
        alone, first, count = self._plan(at.batch)
        order = range(first, first + count)
        rows = self._alone_rows(order) if alone else self._passes(self._pairs, _PAIRS, order)
        samples: dict[str, NDArray[Any]] = {"speech": utterances.speech[rows]}
        if not alone:
            samples["lips"] = utterances.stored_lips[rows]
        samples["letter"] = utterances.letters[rows, None].astype(modality("letter").dtype)
        seq = np.arange(at.seq, at.seq + count, dtype=np.int64)
        rate = self.config.rate or NOMINAL_RATE
        lesson = np.full(count, NO_LESSON, np.int64)
        batch = EventBatch(self.name, self.generation, seq, seq / rate, (seq + 1) / rate, lesson, samples)
        self.cursor = Cursor(at.batch + 1, at.seq + count)
        return batch

    def state_dict(self, cursor: Cursor | None = None) -> StateDict:
        """Seed, generation and cursor (an earlier one, if given), JSON-able."""
        at = cursor or self.cursor
        return {
            "version": STATE_VERSION,
            "name": self.name,
            "seed": self.seed,
            "generation": self.generation,
            "batch": at.batch,
            "seq": at.seq,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where the saved machine stood, with its seed and generation.

        Raises:
            StateError: another version or teacher, a key too many or too few, or a value that is no count.
        """
        counts = ("seed", "generation", "batch", "seq")
        found = load_counts(state, self.name, counts, STATE_VERSION, f"teacher {self.name}")
        self.seed, self.generation, self.cursor = found[0], found[1], Cursor(*found[2:])

    def _plan(self, batch: int) -> tuple[bool, int, int]:
        """Whether batch number `batch` has only speech, its first event's number within its kind, and its size."""
        size, k = self.config.batch_events, batch - self._opening
        if k < 0:
            done = batch * size
            return False, done, min(size, self.config.pairs_first - done)
        # Spread evenly: of any k batches, speech alone has its share, rounded down.
        before = floor(k * self._share)
        if floor((k + 1) * self._share) > before:
            return True, before * size, size
        return False, self.config.pairs_first + (k - before) * size, size

    def _passes(self, rows: NDArray[np.int64], branch: int, order: range) -> NDArray[np.int64]:
        """The rows at places `order` of pass after pass through `rows`, each pass in a random order of its own."""
        number = np.array(order) // len(rows)
        passes = {p: self._rng(branch, p).permutation(rows) for p in range(number[0], number[-1] + 1)}
        return np.array([passes[p][place % len(rows)] for p, place in zip(number, order, strict=True)], np.int64)

    def _alone_rows(self, order: range) -> NDArray[np.int64]:
        said = self._while_growing()
        grown = said[order.start : order.stop]
        later = range(max(order.start, len(said)) - len(said), order.stop - len(said))
        return np.concatenate((grown, self._passes(self._alone, _ALONE, later))) if len(later) else grown

    def _while_growing(self) -> NDArray[np.int64]:
        """Rows of speech alone from the first letter until every row of every letter was said; empty without growth."""
        if not self.config.grow_events:
            return np.zeros(0, np.int64)
        key = (self.seed, self.generation)
        if self._growth is None or self._growth[0] != key:
            self._growth = key, self._grow(self._rng(_GROWTH, 0))
        return self._growth[1]

    def _grow(self, rng: np.random.Generator) -> NDArray[np.int64]:
        size, letters = self.config.batch_events, self._by_letter
        said: list[int] = []
        left: list[int] = []
        known = batches = 0
        while known < len(letters):
            # Events since the first of speech alone could come, when this batch of it begins.
            past = (ceil((batches + 1) / self._share) - 1) * size
            due = min(1 + past // self.config.grow_events, len(letters))
            batches += 1
            for _ in range(size):
                if known < due:
                    # A new letter is said at once: its turn in the shuffle could be long in coming.
                    fresh = rng.permutation(letters[known]).tolist()
                    said.append(fresh.pop())
                    left += fresh
                    known += 1
                    continue
                left = left or np.concatenate(letters[:known]).tolist()
                place = int(rng.integers(len(left)))
                left[place], left[-1] = left[-1], left[place]
                said.append(left.pop())
        unsaid = np.setdiff1d(self._alone, said)
        return np.concatenate((np.array(said, np.int64), rng.permutation(unsaid)))

    def _rng(self, branch: int, number: int) -> np.random.Generator:
        # A spawn key, not more entropy: never the stream of a digits machine with this seed.
        return np.random.default_rng(np.random.SeedSequence([self.seed, self.generation], spawn_key=(branch, number)))

"""A simulated teacher: curriculum + datasets -> events; and the exam set, by which alone labels leave."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensors.core.errors import ConfigError
from sensors.core.event import NO_LESSON, EventBatch
from sensors.core.modalities import kind_of
from sensors.core.state import StateDict, load_counts
from sensors.senses import Flaws, sense
from teacher.config import TeacherConfig
from teacher.curriculum import Curriculum, Plan
from teacher.datasets.core.exam_set import MOST_CONCEPTS, ExamSet
from teacher.datasets.core.samples import Labels, Samples
from teacher.derived import add_derived
from teacher.subjects.contract import Cursor

STATE_VERSION = 1
NOMINAL_RATE = 1000.0
"""Simulated events per second where `rate` sets no pace."""
MAX_SEEDS, MAX_GENERATIONS = 1 << 16, 1 << 11
_COUNTER_BITS = 36
_NO_FLAWS = Flaws(noise=lambda samples, share, rng: samples)


class Machine:
    """Emits batches of events and holds the exam set.

    A batch is a function of settings, datasets, seed, generation and cursor alone: setting `cursor` back
    emits the same batches again, bit by bit. Times are simulated. Lesson numbers come from a counter, below
    a prefix of seed and generation: they are fresh for machines whose seeds differ modulo 65,536.

    Args:
        config: how to teach.
        datasets: sense -> its samples, in the order of exams; their training parts are shown.
        concepts: names by label, 2…10,000 of them.
        name: the source of the events.
        seed: >= 0, one of its own for each machine.
        generation: counts restarts without the saved state, 0…2,047.

    Raises:
        ConfigError: the settings leave nothing to teach, or ask for flaws that a sense does not have.
    """

    def __init__(
        self,
        config: TeacherConfig,
        datasets: Mapping[str, Samples],
        concepts: Sequence[str],
        name: str,
        seed: int,
        generation: int = 0,
    ) -> None:
        if not 2 <= len(concepts) <= MOST_CONCEPTS:
            raise ConfigError(f"{name}: {len(concepts):,} concepts; expected 2…{MOST_CONCEPTS:,}")
        self.config = config
        self.name = name
        self.seed = seed
        self.generation = generation
        self.cursor = Cursor()
        self._concepts = tuple(concepts)
        self._datasets = dict(datasets)
        self._samples = {m: datasets[m] for m in kind_of(datasets).split("+")}
        self._rows = {m: _Rows.of(s.train_labels, len(concepts)) for m, s in self._samples.items()}
        met = {m: rows.concepts for m, rows in self._rows.items()}
        self._paired = {
            m: rows.subset(config.paired_share, np.random.default_rng([config.paired_seed, k]))
            for k, (m, rows) in enumerate(self._rows.items())
        }
        self._curriculum = Curriculum(config, met, self._concepts)
        self._derived = config.derives(tuple(self._samples))
        self._flaws = {m: sense(m).flaws or _NO_FLAWS for m in self._samples}
        if config.noise > 0 and (clean := [m for m in self._samples if sense(m).flaws is None]):
            raise ConfigError(f"noise={config.noise:g}: noise is not defined for {clean[0]}; set it to 0")
        self._last: Plan | None = None
        self._emitted: tuple[str, ...] = ()

    @property
    def rate(self) -> float:
        """Events to send each second; 0: as fast as replay accepts."""
        return self.config.rate

    def step(self) -> EventBatch:
        """Emit the next batch, of one kind, and move the cursor past it."""
        at, count = self.cursor, self.config.batch_events
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, self.generation, at.batch]))
        plan = self._curriculum.plan(at.batch, rng)
        lessons = 0 if plan.lessons is None else self._curriculum.lessons_per_batch
        seq = np.arange(at.seq, at.seq + count, dtype=np.int64)
        rate = self.config.rate or NOMINAL_RATE
        samples = {m: self._draw(m, plan, rng) for m in plan.senses}
        if self.config.drift_events:
            # A generator of its own: the same samples are drawn with a drift and without.
            samples = self._drift(samples, seq, rng.spawn(1)[0])
        batch = EventBatch(
            source=self.name,
            generation=self.generation,
            seq=seq,
            start=seq / rate,
            end=(seq + 1) / rate,
            lesson=self._lessons(plan, count),
            samples=samples,
        )
        if self._derived:
            batch = add_derived(batch, self._derived, self.seed)
        self._last, self._emitted = plan, tuple(batch.samples)
        self.cursor = Cursor(at.batch + 1, at.seq + count, at.lesson + lessons)
        return batch

    def concepts(self) -> Mapping[str, NDArray[np.int64]]:
        """What the batch last emitted by `step` holds: (B,) concepts by sense; for measuring only.

        Of co-occurring events all senses have the same concept; that of the first sense differs where `wrong_pairs` has
        a passer-by speak, and a derived sense has that of the sense it is computed from. Empty before the first step.
        No part of the events or of the state.
        """
        if self._last is None:
            return {}
        return {m: self._last.concepts_of(self._derived.get(m, m)) for m in self._emitted}

    def exam(self) -> ExamSet:
        """The test parts of all datasets, with labels."""
        return ExamSet.of(self._datasets, self._concepts)

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
            "lesson": at.lesson,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where the saved machine stood, with its seed and generation.

        Raises:
            StateError: another version or teacher, a key too many or too few, or a value that is no count.
        """
        counts = ("seed", "generation", "batch", "seq", "lesson")
        found = load_counts(state, self.name, counts, STATE_VERSION, f"teacher {self.name}")
        self.seed, self.generation, self.cursor = found[0], found[1], Cursor(*found[2:])

    def _lessons(self, plan: Plan, count: int) -> NDArray[np.int64]:
        if plan.lessons is None:
            return np.full(count, NO_LESSON, np.int64)
        prefix = self.seed % MAX_SEEDS * MAX_GENERATIONS + self.generation % MAX_GENERATIONS
        return plan.lessons + ((prefix << _COUNTER_BITS) + self.cursor.lesson)

    def _draw(self, name: str, plan: Plan, rng: np.random.Generator) -> NDArray[Any]:
        concepts = plan.concepts_of(name)
        rows = (self._rows if len(plan.senses) == 1 else self._paired)[name]
        samples, flaws = self._samples[name], self._flaws[name]
        column = samples.train[rows.pick(concepts, rng.random(len(concepts)))]
        if self.config.jitter and samples.jitter and flaws.vary is not None:
            column = flaws.vary(column, rng)
        if self.config.noise > 0:
            column = flaws.noise(column, self.config.noise, rng)
        return column

    def _drift(
        self, samples: dict[str, NDArray[Any]], seq: NDArray[np.int64], rng: np.random.Generator
    ) -> dict[str, NDArray[Any]]:
        config = self.config
        share = np.clip((seq - config.drift_start) / config.drift_events, 0.0, 1.0)
        if not share.any():
            return samples
        noise, light = config.drift_noise * share, 1 - (1 - config.drift_light) * share
        wear = {name: self._flaws[name].wear for name in samples}
        return {
            name: column if (worse := wear[name]) is None else worse(column, noise, light, rng)
            for name, column in samples.items()
        }


class _Rows:
    """The training rows of each concept, one concept's after another's.

    Args:
        rows: (N,) row numbers.
        counts: (C,) how many of them are each concept's.
    """

    def __init__(self, rows: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        self._rows = rows
        self._counts = counts
        self._starts = counts.cumsum() - counts

    @classmethod
    def of(cls, labels: Labels, concepts: int) -> "_Rows":
        """All rows of a dataset."""
        return cls(np.argsort(labels, kind="stable"), np.bincount(labels, minlength=concepts).astype(np.int64))

    @property
    def concepts(self) -> frozenset[int]:
        """Those that have rows."""
        return frozenset(np.flatnonzero(self._counts).tolist())

    def pick(self, concepts: NDArray[np.int64], chances: NDArray[np.float64]) -> NDArray[np.int64]:
        """(B,) rows of these (B,) concepts, by chances in [0, 1)."""
        within = (chances * self._counts[concepts]).astype(np.int64)
        rows: NDArray[np.int64] = self._rows[self._starts[concepts] + within]
        return rows

    def subset(self, share: float, rng: np.random.Generator) -> "_Rows":
        """A `share` of each concept's rows, at least one; smaller shares are part of larger ones."""
        if share == 1:
            return self
        kept = [
            np.sort(rng.permutation(rows)[: max(1, round(share * len(rows)))])
            for rows in np.split(self._rows, self._starts[1:])
        ]
        return _Rows(np.concatenate(kept), np.array([len(rows) for rows in kept], np.int64))

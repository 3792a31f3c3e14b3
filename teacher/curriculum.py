"""What to teach next: the kind of each batch and the concepts in it. Pure; knows no samples."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensors.core.errors import ConfigError
from teacher.config import TeacherConfig, missing_concepts

Group = tuple[str, ...]
"""Senses that one event has, in registry order."""


@dataclass(frozen=True)
class Plan:
    """One batch to teach.

    Attributes:
        senses: of every event in it, in registry order.
        concepts: (B,) concept of each event; stays inside the machine.
        lessons: (B,) lesson of each event, counted from 0 in this batch; None for events of one sense.
        first: (B,) concept of each event's sample of the first sense where it can be another one, a passer-by's; else
            None.
    """

    senses: Group
    concepts: NDArray[np.int64]
    lessons: NDArray[np.int64] | None
    first: NDArray[np.int64] | None = None

    def concepts_of(self, sense: str) -> NDArray[np.int64]:
        """(B,) concept of each event's sample of this sense."""
        return self.first if self.first is not None and sense == self.senses[0] else self.concepts


class Weights:
    """Concepts and how often each is drawn; a draw costs a search, however many there are.

    Args:
        concepts: that can be drawn, at least one.
        exponent: of Zipf's law over all concepts.
        count: of all concepts.
    """

    def __init__(self, concepts: Iterable[int], exponent: float, count: int) -> None:
        self.concepts = np.array(sorted(concepts), np.int64)
        weights = np.zeros(count)
        weights[self.concepts] = (self.concepts + 1.0) ** -exponent
        self._weights = (weights / weights.sum())[self.concepts]
        self._bounds = self._weights.cumsum()
        self._shares = self._bounds / self._bounds[-1]

    def draw(self, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """(count,) concepts; of two or more where there are so many, as one alone breaks batch normalisation."""
        drawn: NDArray[np.int64] = self.concepts[self._shares.searchsorted(rng.random(count), side="right")]
        if len(self.concepts) > 1 and count > 1 and (drawn == drawn[0]).all():
            others = self.concepts != drawn[0]
            weights = self._weights[others]
            drawn[rng.integers(count)] = rng.choice(self.concepts[others], p=weights / weights.sum())
        return drawn

    def draw_others(self, than: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """(B,) for each of these concepts another one; `than` are among those that can be drawn, and not the only one.

        Args:
            than: (B,) concepts that are not to be drawn.
            rng: drawn from `B` times.
        """
        place = np.searchsorted(self.concepts, than)
        before = self._bounds[place] - self._weights[place]
        chance = rng.random((len(than), 1))[:, 0] * (self._bounds[-1] - self._weights[place])
        # As if the concept that is left out took no room.
        drawn = self._bounds.searchsorted(chance + self._weights[place] * (chance >= before), side="right")
        # Rounding may end a hair's breadth beyond a bound.
        last = len(self.concepts) - 1
        drawn = np.minimum(drawn, last)
        drawn = np.where(drawn == place, np.where(place < last, place + 1, place - 1), drawn)
        others: NDArray[np.int64] = self.concepts[drawn]
        return others


class Curriculum:
    """Plans batch after batch; the plan depends only on the batch's number and generator.

    A concept co-occurs in all the senses that meet it: where some senses never meet it, in the others, if there are two
    or more.

    Args:
        config: style, lengths, imbalance and missing concepts.
        met: sense -> concepts that there are samples of, senses in registry order.
        concepts: names by number.

    Raises:
        ConfigError: fewer than two senses; a sense, or co-occurrence, or a phase of either, is left without any
            concept; or wrong pairs without a second concept.
    """

    def __init__(self, config: TeacherConfig, met: Mapping[str, frozenset[int]], concepts: tuple[str, ...]) -> None:
        if len(met) < 2:
            raise ConfigError(f"{', '.join(met) or 'nothing'} is one sense; co-occurring events need two or more")
        self._config = config
        self._concepts = concepts
        self.senses = tuple(met)
        missing = missing_concepts(config.missing, self.senses, concepts)
        self._met = {sense: numbers - missing.get(sense, frozenset()) for sense, numbers in met.items()}
        self._groups = self._group()
        self._everything = range(len(concepts))
        self._check(self._everything)
        size = config.phase_concepts if config.phase_events else len(concepts)
        self._phases = [self._everything[at : at + size] for at in range(0, len(concepts), size)]
        for phase in self._phases:
            self._check(phase)
        self._prepared: dict[range, dict[Group, Weights]] = {}
        self.warmup_batches = 0
        if config.style == "hybrid":
            self.warmup_batches = len(self.senses) * -(-config.warmup_events // config.batch_events)

    @property
    def lessons_per_batch(self) -> int:
        """Lessons in one co-occurring batch."""
        return -(-self._config.batch_events // self._config.lesson_length)

    @property
    def kinds(self) -> tuple[Group, ...]:
        """The senses of every planned kind of event: single senses first, then co-occurring ones."""
        return (*((sense,) for sense in self.senses), *self._groups)

    def plan(self, batch: int, rng: np.random.Generator) -> Plan:
        """Plan the batch with this number, drawing from `rng`."""
        alone = self._alone(batch, rng)
        weights = self._weights(batch)
        if alone is not None:
            return Plan((alone,), weights[(alone,)].draw(self._config.batch_events, rng), None)
        group = self._together(weights, rng)
        lessons = np.arange(self._config.batch_events, dtype=np.int64) // self._config.lesson_length
        concepts = weights[group].draw(self.lessons_per_batch, rng)[lessons]
        first = None
        if self._config.wrong_pairs > 0:
            # A generator of its own leaves the rest of the stream as it is without wrong pairs.
            apart = rng.spawn(1)[0]
            others = weights[group[:1]].draw_others(concepts, apart)
            first = np.where(apart.random(len(concepts)) < self._config.wrong_pairs, others, concepts)
        return Plan(group, concepts, lessons, first)

    def _group(self) -> dict[Group, frozenset[int]]:
        """Concepts by the senses in which they co-occur; all senses first."""
        by_senses: dict[Group, set[int]] = {self.senses: set()}
        senses_of = {c: tuple(s for s in self.senses if c in self._met[s]) for c in range(len(self._concepts))}
        for concept, senses in senses_of.items():
            if len(senses) > 1:
                by_senses.setdefault(senses, set()).add(concept)
        return {senses: frozenset(concepts) for senses, concepts in by_senses.items() if concepts}

    def _check(self, phase: range) -> None:
        """Refuse a phase in which something cannot be taught."""
        where = f" of phase {', '.join(map(str, phase))}" if phase != self._everything else ""
        for sense, concepts in self._met.items():
            if not concepts.intersection(phase):
                raise ConfigError(f"teacher.missing: no concept{where} remains for {sense}")
            if self._config.wrong_pairs > 0 and len(concepts.intersection(phase)) < 2 and self._passes_by(sense):
                raise ConfigError(
                    f"wrong_pairs={self._config.wrong_pairs:g}: no second concept{where} is met by {sense}"
                )
        if not any(concepts.intersection(phase) for concepts in self._groups.values()):
            raise ConfigError(
                f"teacher.missing: no concept{where} remains that {' and '.join(self.senses)} meet together"
            )

    def _passes_by(self, sense: str) -> bool:
        return any(group[0] == sense for group in self._groups)

    def _weights(self, batch: int) -> Mapping[Group, Weights]:
        past = batch - self.warmup_batches
        phase = self._everything
        if past >= 0 and self._config.phase_events:
            number = past * self._config.batch_events // self._config.phase_events
            phase = self._phases[number % len(self._phases)]
        if phase not in self._prepared:
            # One phase at a time: thousands of them would take gigabytes.
            self._prepared = {phase: self._prepare(phase)}
        return self._prepared[phase]

    def _prepare(self, phase: range) -> dict[Group, Weights]:
        groups: dict[Group, frozenset[int]] = {(sense,): met for sense, met in self._met.items()} | self._groups
        found = {group: concepts.intersection(phase) for group, concepts in groups.items()}
        exponent, count = self._config.imbalance, len(self._concepts)
        return {group: Weights(concepts, exponent, count) for group, concepts in found.items() if concepts}

    def _alone(self, batch: int, rng: np.random.Generator) -> str | None:
        """The one sense of this batch; None where senses co-occur."""
        if batch < self.warmup_batches:
            return self.senses[batch % len(self.senses)]
        if rng.random() < self._config.single_share:
            return self.senses[int(rng.integers(len(self.senses)))]
        return None

    def _together(self, weights: Mapping[Group, Weights], rng: np.random.Generator) -> Group:
        """Which senses co-occur in this batch: all of them, or by the numbers of concepts that they have."""
        groups = [group for group in weights if len(group) > 1]
        if len(groups) == 1:
            return groups[0]
        sizes = Counter({group: len(weights[group].concepts) for group in groups})
        shares = np.cumsum([sizes[group] / sizes.total() for group in groups])
        return groups[min(int(shares.searchsorted(rng.random(), side="right")), len(groups) - 1)]

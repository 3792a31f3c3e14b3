"""What to teach next: the kind of each batch and the concepts in it. Pure; knows no samples."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensors.errors import ConfigError
from teacher.config import CONCEPTS, TeacherConfig, concept_numbers

AUDIO, IMAGE, BOTH = ("audio",), ("image",), ("audio", "image")


@dataclass(frozen=True)
class Plan:
    """One batch to teach.

    Attributes:
        modalities: of every event in it, in registry order.
        concepts: (B,) concept of each event; stays inside the machine.
        lessons: (B,) lesson of each event, counted from 0 in this batch; None for single-modality events.
        spoken: (B,) concept of each event's sound where it can be another one, a passer-by's; else None.
    """

    modalities: tuple[str, ...]
    concepts: NDArray[np.int64]
    lessons: NDArray[np.int64] | None
    spoken: NDArray[np.int64] | None = None

    def concepts_of(self, modality: str) -> NDArray[np.int64]:
        """(B,) concept of each event's sample in this modality."""
        return self.spoken if modality == "audio" and self.spoken is not None else self.concepts


class Curriculum:
    """Plans batch after batch; the plan depends on the batch's number and generator alone.

    Args:
        config: style, lengths, imbalance and missing concepts.
        heard: concepts that the speech has samples of.
        seen: concepts that the images have samples of.

    Raises:
        ConfigError: a modality, or co-occurrence, or a phase of either, is left without any concept, or
            wrong pairs without a second one.
    """

    def __init__(self, config: TeacherConfig, heard: frozenset[int], seen: frozenset[int]) -> None:
        self._config = config
        heard -= concept_numbers("missing_audio", config.missing_audio)
        seen -= concept_numbers("missing_image", config.missing_image)
        self._all = self._taught(heard, seen)
        everything = list(range(len(CONCEPTS)))
        size = config.phase_concepts if config.phase_events else len(CONCEPTS)
        groups = [frozenset(everything[at : at + size]) for at in range(0, len(CONCEPTS), size)]
        self._phases = [self._taught(heard & group, seen & group, group) for group in groups]
        self.warmup_batches = 0
        if config.style == "hybrid":
            self.warmup_batches = 2 * -(-config.warmup_events // config.batch_events)

    @property
    def lessons_per_batch(self) -> int:
        """Lessons in one co-occurring batch."""
        return -(-self._config.batch_events // self._config.lesson_length)

    def plan(self, batch: int, rng: np.random.Generator) -> Plan:
        """Plan the batch with this number, drawing from `rng`."""
        modalities = self._modalities(batch, rng)
        weights = self._weights(batch)
        if modalities != BOTH:
            return Plan(modalities, _draw(weights[modalities], self._config.batch_events, rng), None)
        concepts = _draw(weights[BOTH], self.lessons_per_batch, rng)
        lessons = np.arange(self._config.batch_events, dtype=np.int64) // self._config.lesson_length
        seen = concepts[lessons]
        spoken = None
        if self._config.wrong_pairs > 0:
            # A generator of its own leaves the rest of the stream as it is without wrong pairs.
            spoken = _pass_by(seen, weights[AUDIO], self._config.wrong_pairs, rng.spawn(1)[0])
        return Plan(BOTH, seen, lessons, spoken)

    def _taught(
        self, heard: frozenset[int], seen: frozenset[int], phase: frozenset[int] = frozenset()
    ) -> dict[tuple[str, ...], NDArray[np.float64]]:
        """Weights of the concepts by the modalities in which they are met."""
        where = f" of phase {', '.join(map(str, sorted(phase)))}" if len(phase) < len(CONCEPTS) and phase else ""
        for what, concepts in (("heard", heard), ("seen", seen), ("heard and seen together", heard & seen)):
            if not concepts:
                raise ConfigError(f"missing_audio, missing_image: no concept{where} is left to be {what}")
        if self._config.wrong_pairs > 0 and len(heard) < 2:
            raise ConfigError(f"wrong_pairs={self._config.wrong_pairs:g}: no second concept{where} is heard")
        exponent = self._config.imbalance
        return {
            AUDIO: _weights(heard, exponent),
            IMAGE: _weights(seen, exponent),
            BOTH: _weights(heard & seen, exponent),
        }

    def _weights(self, batch: int) -> Mapping[tuple[str, ...], NDArray[np.float64]]:
        past = batch - self.warmup_batches
        if past < 0 or not self._config.phase_events:
            return self._all
        return self._phases[past * self._config.batch_events // self._config.phase_events % len(self._phases)]

    def _modalities(self, batch: int, rng: np.random.Generator) -> tuple[str, ...]:
        if batch < self.warmup_batches:
            return (AUDIO, IMAGE)[batch % 2]
        if rng.random() < self._config.single_share:
            return (AUDIO, IMAGE)[int(rng.integers(2))]
        return BOTH


def _weights(concepts: frozenset[int], exponent: float) -> NDArray[np.float64]:
    ranks = np.arange(1, len(CONCEPTS) + 1, dtype=np.float64)
    weights = np.where(np.isin(ranks - 1, sorted(concepts)), ranks**-exponent, 0.0)
    total: float = weights.sum()
    return weights / total


def _draw(weights: NDArray[np.float64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    drawn = rng.choice(len(weights), count, p=weights).astype(np.int64)
    others = np.flatnonzero(weights)
    others = others[others != drawn[0]]
    # A batch of one single concept breaks batch normalisation.
    if len(others) and count > 1 and (drawn == drawn[0]).all():
        drawn[rng.integers(count)] = rng.choice(others, p=weights[others] / weights[others].sum())
    return drawn


def _pass_by(
    seen: NDArray[np.int64], weights: NDArray[np.float64], share: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Sounds of a `share` of the events become another concept's, drawn by `weights`."""
    others = np.tile(weights, (len(seen), 1))
    others[np.arange(len(seen)), seen] = 0
    bounds = np.cumsum(others / others.sum(1, keepdims=True), 1)
    drawn = (rng.random((len(seen), 1)) >= bounds[:, :-1]).sum(1)
    return np.where(rng.random(len(seen)) < share, drawn, seen).astype(np.int64)

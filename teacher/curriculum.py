"""What to teach next: the kind of each batch and the concepts in it. Pure; knows no samples."""

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
    """

    modalities: tuple[str, ...]
    concepts: NDArray[np.int64]
    lessons: NDArray[np.int64] | None


class Curriculum:
    """Plans batch after batch; the plan depends on the batch's number and generator alone.

    Args:
        config: style, lengths, imbalance and missing concepts.
        heard: concepts that the speech has samples of.
        seen: concepts that the images have samples of.

    Raises:
        ConfigError: the missing concepts leave a modality, or their co-occurrence, without any.
    """

    def __init__(self, config: TeacherConfig, heard: frozenset[int], seen: frozenset[int]) -> None:
        self._config = config
        heard -= concept_numbers("missing_audio", config.missing_audio)
        seen -= concept_numbers("missing_image", config.missing_image)
        for what, concepts in (("heard", heard), ("seen", seen), ("heard and seen together", heard & seen)):
            if not concepts:
                raise ConfigError(f"missing_audio, missing_image: no concept is left to be {what}")
        self._weights = {
            AUDIO: _weights(heard, config.imbalance),
            IMAGE: _weights(seen, config.imbalance),
            BOTH: _weights(heard & seen, config.imbalance),
        }
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
        weights = self._weights[modalities]
        if modalities != BOTH:
            return Plan(modalities, _draw(weights, self._config.batch_events, rng), None)
        concepts = _draw(weights, self.lessons_per_batch, rng)
        lessons = np.arange(self._config.batch_events, dtype=np.int64) // self._config.lesson_length
        return Plan(BOTH, concepts[lessons], lessons)

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

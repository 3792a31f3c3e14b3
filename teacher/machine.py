"""A simulated teacher: curriculum + datasets -> events; and the exam set, by which alone labels leave."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensors.errors import StateError
from sensors.event import NO_LESSON, EventBatch
from sensors.flaws import add_noise, darken, jitter
from sensors.state import State, check_state
from teacher.config import CONCEPTS, TeacherConfig
from teacher.curriculum import Curriculum, Plan
from teacher.datasets.exam_set import ExamSet
from teacher.datasets.samples import Bytes, Samples
from teacher.microphones import add_far_microphone

AUDIO, AUDIO_FAR, IMAGE = "audio", "audio_far", "image"
STATE_VERSION = 1
NOMINAL_RATE = 1000.0
"""Simulated events per second where `rate` sets no pace."""
MAX_SEEDS, MAX_GENERATIONS = 1 << 16, 1 << 11
_COUNTER_BITS = 36


@dataclass(frozen=True)
class Cursor:
    """Where a machine stands: batches, events and lessons emitted so far in this generation."""

    batch: int = 0
    seq: int = 0
    lesson: int = 0


class Machine:
    """Emits batches of events and holds the exam set.

    A batch is a function of settings, datasets, seed, generation and cursor alone: setting `cursor` back
    emits the same batches again, bit by bit. Times are simulated. Lesson numbers come from a counter, below
    a prefix of seed and generation: they are fresh for machines whose seeds differ modulo 65,536.

    Args:
        config: how to teach.
        images: handwriting; its training part is shown.
        speech: its training part is played.
        name: the source of the events.
        seed: >= 0, one of its own for each machine.
        generation: counts restarts without the saved state, 0…2,047.

    Raises:
        ConfigError: the settings leave nothing to teach.
    """

    def __init__(
        self,
        config: TeacherConfig,
        images: Samples,
        speech: Samples,
        name: str,
        seed: int,
        generation: int = 0,
    ) -> None:
        self.config = config
        self.name = name
        self.seed = seed
        self.generation = generation
        self.cursor = Cursor()
        self._samples = {AUDIO: speech, IMAGE: images}
        self._by_concept = {
            m: [np.flatnonzero(s.train_labels == c) for c in range(len(CONCEPTS))] for m, s in self._samples.items()
        }
        heard, seen = (
            frozenset(c for c, indices in enumerate(self._by_concept[m]) if len(indices)) for m in (AUDIO, IMAGE)
        )
        self._paired = {
            m: _subset(by_concept, config.paired_share, np.random.default_rng([config.paired_seed, k]))
            for k, (m, by_concept) in enumerate(self._by_concept.items())
        }
        self._curriculum = Curriculum(config, heard, seen)
        self._jitter = config.jitter and images.jitter
        self._last: Plan | None = None
        self._emitted: tuple[str, ...] = ()

    def step(self) -> EventBatch:
        """Emit the next batch, of one kind, and move the cursor past it."""
        at, count = self.cursor, self.config.batch_events
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, self.generation, at.batch]))
        plan = self._curriculum.plan(at.batch, rng)
        lessons = 0 if plan.lessons is None else self._curriculum.lessons_per_batch
        seq = np.arange(at.seq, at.seq + count, dtype=np.int64)
        rate = self.config.rate or NOMINAL_RATE
        samples = {m: self._draw(m, plan, rng) for m in plan.modalities}
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
        if self.config.far_microphone:
            batch = add_far_microphone(batch, self.seed)
        self._last, self._emitted = plan, tuple(batch.samples)
        self.cursor = Cursor(at.batch + 1, at.seq + count, at.lesson + lessons)
        return batch

    def concepts(self) -> Mapping[str, NDArray[np.int64]]:
        """What the batch last emitted by `step` shows and says: (B,) concepts by modality; for measuring only.

        Of co-occurring events the concept is the image's; the sound's differs where `wrong_pairs` has a passer-by
        speak, and the far microphone hears the same sound. Empty before the first step. No part of the events or of
        the state.
        """
        if self._last is None:
            return {}
        planned = {m: AUDIO if m == AUDIO_FAR else m for m in self._emitted}
        return {m: self._last.concepts_of(of) for m, of in planned.items()}

    def exam(self) -> ExamSet:
        """The test parts of both datasets, with labels."""
        return ExamSet.of({m: self._samples[m] for m in (IMAGE, AUDIO)}, CONCEPTS)

    def state_dict(self, cursor: Cursor | None = None) -> State:
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
        keys = {"name", "seed", "generation", "batch", "seq", "lesson"}
        check_state(state, keys, STATE_VERSION, f"teacher {self.name}")
        if state["name"] != self.name:
            raise StateError(f"teacher {self.name}: saved state belongs to {state['name']!r}")
        for key in keys - {"name"}:
            if isinstance(state[key], bool) or not isinstance(state[key], int) or state[key] < 0:
                raise StateError(f"teacher {self.name}: saved {key}={state[key]!r}, expected an integer >= 0")
        self.seed, self.generation = state["seed"], state["generation"]
        self.cursor = Cursor(state["batch"], state["seq"], state["lesson"])

    def _lessons(self, plan: Plan, count: int) -> NDArray[np.int64]:
        if plan.lessons is None:
            return np.full(count, NO_LESSON, np.int64)
        prefix = self.seed % MAX_SEEDS * MAX_GENERATIONS + self.generation % MAX_GENERATIONS
        return plan.lessons + ((prefix << _COUNTER_BITS) + self.cursor.lesson)

    def _draw(self, modality: str, plan: Plan, rng: np.random.Generator) -> Bytes:
        concepts = plan.concepts_of(modality)
        by_concept = (self._by_concept if len(plan.modalities) == 1 else self._paired)[modality]
        chances = rng.random(len(concepts))
        indices = [by_concept[c][int(u * len(by_concept[c]))] for c, u in zip(concepts, chances, strict=True)]
        column = self._samples[modality].train[indices]
        if modality == IMAGE and self._jitter:
            column = jitter(column, rng)
        if self.config.noise > 0:
            column = add_noise(column, self.config.noise, rng)
        return column

    def _drift(self, samples: dict[str, Bytes], seq: NDArray[np.int64], rng: np.random.Generator) -> dict[str, Bytes]:
        config = self.config
        share = np.clip((seq - config.drift_start) / config.drift_events, 0.0, 1.0)
        if not share.any():
            return samples
        worse = dict(samples)
        if config.drift_noise > 0 and AUDIO in worse:
            worse[AUDIO] = add_noise(worse[AUDIO], config.drift_noise * share, rng)
        if config.drift_light < 1 and IMAGE in worse:
            worse[IMAGE] = darken(worse[IMAGE], 1 - (1 - config.drift_light) * share)
        return worse


def _subset(by_concept: list[NDArray[np.int64]], share: float, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """A `share` of each concept's samples, at least one; smaller shares are part of larger ones."""
    if share == 1:
        return by_concept
    return [np.sort(rng.permutation(indices)[: max(1, round(share * len(indices)))]) for indices in by_concept]

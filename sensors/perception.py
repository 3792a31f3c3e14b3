"""From sound and pictures to event batches: what a live agent perceives, without a label anywhere.

Sound is cut into utterances, pictures into views, both are paired by time, and what comes out has the form of the
datasets' samples: `audio` by `sensors/spectrogram.py`, without the room's noise, `image` as `look` makes it.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensors.cleaning import clean
from sensors.config import Config, setting
from sensors.errors import ConfigError, StateError
from sensors.event import NO_LESSON, EventBatch
from sensors.pairing import Moment, Pairing, PairingConfig
from sensors.segmentation import SegmentationConfig, Segmenter, Utterance
from sensors.source import Chunk, Frame
from sensors.spectrogram import log_mel, quantise
from sensors.state import State, check_state
from sensors.views import Look, View, Views, ViewsConfig

STATE_VERSION = 1


@dataclass(frozen=True)
class PerceptionConfig(Config):
    """How streams become events."""

    segmentation: SegmentationConfig = field(default_factory=SegmentationConfig)
    views: ViewsConfig = field(default_factory=ViewsConfig)
    pairing: PairingConfig = field(default_factory=PairingConfig)
    clean: bool = setting(True, help="take the background noise out of utterances")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.views.again >= self.pairing.lasting:
            raise ConfigError(
                f"views.again={self.views.again}: a view that stays would be taken to be over between two looks; give "
                f"less than pairing.lasting={self.pairing.lasting}"
            )


class Perception:
    """Chunks and frames in, event batches out; to be used by one thread.

    A lesson's number is a hash of 63 bits of the source's name, its generation and a count, so that sources which know
    nothing of each other, and starts that know nothing of earlier ones, do not give one number to two lessons.

    Args:
        name: the source of the events.
        generation: counts restarts without the saved state, >= 0.
        config: how streams become events.
        look: from a grey picture to an `image` sample (1, 32, 32) uint8, or None where nothing is shown.
    """

    def __init__(
        self,
        name: str,
        generation: int = 0,
        config: PerceptionConfig | None = None,
        *,
        look: Look,
    ) -> None:
        self.config = config or PerceptionConfig()
        self.name = name
        self.generation = generation
        self._seq = 0
        self._segmenter = Segmenter(self.config.segmentation)
        self._views = Views(look, self.config.views)
        self._pairing = Pairing(self.config.pairing)

    @property
    def counts(self) -> dict[str, int]:
        """What became of everything, by `sound.`, `pictures.`, `pairing.` and reason, and `events` that came out."""
        parts = {"sound": self._segmenter.counts, "pictures": self._views.counts, "pairing": self._pairing.counts}
        named = {f"{part}.{reason}": n for part, counts in parts.items() for reason, n in counts.items()}
        return {**named, "events": self._seq}

    def observe(self, item: Chunk | Frame, now: float) -> list[EventBatch]:
        """Take a piece of sound or a picture.

        Args:
            item: each kind in the order of its times.
            now: monotonic second.

        Returns:
            What is decided by it: one batch for each kind of event, often none.
        """
        found = self._segmenter.observe(item) if isinstance(item, Chunk) else self._views.observe(item, now)
        return self._batches(self._take(found, now))

    def advance(self, now: float) -> list[EventBatch]:
        """Let time pass; to be called a few times a second whether or not anything came.

        Returns:
            What is decided because a source gives nothing any more.
        """
        return self._batches(self._take([*self._segmenter.expire(now), *self._views.expire(now)], now))

    def flush(self, now: float) -> list[EventBatch]:
        """The streams have ended: everything that is under way, decided."""
        moments = self._take([*self._segmenter.flush(), *self._views.flush()], now)
        return self._batches(moments + self._pairing.flush())

    def state_dict(self) -> State:
        """Which ids and lessons come next, JSON-able; what is under way is not kept."""
        return {
            "version": STATE_VERSION,
            "name": self.name,
            "generation": self.generation,
            "seq": self._seq,
            "lesson": self._pairing.lesson,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with the ids and lessons that follow the saved ones.

        Raises:
            StateError: another version or source, a key too many or too few, or a value that is no count.
        """
        owner = f"perception {self.name}"
        check_state(state, {"name", "generation", "seq", "lesson"}, STATE_VERSION, owner)
        if state["name"] != self.name:
            raise StateError(f"{owner}: saved state belongs to {state['name']!r}")
        for key in ("generation", "seq", "lesson"):
            if isinstance(state[key], bool) or not isinstance(state[key], int) or state[key] < 0:
                raise StateError(f"{owner}: saved {key}={state[key]!r}, expected an integer >= 0")
        self.generation, self._seq, self._pairing.lesson = state["generation"], state["seq"], state["lesson"]

    def _take(self, found: Sequence[Utterance | View], now: float) -> list[Moment]:
        moments: list[Moment] = []
        for item in found:
            moments += self._pairing.observe(item, now)
        return moments + self._pairing.advance(now, self._segmenter.heard, self._views.seen)

    def _batches(self, moments: Sequence[Moment]) -> list[EventBatch]:
        def kind(moment: Moment) -> tuple[bool, bool]:
            return moment.utterance is not None, moment.view is not None

        return [self._batch(list(alike)) for _, alike in groupby(sorted(moments, key=kind), key=kind)]

    def _batch(self, moments: list[Moment]) -> EventBatch:
        seq = np.arange(self._seq, self._seq + len(moments), dtype=np.int64)
        self._seq += len(moments)
        samples: dict[str, NDArray[Any]] = {}
        if said := [m.utterance for m in moments if m.utterance is not None]:
            samples["audio"] = quantise(log_mel([self._prepare(utterance) for utterance in said]))
        if pictures := [m.view.sample for m in moments if m.view is not None]:
            samples["image"] = np.stack(pictures)
        return EventBatch(
            source=self.name,
            generation=self.generation,
            seq=seq,
            start=np.array([m.start for m in moments]),
            end=np.array([m.end for m in moments]),
            lesson=np.array([self._lesson(m.lesson) for m in moments], np.int64),
            samples=samples,
        )

    def _prepare(self, utterance: Utterance) -> NDArray[np.float32]:
        if not self.config.clean or utterance.background is None:
            return utterance.samples
        return clean(utterance.samples, utterance.background)

    def _lesson(self, number: int) -> int:
        if number == NO_LESSON:
            return NO_LESSON
        text = f"{self.generation}/{number}/{self.name}".encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1

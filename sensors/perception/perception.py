"""From readings of any senses to event batches: what a live agent perceives, without a label anywhere.

Each sense's stream says how its readings are cut into percepts, and how percepts become samples of the form that the
datasets' samples have. In between, percepts of different senses are paired by time.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import groupby
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sensors.core.config import Config, setting
from sensors.core.errors import ConfigError
from sensors.core.event import NO_LESSON, EventBatch
from sensors.core.percept import Cutter, Percept, Reading
from sensors.core.state import StateDict, load_counts
from sensors.cutters.segmentation import SegmentationConfig
from sensors.cutters.views import ViewsConfig
from sensors.perception.pairing import Moment, Pairing, PairingConfig
from sensors.perception.streams import streams, takers
from sensors.senses import Stream
from sensors.sources.live_config import SensorsConfig

STATE_VERSION = 1


@dataclass(frozen=True)
class PerceptionConfig(Config):
    """How streams become events."""

    segmentation: SegmentationConfig = field(default_factory=SegmentationConfig)
    views: ViewsConfig = field(default_factory=ViewsConfig)
    pairing: PairingConfig = field(default_factory=PairingConfig)
    clean: bool = setting(True, help="remove background noise from utterances")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.views.again >= self.pairing.lasting:
            raise ConfigError(
                f"views.again={self.views.again}: a view that stays would be taken to be over between two looks; give "
                f"less than pairing.lasting={self.pairing.lasting}"
            )


@dataclass(frozen=True)
class StreamConfig(PerceptionConfig):
    """What the streams of senses are given: the settings of perception, and beside them those of the sensors."""

    sensors: SensorsConfig = field(default_factory=SensorsConfig)

    @classmethod
    def of(cls, perception: PerceptionConfig, sensors: SensorsConfig | None = None) -> "StreamConfig":
        """Settings of perception with those of the sensors; without these, with their defaults."""
        if sensors is None and isinstance(perception, StreamConfig):
            return perception
        own = {f.name: getattr(perception, f.name) for f in fields(PerceptionConfig)}
        return cls(**own, sensors=sensors or SensorsConfig())


class Witness(Protocol):
    """Sees what is perceived, before events are made of it; called in the thread that perceives."""

    def percept(self, sense: str, percept: Percept, now: float) -> None:
        """A cutter reports a percept at a monotonic second."""

    def moment(self, moment: Moment, now: float) -> bool:
        """These percepts belong together; whether an event is made of them."""


class Perception:
    """Readings in, event batches out; to be used by one thread.

    A lesson's number is a hash of 63 bits of the source's name, its generation and a count, so that sources which know
    nothing of each other, and starts that know nothing of earlier ones, do not give one number to two lessons.

    Args:
        name: the source of the events.
        generation: counts restarts without the saved state, >= 0.
        config: how streams become events; a `StreamConfig` says also how the sensors are used.
        senses: that are perceived; None: all that have a stream.
        witness: sees what is perceived; None: nothing does.

    Raises:
        ConfigError: one of the senses has no stream.
    """

    def __init__(
        self,
        name: str,
        generation: int = 0,
        config: PerceptionConfig | None = None,
        senses: Sequence[str] | None = None,
        witness: Witness | None = None,
    ) -> None:
        self.config = StreamConfig.of(config or PerceptionConfig())
        self._witness = witness
        self.name = name
        self.generation = generation
        self._seq = 0
        self._streams: dict[str, Stream] = streams(senses)
        self._cutters: dict[str, Cutter] = {
            sense: stream.cutter(self.config) for sense, stream in self._streams.items()
        }
        self._pairing = Pairing(tuple(self._streams), self.config.pairing)
        self._takers: dict[tuple[type, str], list[str]] = {}
        self._passed_over = 0

    @property
    def counts(self) -> dict[str, int]:
        """What became of everything: by `SENSE.` and reason, by `pairing.` and reason, and `events` that came out.

        `readings.passed_over`: those that no sense takes.
        """
        parts = {sense: cutter.counts for sense, cutter in self._cutters.items()} | {"pairing": self._pairing.counts}
        if self._passed_over:
            parts["readings"] = Counter(passed_over=self._passed_over)
        named = {f"{part}.{reason}": n for part, counts in parts.items() for reason, n in counts.items()}
        return {**named, "events": self._seq}

    @property
    def streams(self) -> Mapping[str, Stream]:
        """How each sense is perceived, by its name."""
        return self._streams

    @property
    def cutters(self) -> Mapping[str, Cutter]:
        """What cuts the readings of each sense, by its name."""
        return self._cutters

    @property
    def senses(self) -> tuple[str, ...]:
        """The senses that are perceived."""
        return tuple(self._streams)

    def observe(self, reading: Reading, now: float, source: str = "") -> list[EventBatch]:
        """Take a reading.

        Args:
            reading: those of each source in the order of their times; one that no sense takes is counted.
            now: monotonic second.
            source: name of the source that gave it.

        Returns:
            What is decided by it: one batch for each kind of event, often none.
        """
        key = type(reading), source
        if key not in self._takers:
            self._takers[key] = [name for name in takers(*key) if name in self._cutters]
        self._passed_over += not self._takers[key]
        found = [
            (sense, percept) for sense in self._takers[key] for percept in self._cutters[sense].observe(reading, now)
        ]
        return self._batches(self._take(found, now), now)

    def advance(self, now: float) -> list[EventBatch]:
        """Let time pass; to be called a few times a second whether or not anything came.

        Returns:
            What is decided because a source gives nothing any more.
        """
        found = [(sense, percept) for sense, cutter in self._cutters.items() for percept in cutter.expire(now)]
        return self._batches(self._take(found, now), now)

    def flush(self, now: float) -> list[EventBatch]:
        """The streams have ended: everything that is under way, decided."""
        found = [(sense, percept) for sense, cutter in self._cutters.items() for percept in cutter.flush()]
        return self._batches(self._take(found, now) + self._pairing.flush(), now)

    def state_dict(self) -> StateDict:
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
        self.generation, self._seq, self._pairing.lesson = load_counts(
            state, self.name, ("generation", "seq", "lesson"), STATE_VERSION, f"perception {self.name}"
        )

    def _take(self, found: Sequence[tuple[str, Percept]], now: float) -> list[Moment]:
        moments: list[Moment] = []
        for sense, percept in found:
            if self._witness is not None:
                self._witness.percept(sense, percept, now)
            moments += self._pairing.observe(sense, percept, now)
        return moments + self._pairing.advance(now, {sense: cutter.known for sense, cutter in self._cutters.items()})

    def _batches(self, moments: Sequence[Moment], now: float) -> list[EventBatch]:
        if self._witness is not None:
            moments = [moment for moment in moments if self._witness.moment(moment, now)]

        def kind(moment: Moment) -> tuple[bool, ...]:
            return tuple(sense in moment.percepts for sense in self._streams)

        return [self._batch(list(alike)) for _, alike in groupby(sorted(moments, key=kind), key=kind)]

    def _batch(self, moments: list[Moment]) -> EventBatch:
        seq = np.arange(self._seq, self._seq + len(moments), dtype=np.int64)
        self._seq += len(moments)
        samples: dict[str, NDArray[Any]] = {
            sense: stream.samples([moment.percepts[sense] for moment in moments], self.config)
            for sense, stream in self._streams.items()
            if sense in moments[0].percepts
        }
        return EventBatch(
            source=self.name,
            generation=self.generation,
            seq=seq,
            start=np.array([m.start for m in moments]),
            end=np.array([m.end for m in moments]),
            lesson=np.array([self._lesson(m.lesson) for m in moments], np.int64),
            samples=samples,
        )

    def _lesson(self, number: int) -> int:
        if number == NO_LESSON:
            return NO_LESSON
        text = f"{self.generation}/{number}/{self.name}".encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1


def warm_up(perception: Perception) -> None:
    """Run everything once: libraries that load themselves at their first use would delay the first events.

    Args:
        perception: that is about to begin; one like it is run.
    """
    trial = Perception("trial", 0, perception.config, perception.senses)
    wanted = streams(perception.senses).values()
    # Senses that are perceived in the same readings are given one of the two's.
    makers = {(s.reading, s.names[0] if s.names else ""): s.warm_up for s in wanted if s.warm_up is not None}
    given = [(reading, source) for (_, source), make in makers.items() for reading in make()]
    now = 0.0
    for reading, source in sorted(given, key=lambda pair: float(pair[0].begin)):
        now = max(now, reading.end)
        trial.observe(reading, now, source)
    trial.flush(now)

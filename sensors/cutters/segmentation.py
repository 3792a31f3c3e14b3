"""From a stream of sound to utterances: an adaptive energy gate with two thresholds, and ends that are trimmed.

An utterance begins where the score (see `voice.py`) rises over `quiet` on its way over `loud`, and is over when
it has stayed below `quiet` for `pause`. Then both ends are moved inwards to where the score first and last exceeds a
share of the utterance's own loudest, and `tail` is kept after it. Utterances so begin with their first sound, as the
recordings of the datasets do: with 20 ms of background before it, a spectrogram looks like another word's.

Sound that was lost is never spanned. Chunks follow each other in time or there is a gap between them, whether or not
the source says so. What a gap cut off is not whole; nor is what begins within `pause` of it, as words are silent for as
long within themselves. While a source is unsure whether it has lost sound, what ends is kept until that is known.
"""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sensors.core.config import Config, setting
from sensors.core.errors import ConfigError
from sensors.cutters.voice import HOP, MEMORY, SMOOTHED, WINDOW, Voice
from sensors.signals.spectrogram import SAMPLE_RATE
from sensors.sources.source import Chunk

_TRACKING_S = 2.0
_CENTRE = (WINDOW - HOP) // 2
_KEPT_S = 0.5
_ASTRAY_S = 0.25
"""Seconds by which the times of chunks may run away from the count of their samples."""
_MOST_UNSURE = 8
"""Utterances that are kept until it is known whether sound was lost."""


@dataclass(frozen=True)
class SegmentationConfig(Config):
    """How utterances are told from the background."""

    loud: float = setting(2.5, help="score that begins an utterance", unit="dB", low=0.5, high=20.0)
    quiet: float = setting(1.0, help="score below which there is no voice", unit="dB", low=0.1, high=20.0)
    pause: float = setting(0.15, help="silence that ends an utterance", unit="s", low=0.05, high=2.0)
    trim: float = setting(
        0.25, help="share of its highest score at which an utterance begins and ends", low=0, high=0.9
    )
    tail: float = setting(0.03, help="sound kept after an utterance", unit="s", low=0.0, high=0.5)
    shortest: float = setting(0.2, help="shorter utterances are dropped", unit="s", low=0.05, high=2.0)
    longest: float = setting(5.5, help="longer utterances are cut", unit="s", low=0.5, high=5.5)
    unheard: float = setting(
        1.0, help="time without data of the sound after which an utterance ends", unit="s", low=0.1, high=10.0
    )
    tolerance: float = setting(
        0.01,
        help="longest time between two pieces of sound that does not count as a gap",
        unit="s",
        low=0.002,
        high=2.0,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.loud < self.quiet:
            raise ConfigError(f"loud={self.loud}: lies below quiet={self.quiet}; give a higher loud or a lower quiet")
        if self.shortest > self.longest:
            raise ConfigError(f"shortest={self.shortest}: exceeds longest={self.longest}")
        needed = self.shortest + self.pause + self.tail + WINDOW / SAMPLE_RATE
        if needed > self.longest:
            raise ConfigError(
                f"longest={self.longest}: every utterance would be cut before its pause of {self.pause} s is over; "
                f"give at least {needed:.2f}"
            )


@dataclass(frozen=True)
class Utterance:
    """Somebody said something.

    Attributes:
        start: monotonic second of its first sample.
        end: of its last one.
        samples: (n,) float32 mono at 16 kHz, `shortest`…`longest` seconds.
        whole: it began and ended by itself: no gap, no end of the stream and no greatest length cut it.
        background: (20,) power of the noise around it in the bands of `sensors/cutters/voice.py`, or None if not known.
    """

    start: float
    end: float
    samples: NDArray[np.float32]
    whole: bool = True
    background: NDArray[np.float64] | None = None

    @property
    def number(self) -> None:
        """None: an utterance is momentary, see `sensors/core/percept.py`."""

    @property
    def lasting(self) -> bool:
        """False: it is over when it is reported."""
        return False


class Segmenter:
    """Chunks in, utterances out; holds no more than one utterance of the greatest length.

    Attributes:
        counts: what became of the sound: `utterances`, of these `broken` (not whole); `too_short` (dropped
            utterances), `too_quiet` (sound as long as an utterance that never rose over `loud`), `gaps` (announced by
            the source or seen in the times), `late` (chunks dropped because sound as late came before them), `bad`
            (chunks dropped because they hold NaN, infinity or nothing).
    """

    def __init__(self, config: SegmentationConfig | None = None) -> None:
        self.config = config or SegmentationConfig()
        self.counts: Counter[str] = Counter()
        self._voice = Voice()
        self._sound = np.empty(0, np.float32)
        self._begin(0.0)
        self._clocked = 0  # chunks since the gap
        self._last = self._end = -np.inf  # where the last chunk began and ended by its own time
        self._unsure: list[Utterance] = []  # told when it is known that no sound was lost
        self._unheard = False  # no sound came for long
        self._silent_until = -np.inf

    @property
    def known(self) -> float:
        """No utterance that is still to come starts before this monotonic second."""
        if self._unsure:
            return self._unsure[0].start
        if not self._clocked:
            return self._silent_until
        frame = self._scored if self._rise is None else self._rise
        return self._time_of(max(self._cut, self._sample_of(frame)))

    @property
    def buffered(self) -> int:
        """Samples that are kept."""
        return len(self._sound)

    def observe(self, chunk: Chunk, now: float | None = None) -> list[Utterance]:
        """Utterances that ended in this chunk, or were cut by a gap before it."""
        if not len(chunk.samples) or not np.isfinite(chunk.samples).all():
            self.counts["bad"] += 1
            return []
        gap = chunk.gap or chunk.start > self._end + self.config.tolerance
        if self._clocked and not gap and chunk.start <= self._last:
            self.counts["late"] += 1
            return []
        done: list[Utterance] = []
        off = chunk.start - self._time_of(self._received)
        if gap or not self._clocked or abs(off) > _ASTRAY_S:
            if self._clocked or self._unheard:
                self.counts["gaps"] += 1
                done = self._cut_off()
            self._unheard = False
            if chunk.start >= self._end + MEMORY:
                # Nothing that was heard is recent enough to be background: it may be another room by now.
                self._voice = Voice()
            self._begin(chunk.start)
            self._clocked = 0
        else:
            # The device's own clock drifts: follow slowly, quickly at first.
            share = max(1 / (self._clocked + 1), len(chunk.samples) / SAMPLE_RATE / _TRACKING_S)
            self._origin += min(share, 1.0) * off
        self._clocked += 1
        self._last, self._end = chunk.start, chunk.start + len(chunk.samples) / SAMPLE_RATE
        self._received += len(chunk.samples)
        self._sound = np.concatenate([self._sound, chunk.samples])
        for score in self._voice.observe(chunk.samples):
            self._unsure += self._step(score)
        self._forget()
        if not chunk.unsure:
            done, self._unsure = done + self._unsure, []
        while len(self._unsure) > _MOST_UNSURE:
            done.append(self._broken(self._unsure.pop(0)))
        return done

    def expire(self, now: float) -> list[Utterance]:
        """The utterance that is over, and not whole, because no sound came for `unheard` seconds."""
        silent = now - self.config.unheard
        if self._clocked and self._time_of(self._received) > silent:
            return []
        done = self._cut_off()
        self._silent_until = max(self._silent_until, silent)
        if self._clocked:
            # A gap where it cut something, or where sound goes on after it; else it was the end.
            self.counts["gaps"] += bool(done)
            self._unheard = not done
            self._clocked = 0
        return done

    def flush(self) -> list[Utterance]:
        """End of the stream: the utterance that is under way, if any; it is not whole."""
        return self._cut_off()

    def _cut_off(self) -> list[Utterance]:
        """The unsure utterances and the one under way; none of them is whole."""
        done, self._unsure = [self._broken(utterance) for utterance in self._unsure], []
        return done + self._close(whole=False)

    def _broken(self, utterance: Utterance) -> Utterance:
        self.counts["broken"] += utterance.whole
        return replace(utterance, whole=False)

    @property
    def _tail(self) -> int:
        return round(self.config.tail * SAMPLE_RATE)

    def _begin(self, start: float) -> None:
        """Start anew at a gap: sample 0 is the one at `start`."""
        self._voice.restart()
        self._sound = self._sound[:0]
        self._origin = start
        self._received = self._first = 0  # samples since the gap; the first that is still held
        self._scored = 0  # scores since the gap
        self._cut = 0  # utterances do not reach back beyond this sample ...
        self._severed = True  # ... and one that begins within a pause of it may have lost its beginning
        self._rest()

    def _rest(self) -> None:
        self._rise: int | None = None  # score at which it rose over `quiet`
        self._fall = 0  # last score over `quiet`
        self._open = False
        self._scores: list[float] = []  # since the rise

    def _step(self, score: float) -> list[Utterance]:
        config, k = self.config, self._scored
        self._scored += 1
        if score >= config.quiet:
            self._rise = k if self._rise is None else self._rise
            self._fall = k
            self._open = self._open or score >= config.loud
        if self._rise is None:
            return []
        self._scores.append(score)
        if not self._open and score < config.quiet:
            if (self._fall - self._rise + 1) * HOP >= config.shortest * SAMPLE_RATE:
                self.counts["too_quiet"] += 1
            self._rest()
        elif (k - self._fall) * HOP >= config.pause * SAMPLE_RATE:
            return self._close(whole=True)
        elif (k - self._rise + 1) * HOP + self._tail + WINDOW >= config.longest * SAMPLE_RATE:
            return self._close(whole=False)
        return []

    def _close(self, whole: bool) -> list[Utterance]:
        """End what is under way; an end that was cut (`whole` is false) takes the sound up to there."""
        if not self._open or self._rise is None:
            self._rest()
            return []
        scores = np.array(self._scores[: self._fall - self._rise + 1])
        over = np.flatnonzero(scores >= self.config.trim * scores.max())
        start, stop = self._span(self._rise + int(over[0]), self._rise + int(over[-1]), whole)
        if stop - start < self.config.shortest * SAMPLE_RATE:
            start, stop = self._span(self._rise, self._fall, whole)
        severed = self._severed and self._sample_of(self._rise) <= self._cut + self.config.pause * SAMPLE_RATE
        self._cut, self._severed = stop, not whole
        self._rest()
        if stop - start < self.config.shortest * SAMPLE_RATE:
            self.counts["too_short"] += 1
            return []
        samples = self._sound[start - self._first : stop - self._first].copy()
        samples = samples[: int(self.config.longest * SAMPLE_RATE)]
        begin = self._time_of(start)
        whole = whole and not severed
        self.counts["utterances"] += 1
        self.counts["broken"] += not whole
        return [Utterance(begin, begin + len(samples) / SAMPLE_RATE, samples, whole, self._voice.background)]

    def _span(self, first: int, last: int, whole: bool) -> tuple[int, int]:
        """Samples from one score to another; up to what was received where the end was cut."""
        start = max(self._cut, self._sample_of(first), 0)
        stop = min(self._received, self._sample_of(last + 1) + self._tail) if whole else self._received
        return start, stop

    def _sample_of(self, score: int) -> int:
        """First sample of the 10 ms that a score stands for."""
        return score * HOP + _CENTRE

    def _time_of(self, sample: int) -> float:
        return self._origin + sample / SAMPLE_RATE

    def _forget(self) -> None:
        """Let go of sound that no utterance can reach back to."""
        frame = self._scored if self._rise is None else self._rise
        needed = self._sample_of(frame) - SMOOTHED * HOP
        # In pieces, so that the held sound is not copied for every chunk.
        if needed - self._first > _KEPT_S * SAMPLE_RATE:
            self._sound = self._sound[needed - self._first :].copy()
            self._first = needed

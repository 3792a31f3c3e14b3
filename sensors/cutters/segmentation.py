"""From a stream of sound to utterances: an adaptive energy gate with two thresholds, and ends that are trimmed.

An utterance begins where the score (see `voice.py`) rises over `quiet` on its way over `loud`, and is over when it has
stayed below `quiet` for `pause`. Then both ends are moved inwards to where its power first and last lies within `reach`
of its own loudest, and `tail` is added. So the echo of a word is no part of it, and its faint ends in a loud room are.
In a quiet room, sound that stands far above the background belongs to it down to `faint` below its loudest: faint
consonants begin and end many words. Utterances begin with their first sound, as the recordings of the datasets do: with
20 ms of background before it, a spectrogram looks like another word's. Beyond the end, `after` of sound is kept: what
is too faint to tell where the word ends helps to tell which word it was.

What is said without a pause is one utterance. If words are asked for, it is cut where it dips by `dip` or more. An
utterance of the greatest length is cut at its deepest dip, and what follows is another one.

Sound that was lost is never spanned. Chunks follow each other in time or there is a gap between them, whether or not
the source says so. What a gap cut off is not whole; nor is what begins within `pause` of it, as words are silent for as
long within themselves. While a source is unsure whether it has lost sound, what ends is kept until that is known.
"""

from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sensors.cutters.dips import deepest, dips, smooth
from sensors.cutters.segmentation_config import SegmentationConfig
from sensors.cutters.voice import HOP, MEMORY, SMOOTHED, WINDOW, Score, Voice
from sensors.signals.spectrogram import SAMPLE_RATE
from sensors.sources.source import Chunk

__all__ = ["SegmentationConfig", "Segmenter", "Utterance"]

_TRACKING_S = 2.0
_CENTRE = (WINDOW - HOP) // 2
_KEPT_S = 0.5
_CLEAR_DB = 12.0
"""Decibel above the background from which a faint sound belongs to the utterance."""
_ASTRAY_S = 0.25
"""Seconds by which the times of chunks may run away from the count of their samples."""
_MOST_UNSURE = 16
"""Utterances that are kept until it is known whether sound was lost."""


@dataclass(frozen=True)
class Utterance:
    """Somebody said something.

    Attributes:
        start: monotonic second of its first sample.
        end: at which it is last heard.
        samples: (n,) float32 mono at 16 kHz, at most `longest` seconds: the sound from `start` to `end`, and up to
            `after` seconds more.
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

    Args:
        config: how utterances are told from the background; None: the defaults.
        words: what is said without a pause is cut where it dips; else it is one utterance.

    Attributes:
        counts: what became of the sound: `utterances`, of these `broken` (not whole); `too_short` (dropped
            utterances), `too_quiet` (sound as long as an utterance that never rose over `loud`), `too_long` (cuts in
            speech of the greatest length), `gaps` (announced by the source or seen in the times), `late` (chunks
            dropped because sound as late came before them), `bad` (chunks dropped because they hold NaN, infinity or
            nothing).
    """

    def __init__(self, config: SegmentationConfig | None = None, words: bool = False) -> None:
        self.config = config or SegmentationConfig()
        self._words = words
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
        self._scores: list[Score] = []  # since the rise

    def _step(self, score: Score) -> list[Utterance]:
        config, k = self.config, self._scored
        self._scored += 1
        if score.above >= config.quiet:
            self._rise = k if self._rise is None else self._rise
            self._fall = k
            self._open = self._open or score.above >= config.loud
        if self._rise is None:
            return []
        self._scores.append(score)
        if not self._open and score.above < config.quiet:
            if (self._fall - self._rise + 1) * HOP >= config.shortest * SAMPLE_RATE:
                self.counts["too_quiet"] += 1
            self._rest()
        elif (k - self._fall) * HOP >= config.pause * SAMPLE_RATE:
            return self._close(whole=True)
        elif (k - self._rise + 1) * HOP + self._tail + WINDOW >= config.longest * SAMPLE_RATE:
            return self._cut_in_two()
        return []

    def _close(self, whole: bool) -> list[Utterance]:
        """End what is under way; an end that was cut (`whole` is false) takes the sound up to there."""
        if not self._open or self._rise is None:
            self._rest()
            return []
        scores = self._scores[: self._fall - self._rise + 1]
        done = self._parts(self._rise, scores, whole, self._received)
        self._rest()
        return done

    def _cut_in_two(self) -> list[Utterance]:
        """Speech of the greatest length: end it at its deepest dip, and go on with the rest."""
        if not self._open or self._rise is None:
            self._rest()
            return []
        self.counts["too_long"] += 1
        level = smooth(np.array([score.power for score in self._scores]))
        half = len(level) // 2
        found = deepest(level[half:], self._least)
        at = len(level) - self._least if found is None else half + found[0]
        rise, scores = self._rise + at, self._scores[at:]
        done = self._parts(self._rise, self._scores[:at], False, self._sample_of(rise))
        self._rise, self._scores = rise, scores
        self._open = any(score.above >= self.config.loud for score in scores)
        return done

    @property
    def _least(self) -> int:
        """Frames of the shortest part of an utterance that is cut at its dips."""
        return round(self.config.shortest * SAMPLE_RATE / HOP / 2)

    def _parts(self, first: int, scores: list[Score], whole: bool, stop: int) -> list[Utterance]:
        """Utterances out of what was heard from score `first` on.

        Args:
            first: number of the first score.
            scores: of all of it.
            whole: it ended by itself; else it was cut at `stop`.
            stop: the sample after the last one that may be taken.
        """
        cuts = [0, len(scores)]
        if self._words:
            power = np.array([score.power for score in scores])
            cuts[1:1] = dips(power, self.config.dip, self._least)
        least = self.config.shortest * SAMPLE_RATE / (1 if len(cuts) == 2 else 2)
        done = []
        for begin, end in pairwise(cuts):
            inner = end < len(scores)
            until = self._sample_of(first + end) if inner else stop
            done += self._part(first + begin, scores[begin:end], whole or inner, until, least)
        return done

    def _part(self, first: int, scores: list[Score], whole: bool, stop: int, least: float) -> list[Utterance]:
        over = self._loud_enough(scores)
        start, end = self._span(first + int(over[0]), first + int(over[-1]), stop, whole)
        if end - start < least:
            start, end = self._span(first, first + len(scores) - 1, stop, whole)
        severed = self._severed and self._sample_of(first) <= self._cut + self.config.pause * SAMPLE_RATE
        most = start + int(self.config.longest * SAMPLE_RATE)
        last = min(stop, most, end + round(self.config.after * SAMPLE_RATE))
        self._cut, self._severed = last, not whole
        if end - start < least:
            self.counts["too_short"] += 1
            return []
        samples = self._sound[start - self._first : last - self._first].copy()
        whole = whole and not severed
        self.counts["utterances"] += 1
        self.counts["broken"] += not whole
        times = self._time_of(start), self._time_of(min(end, most))
        return [Utterance(*times, samples, whole, self._voice.background)]

    def _loud_enough(self, scores: list[Score]) -> NDArray[np.int_]:
        """Those of the scores that an utterance may begin or end with, at least one."""
        above, power = np.array(scores).T
        least = max(self.config.quiet, self.config.trim * above.max())
        reach, faint = (float(power.max()) * 10 ** (-down / 10) for down in (self.config.reach, self.config.faint))
        clear = float(self._voice.background.sum()) * 10 ** (_CLEAR_DB / 10)
        over = np.flatnonzero((above >= least) & (power >= min(reach, max(faint, clear))))
        return over if len(over) else np.array([0, len(scores) - 1])

    def _span(self, first: int, last: int, stop: int, whole: bool) -> tuple[int, int]:
        """Samples from one score to another and the tail after it; up to `stop` where the end is a cut."""
        end = min(stop, self._sample_of(last + 1) + self._tail) if whole else stop
        return max(self._cut, self._sample_of(first), 0), end

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

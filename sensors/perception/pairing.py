"""Percepts of several senses become moments, only by their times on one monotonic clock.

Two percepts of different senses are together when they come within `window` of each other. A momentary percept (an
utterance) is in exactly one moment, with the best percept of each other sense: the one that it overlaps longest, then
the nearest. A lasting percept (a view) may be in several moments, which are one lesson. A lasting percept that no
momentary one can belong to any more, and that was in no moment, is joined with the lasting percepts of other senses
that it overlaps. A percept without a partner becomes a moment of one sense.

Nothing waits longer than it has to: each sense says up to which moment all of it is known (`Cutter.known`), and what
these moments have passed is decided. Where a sense stands still, `patience` decides.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from sensors.core.config import Config, setting
from sensors.core.event import NO_LESSON
from sensors.core.percept import Percept

REMEMBERED = 1024
"""Least number of decided percepts of a sense that are known by their numbers when they are reported again."""


@dataclass(frozen=True)
class PairingConfig(Config):
    """What counts as perceived together."""

    window: float = setting(0.5, help="longest time between an utterance and its view", unit="s", low=0.0, high=10.0)
    lateness: float = setting(
        0.2, help="delay with which utterances and views may arrive", unit="s", low=0.0, high=10.0
    )
    patience: float = setting(8.0, help="longest wait for a stalled source", unit="s", low=0.1, high=60.0)
    lasting: float = setting(
        1.2, help="time for which a view counts as visible after its last report", unit="s", low=0.1, high=60.0
    )
    most: int = setting(64, help="most utterances, and most views, that wait at the same time", low=1, high=4096)


@dataclass(frozen=True)
class Moment:
    """What was perceived at one time.

    Attributes:
        start: monotonic second of the start of its momentary percept, or where there is none, of the lasting percept
            that no other moment has.
        end: likewise.
        lesson: counts what belongs together, from 0; `NO_LESSON` where there is only one sense.
        percepts: by sense, at least one, in the order of the senses.
    """

    start: float
    end: float
    lesson: int
    percepts: Mapping[str, Percept]


@dataclass(eq=False)
class _Candidate:
    """A percept that waits to be paired.

    Attributes:
        end: until when it is thought to last.
        joined: it was in a moment with another sense.
        lesson: of that moment.
    """

    sense: str
    percept: Percept
    end: float
    joined: bool = False
    lesson: int = NO_LESSON


@dataclass(eq=False)
class _Track:
    """One sense: what waits, what was decided, and up to when all is known."""

    most: int
    momentary: list[_Candidate] = field(default_factory=list)
    lasting: "OrderedDict[int, _Candidate]" = field(default_factory=OrderedDict)
    decided: deque[int] = field(init=False)
    known: float = -float("inf")

    def __post_init__(self) -> None:
        self.decided = deque(maxlen=max(2 * self.most, REMEMBERED))


class Pairing:
    """Percepts in, moments out: each momentary percept in one moment, each lasting one in at least one.

    Args:
        senses: that are perceived.
        config: what is together.
        lesson: number of the first lesson.

    Attributes:
        counts: by sense, `SENSE.came` (percepts that came in) and what became of them: `SENSE.paired` (in a moment with
            another sense), `SENSE.alone`, `SENSE.broken` (alone because they are not whole). `ambiguous` (momentary
            percepts that overlapped more than one percept of another sense), `hurried` (decided early because too many
            waited), `stale` (reports of lasting percepts that were decided already).
        lesson: number of the next lesson.
    """

    def __init__(self, senses: Sequence[str], config: PairingConfig | None = None, lesson: int = 0) -> None:
        self.config = config or PairingConfig()
        self.lesson = lesson
        self.counts: Counter[str] = Counter()
        self._tracks = {sense: _Track(self.config.most) for sense in senses}

    @property
    def waiting(self) -> dict[str, int]:
        """Percepts that are not in a moment yet, by sense."""
        return {
            sense: len(track.momentary) + sum(not candidate.joined for candidate in track.lasting.values())
            for sense, track in self._tracks.items()
        }

    def observe(self, sense: str, percept: Percept, now: float) -> list[Moment]:
        """Take a momentary percept, or a report on a lasting one.

        Args:
            sense: whose percept it is.
            percept: in any order, `lateness` out of turn at most.
            now: monotonic second.

        Returns:
            Moments that are decided.
        """
        if percept.number is not None:
            self._note(sense, percept.number, percept)
            return self.advance(now)
        self.counts[f"{sense}.came"] += 1
        if not percept.whole:
            # Half a word beside a picture would teach what nobody said.
            self.counts[f"{sense}.broken"] += 1
            return [_moment(percept, NO_LESSON, {sense: percept}), *self.advance(now)]
        self._tracks[sense].momentary.append(_Candidate(sense, percept, percept.end))
        return self.advance(now)

    def advance(self, now: float, known: Mapping[str, float] | None = None) -> list[Moment]:
        """Decide what can be decided.

        Args:
            now: monotonic second.
            known: by sense: no percept to come starts earlier, and a lasting one was there then; as before for a sense
                that is not in it.

        Returns:
            Moments that are decided, momentary percepts in the order of their starts.
        """
        for sense, track in self._tracks.items():
            track.known = max(track.known, now - self.config.patience, (known or {}).get(sense, track.known))
        return self._decide()

    def flush(self) -> list[Moment]:
        """Decide everything: nothing more will come."""
        for track in self._tracks.values():
            track.known = float("inf")
        # The second time, what waited for others to be joined leaves.
        done = self._decide() + self._leave()
        for track in self._tracks.values():
            track.known = -float("inf")
        return done

    def _note(self, sense: str, number: int, percept: Percept) -> None:
        track = self._tracks[sense]
        if number in track.decided:
            self.counts["stale"] += 1
            return
        end = percept.end + self.config.lasting if percept.lasting else percept.end
        candidate = track.lasting.get(number)
        if candidate is None:
            self.counts[f"{sense}.came"] += 1
            track.lasting[number] = _Candidate(sense, percept, end)
        elif candidate.percept.lasting and (not percept.lasting or percept.end > candidate.percept.end):
            candidate.percept, candidate.end = percept, end
        # One sense perceives one lasting thing at a time: a later one ends those before it, whose own report may be
        # on its way.
        for before, after in pairwise(sorted(track.lasting)):
            earlier, start = track.lasting[before], track.lasting[after].percept.start
            if earlier.percept.lasting and earlier.end > start:
                earlier.end = max(earlier.percept.start, start)

    def _decide(self) -> list[Moment]:
        done: list[Moment] = []
        queue = sorted(
            (
                (candidate, place)
                for track in self._tracks.values()
                for place, candidate in enumerate(_by_start(track.momentary))
            ),
            key=lambda entry: entry[0].percept.start,
        )
        crowds = {sense: len(track.momentary) - self.config.most for sense, track in self._tracks.items()}
        for candidate, place in queue:
            if candidate.joined:
                continue  # with an earlier percept of another sense
            bests, ambiguous, final = self._best(candidate)
            if not final and place >= crowds[candidate.sense]:
                continue
            self.counts["hurried"] += not final
            self.counts["ambiguous"] += final and ambiguous
            self._tracks[candidate.sense].momentary.remove(candidate)
            done.append(self._settle(candidate, bests))
        return done + self._leave()

    def _best(self, candidate: _Candidate) -> tuple[list[_Candidate], bool, bool]:
        """Of each other sense the percept that a momentary one belongs to; whether there were several to choose from.

        Last, whether nothing to come can change that.
        """
        percept, length = candidate.percept, candidate.percept.end - candidate.percept.start
        bests: list[_Candidate] = []
        ambiguous, final = False, True
        for sense, track in self._tracks.items():
            if sense == candidate.sense:
                continue
            fits = [fit for other in self._waiting(track) if (fit := self._fit(candidate, other)) is not None]
            ambiguous = ambiguous or sum(overlap > 0 for overlap, _ in fits) > 1
            settled = track.known >= percept.end + self.config.window + self.config.lateness
            if fits:
                overlap, other = max(fits, key=lambda fit: (fit[0], -fit[1].percept.start))
                bests.append(other)
                if other.percept.number is None:
                    # A percept of this one's own sense may fit the other one better, and be on its way.
                    own = self._tracks[candidate.sense].known
                    settled = settled and own >= other.end + self.config.window + self.config.lateness
                elif overlap >= length:
                    settled = settled or not other.percept.lasting or track.known >= percept.end
            final = final and settled
        return bests, ambiguous, final

    def _waiting(self, track: _Track) -> Iterator[_Candidate]:
        yield from track.lasting.values()
        yield from track.momentary

    def _fit(self, candidate: _Candidate, other: _Candidate) -> tuple[float, _Candidate] | None:
        """How long two percepts overlap (less than 0: how far apart they are), and the other one.

        None where they are not together, or where the other one is momentary and fits another of this sense better.
        """
        overlap = _overlap(candidate, other)
        if overlap < -self.config.window:
            return None
        if other.percept.number is None:
            mine = (overlap, -candidate.percept.start)
            rivals = (r for r in self._tracks[candidate.sense].momentary if r is not candidate)
            if any((_overlap(rival, other), -rival.percept.start) > mine for rival in rivals):
                return None
        return overlap, other

    def _settle(self, candidate: _Candidate, others: list[_Candidate]) -> Moment:
        """The moment of a percept and those of other senses that are with it."""
        if not others:
            self.counts[f"{candidate.sense}.alone"] += 1
            return _moment(candidate.percept, NO_LESSON, {candidate.sense: candidate.percept})
        together = [candidate, *others]
        known = [each.lesson for each in together if each.lesson != NO_LESSON]
        lesson = min(known, default=self.lesson)
        self.lesson += not known
        for each in together:
            if not each.joined:
                self.counts[f"{each.sense}.paired"] += 1
            if each.percept.number is None and each is not candidate:
                self._tracks[each.sense].momentary.remove(each)
            each.joined = True
            if each.lesson == NO_LESSON:
                each.lesson = lesson
        percepts = {each.sense: each.percept for each in together}
        return _moment(
            candidate.percept, lesson, {sense: percepts[sense] for sense in self._tracks if sense in percepts}
        )

    def _leave(self) -> list[Moment]:
        """Lasting percepts that nothing to come can belong to; those that were in no moment become moments."""
        done: list[Moment] = []
        for track in self._tracks.values():
            for number, candidate in list(track.lasting.items()):
                over = self._over(candidate)
                if not (over and not self._wanted(candidate)) and len(track.lasting) <= self.config.most:
                    continue
                self.counts["hurried"] += not over
                del track.lasting[number]
                track.decided.append(number)
                if not candidate.joined:
                    done.append(self._settle(candidate, self._companions(candidate)))
        return done

    def _over(self, candidate: _Candidate) -> bool:
        """Whether no percept to come, and no momentary one that waits, can belong to a lasting one."""
        others = [track for sense, track in self._tracks.items() if sense != candidate.sense]
        needed = [track.known for track in others]
        needed += [other.percept.start for track in others for other in track.momentary]
        return (
            min(needed, default=self._tracks[candidate.sense].known)
            > candidate.end + self.config.window + self.config.lateness
        )

    def _wanted(self, candidate: _Candidate) -> bool:
        """Whether a lasting percept of another sense was in no moment yet and may have to be joined with this one."""
        return candidate.joined and any(
            not other.joined and _overlap(candidate, other) > 0
            for sense, track in self._tracks.items()
            if sense != candidate.sense
            for other in track.lasting.values()
        )

    def _companions(self, candidate: _Candidate) -> list[_Candidate]:
        """Of each other sense the lasting percept that this one overlaps longest, if any."""
        found: list[_Candidate] = []
        for sense, track in self._tracks.items():
            fits = [(_overlap(candidate, other), other) for other in track.lasting.values() if sense != candidate.sense]
            fits = [fit for fit in fits if fit[0] > 0]
            if fits:
                found.append(max(fits, key=lambda fit: (fit[0], -fit[1].percept.start))[1])
        return found


def _by_start(candidates: list[_Candidate]) -> list[_Candidate]:
    return sorted(candidates, key=lambda each: each.percept.start)


def _overlap(one: _Candidate, other: _Candidate) -> float:
    return min(one.end, other.end) - max(one.percept.start, other.percept.start)


def _moment(percept: Percept, lesson: int, percepts: Mapping[str, Percept]) -> Moment:
    return Moment(percept.start, percept.end, lesson, percepts)

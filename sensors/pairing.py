"""From utterances and views to what was perceived together, by time alone, on one monotonic clock.

An utterance and a view are together when they come within `window` of each other; of several views the one that it
overlaps longest counts, then the nearest. A view that stays while several utterances come makes one lesson. What stays
alone becomes an event of one modality.

Nothing waits longer than it has to: sound and pictures each say up to which moment all is known (`Segmenter.heard`,
`Views.seen`), and what these moments have passed is decided. Where one of them stands still, `patience` decides.
"""

from collections import Counter, OrderedDict, deque
from dataclasses import dataclass
from itertools import pairwise

from sensors.config import Config, setting
from sensors.event import NO_LESSON
from sensors.segmentation import Utterance
from sensors.views import View


@dataclass(frozen=True)
class PairingConfig(Config):
    """What counts as perceived together."""

    window: float = setting(0.5, help="longest time between an utterance and its view", unit="s", low=0.0, high=10.0)
    lateness: float = setting(0.2, help="how late utterances and views may arrive", unit="s", low=0.0, high=10.0)
    patience: float = setting(8.0, help="longest wait for a source that stands still", unit="s", low=0.1, high=60.0)
    lasting: float = setting(
        1.2, help="time for which a view counts as still there after it was last reported", unit="s", low=0.1, high=60.0
    )
    most: int = setting(64, help="utterances, and views, that wait at one time", low=1, high=4096)


@dataclass(frozen=True)
class Moment:
    """What was perceived at one time: an utterance, a view, or both.

    Attributes:
        start: monotonic second of the utterance's start, or of the view's where there is none.
        end: likewise.
        lesson: counts views with an utterance, from 0; `NO_LESSON` where there is only one modality.
        utterance: or None.
        view: or None.
    """

    start: float
    end: float
    lesson: int
    utterance: Utterance | None
    view: View | None


@dataclass
class _Seen:
    """A view that waits for utterances, until when it is thought to last, and its lesson once there was one."""

    view: View
    end: float
    lesson: int = NO_LESSON


class Pairing:
    """Utterances and views in, moments out, each utterance once and each view at least once.

    Attributes:
        counts: `utterances` and `views` that came in; of the utterances `paired`, `alone` and `broken` (alone because
            they are not whole); of the views `shown` (paired at least once) and `unheard` (alone). `ambiguous`
            (pairs where more than one view overlapped the utterance), `hurried` (decided early because too many
            waited), `stale` (reports of views that were decided already).
        lesson: number of the next lesson.
    """

    def __init__(self, config: PairingConfig | None = None, lesson: int = 0) -> None:
        self.config = config or PairingConfig()
        self.lesson = lesson
        self.counts: Counter[str] = Counter()
        self._utterances: list[Utterance] = []
        self._views: OrderedDict[int, _Seen] = OrderedDict()
        self._decided: deque[int] = deque(maxlen=2 * self.config.most)
        self._heard = self._seen = -float("inf")

    @property
    def waiting(self) -> tuple[int, int]:
        """Utterances and views that are not decided."""
        return len(self._utterances), sum(seen.lesson == NO_LESSON for seen in self._views.values())

    def observe(self, item: Utterance | View, now: float) -> list[Moment]:
        """Take an utterance, or a report on a view.

        Args:
            item: in any order, `lateness` out of turn at most.
            now: monotonic second.

        Returns:
            Moments that are decided.
        """
        if isinstance(item, View):
            self._note(item)
        else:
            self.counts["utterances"] += 1
            if not item.whole:
                # Half a word beside a picture would teach what nobody said.
                self.counts["broken"] += 1
                return [_lone(item), *self.advance(now)]
            self._utterances.append(item)
        return self.advance(now)

    def advance(self, now: float, heard: float | None = None, seen: float | None = None) -> list[Moment]:
        """Decide what can be decided.

        Args:
            now: monotonic second.
            heard: no utterance to come starts earlier; as before where it is not given.
            seen: no view to come starts earlier, and a lasting view was there then; likewise.

        Returns:
            Moments that are decided, utterances in the order of their starts.
        """
        oldest = now - self.config.patience
        self._heard = max(self._heard, oldest, self._heard if heard is None else heard)
        self._seen = max(self._seen, oldest, self._seen if seen is None else seen)
        return self._decide()

    def flush(self) -> list[Moment]:
        """Decide everything: nothing more will come."""
        self._heard = self._seen = float("inf")
        done = self._decide()
        self._heard = self._seen = -float("inf")
        return done

    def _note(self, view: View) -> None:
        if view.number in self._decided:
            self.counts["stale"] += 1
            return
        end = view.end + self.config.lasting if view.lasting else view.end
        known = self._views.get(view.number)
        if known is None:
            self.counts["views"] += 1
            self._views[view.number] = _Seen(view, end)
        elif known.view.lasting and (not view.lasting or view.end > known.view.end):
            known.view, known.end = view, end
        # One camera sees one view at a time: a later one ends those before it, whose own report may be on its way.
        for before, after in pairwise(sorted(self._views)):
            seen, start = self._views[before], self._views[after].view.start
            if seen.view.lasting and seen.end > start:
                seen.end = max(seen.view.start, start)

    def _decide(self) -> list[Moment]:
        done: list[Moment] = []
        waiting: list[Utterance] = []
        crowd = len(self._utterances) - self.config.most
        for i, utterance in enumerate(sorted(self._utterances, key=lambda u: u.start)):
            best, final = self._best(utterance)
            if not final and i >= crowd:
                waiting.append(utterance)
                continue
            self.counts["hurried"] += not final
            done.append(self._settle(utterance, best))
        self._utterances = waiting
        return done + self._leave()

    def _best(self, utterance: Utterance) -> tuple[_Seen | None, bool]:
        """The view that an utterance belongs to, and whether nothing to come can change that."""
        window, fits = self.config.window, []
        for seen in self._views.values():
            overlap = min(seen.end, utterance.end) - max(seen.view.start, utterance.start)
            if overlap >= -window:
                fits.append((overlap, -seen.view.start, seen))
        best = max(fits, key=lambda fit: fit[:2], default=None)
        final = self._seen >= utterance.end + window + self.config.lateness
        if best is not None and best[0] >= utterance.end - utterance.start:
            final = final or not best[2].view.lasting or self._seen >= utterance.end
        if final and sum(fit[0] > 0 for fit in fits) > 1:
            self.counts["ambiguous"] += 1
        return (best[2] if best else None), final

    def _settle(self, utterance: Utterance, seen: _Seen | None) -> Moment:
        if seen is None:
            self.counts["alone"] += 1
            return _lone(utterance)
        self.counts["paired"] += 1
        if seen.lesson == NO_LESSON:
            self.counts["shown"] += 1
            seen.lesson = self.lesson
            self.lesson += 1
        return Moment(utterance.start, utterance.end, seen.lesson, utterance, seen.view)

    def _leave(self) -> list[Moment]:
        """Views that no utterance to come can belong to; those that had none become moments of their own."""
        window, done = self.config.window, []
        needed = min([self._heard, *(u.start for u in self._utterances)])
        for number, seen in list(self._views.items()):
            over = needed > seen.end + window + self.config.lateness
            if not over and len(self._views) <= self.config.most:
                continue
            self.counts["hurried"] += not over
            del self._views[number]
            self._decided.append(number)
            if seen.lesson == NO_LESSON:
                self.counts["unheard"] += 1
                done.append(Moment(seen.view.start, seen.view.end, NO_LESSON, None, seen.view))
        return done


def _lone(utterance: Utterance) -> Moment:
    return Moment(utterance.start, utterance.end, NO_LESSON, utterance, None)

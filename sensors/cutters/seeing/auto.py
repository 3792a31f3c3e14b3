"""The finder `auto`: cards where there is one, else what a hand shows."""

from collections import Counter
from dataclasses import replace
from typing import Any

from sensors.cutters.seeing.card import CardViews, look_at_card
from sensors.cutters.seeing.contract import Fit, ViewFinder
from sensors.cutters.seeing.thing import FINDER as THING
from sensors.cutters.seeing.thing import ThingViews
from sensors.cutters.views import View
from sensors.sources.source import Frame


class CardsOrThings:
    """Frames in, views of cards and of things out, one at a time.

    While a card lasts nothing else is seen. A thing that turns out to be a card when it is looked at is left to the
    finder of cards.

    Attributes:
        counts: those of both finders; `views` and what else both count are added.
    """

    def __init__(self, cards: CardViews, things: ThingViews, color: bool) -> None:
        self._cards, self._things, self._color = cards, things, color
        self._next = 0
        self._shown: tuple[bool, int, View] | None = None  # whether it is a card, its finder's number, as it was given
        self._refused: int | None = None  # the thing that is a card
        self.counts: Counter[str] = Counter()

    @property
    def known(self) -> float:
        """No view that is still to come starts before this monotonic second, and a lasting one was there then."""
        return min(self._cards.known, self._things.known)

    def observe(self, frame: Frame, now: float | None = None) -> list[View]:
        """Reports on the views that this frame begins, confirms or ends, if any; as `Views.observe`."""
        return self._merge(self._cards.observe(frame, now), self._things.observe(frame, now), frame)

    def expire(self, now: float) -> list[View]:
        """The view that is over because no picture came."""
        return self._merge(self._cards.expire(now), self._things.expire(now), None)

    def flush(self) -> list[View]:
        """End of the stream: the view that lasts, if any."""
        return self._merge(self._cards.flush(), self._things.flush(), None)

    def _merge(self, cards: list[View], things: list[View], frame: Frame | None) -> list[View]:
        found = [change for view in cards for change in self._take(True, view)]
        for view in things:
            if view.number != self._refused and view.lasting and self._is_card(view, frame):
                self._refused = view.number
            if view.number != self._refused:
                found += self._take(False, view)
        self.counts.clear()
        self.counts.update(self._things.counts)
        # Both are given each picture: what is wrong with pictures is counted once.
        self.counts.update({why: n for why, n in self._cards.counts.items() if why not in ("late", "bad", "gaps")})
        self.counts["views"] = self._next
        return found

    def _is_card(self, thing: View, frame: Frame | None) -> bool:
        """Whether what holds still is a card, or lies before or behind one."""
        if self._shown is None or frame is None:
            return frame is not None and look_at_card(frame.picture, self._color) is not None
        card, number, _ = self._shown
        return card or (number != thing.number and look_at_card(frame.picture, self._color) is not None)

    def _take(self, card: bool, view: View) -> list[View]:
        """A view of one finder under its number among the views of both; where one begins, the other's is over."""
        changes: list[View] = []
        if self._shown is not None and self._shown[:2] == (card, view.number):
            given = replace(view, number=self._shown[2].number)
        elif not view.lasting:
            return []
        else:
            if self._shown is not None:
                changes.append(replace(self._shown[2], lasting=False))
            given = replace(view, number=self._next)
            self._next += 1
        self._shown = (card, view.number, given) if view.lasting else None
        return [*changes, given]


def _make(config: Any, color: bool, fit: Fit) -> CardsOrThings:
    return CardsOrThings(CardViews(config.views, color), ThingViews(fit, config.views), color)


FINDER = ViewFinder(
    name="auto",
    about="a card where there is one, else what a hand shows",
    make=_make,
    lacks={"empty": "neither a card nor a thing was seen", **THING.lacks},
)

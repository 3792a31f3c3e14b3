"""What the person before a browser is told: what was perceived of them, and why something was not."""

import base64
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import cv2

from sensors.browsers import kept_exam, said_letters
from sensors.browsers.prompts import Keeper, Prompt, Prompts
from sensors.core.percept import Percept
from sensors.perception.pairing import Moment
from sensors.perception.perception import Perception
from sensors.senses import sense

SIDE = 96
"""Longer side of the pictures that are told, pixels, unless their sense shows smaller ones."""
REMEMBERED = 64
"""Reasons that are remembered of each sense."""
MOST_PROMPTS = 128
"""Prompts that wait to be taken in."""
NO_KEEPER = {
    kept_exam.USE: "this run keeps no exam set: start it with --exam DIR",
    said_letters.USE: "this run learns no letters: start it with --teach letters",
}
"""Why a prompt cannot be kept, by its use."""
NOTHING = "nothing was perceived"
"""Why a sense brought nothing, where its cutter counted no reason."""


class _Reason(NamedTuple):
    at: float
    why: str


class Feedback:
    """Sees what is perceived and tells it, see `Perception.witness`.

    A moment that began while a prompt was shown bears its label: no event is made of it, and its keeper gets it.

    Messages: `perceived` (a percept as it was cut or found), `pair` and `alone` (what came of it), `missed` (something
    was there and was not taken), `prompted` (what came of a prompt). Pictures in them are PNG files in base64. Times
    are those of the browser's clock.

    Args:
        tell: takes a message.
        theirs: from a monotonic second to the browser's clock.

    Attributes:
        prompts: of the browser.
        keepers: of what bears a label, by their uses.
    """

    def __init__(self, tell: Callable[[Mapping[str, Any]], None], theirs: Callable[[float], float]) -> None:
        self.prompts = Prompts()
        self.keepers: dict[str, Keeper] = {}
        self._tell, self._theirs = tell, theirs
        self._changes: deque[Prompt | float] = deque(maxlen=MOST_PROMPTS)
        self._perception: Perception | None = None
        self._counts: dict[tuple[str, str], int] = {}
        self._reasons: dict[str, deque[_Reason]] = {}
        self._seen: dict[str, int | None] = {}

    def follow(self, perception: Perception) -> None:
        """Tell what this perceives."""
        self._perception = perception
        self._reasons = {name: deque(maxlen=REMEMBERED) for name in perception.senses}

    def show(self, prompt: Prompt) -> None:
        """A prompt is shown, if what it is for can be kept; any thread."""
        keeper = self.keepers.get(prompt.use)
        why = (
            NO_KEEPER.get(prompt.use, "nothing of this kind is kept") if keeper is None else keeper.refuse(prompt.label)
        )
        self._changes.append(prompt.start if why else prompt)
        if why:
            self._tell(prompt.answer(why))

    def hide(self, at: float) -> None:
        """No prompt is shown from a monotonic second on; any thread."""
        self._changes.append(at)

    def take_prompts(self) -> None:
        """Take in which prompts were shown, in the thread that perceives; to be called before each step."""
        while self._changes:
            change = self._changes.popleft()
            if isinstance(change, Prompt):
                self.prompts.show(change)
            else:
                self.prompts.hide(change)

    def percept(self, sense: str, percept: Percept, now: float) -> None:
        """Tell of a percept; of a lasting one, when it begins and when it is over."""
        new = percept.number is None or self._seen.get(sense) != percept.number
        if not new and percept.lasting:
            return
        self._seen[sense] = percept.number
        self._tell(
            {
                "type": "perceived",
                "sense": sense,
                "number": percept.number,
                "start": round(self._theirs(percept.start), 3),
                "end": round(self._theirs(percept.end), 3),
                "lasting": percept.lasting,
                "whole": percept.whole,
                "png": self._png(sense, percept) if new else None,
            }
        )

    def moment(self, moment: Moment, now: float) -> bool:
        """Tell of what belongs together, or why something stayed alone."""
        self.look(now)
        told: dict[str, Any] = {
            "type": "pair" if len(moment.percepts) > 1 else "alone",
            "senses": list(moment.percepts),
            "start": round(self._theirs(moment.start), 3),
            "end": round(self._theirs(moment.end), 3),
            "numbers": {name: percept.number for name, percept in moment.percepts.items()},
        }
        if told["type"] == "pair":
            told["png"] = {name: self._png(name, percept) for name, percept in moment.percepts.items()}
        if (prompt := self.prompts.of(moment)) is not None:
            self._keep(prompt, moment, told)
            return False
        if told["type"] == "alone":
            (percept,) = moment.percepts.values()
            others = [name for name in self._reasons if name not in moment.percepts]
            told["why"] = {name: self._lacked(name, moment) for name in others}
            if not percept.whole:
                told["why"] = dict.fromkeys(moment.percepts, "cut off: a part of it was lost")
        self._tell(told)
        return True

    def look(self, now: float) -> None:
        """Tell what was missed since the last look, and remember what is lacking; to be called at every step."""
        assert self._perception is not None
        for name, cutter in self._perception.cutters.items():
            stream = self._perception.streams[name]
            for count, why in (*stream.misses.items(), *stream.lacking(self._perception.config).items()):
                total = cutter.counts[count]
                if total == self._counts.setdefault((name, count), 0):
                    continue
                self._counts[name, count] = total
                self._reasons[name].append(_Reason(now, why))
                if count in stream.misses:
                    at = round(self._theirs(now), 3)
                    self._tell({"type": "missed", "sense": name, "reason": count, "why": why, "at": at})

    def _keep(self, prompt: Prompt, moment: Moment, told: dict[str, Any]) -> None:
        """Have a moment that bears a label kept, and tell of it."""
        whole = all(percept.whole for percept in moment.percepts.values())
        why = self.keepers[prompt.use].keep(prompt, moment) if whole else "cut off: a part of it was lost"
        if why is None:
            return
        self._tell(told | {"type": "prompted", "label": prompt.label, "use": prompt.use, "kept": not why, "why": why})

    def _lacked(self, name: str, moment: Moment) -> str:
        """Why a sense brought nothing to a moment: the last reason that its cutter counted meanwhile."""
        assert self._perception is not None
        window = self._perception.config.pairing.window
        near = [
            reason for reason in self._reasons[name] if moment.start - window <= reason.at <= moment.end + 2 * window
        ]
        return near[-1].why if near else NOTHING

    def _png(self, name: str, percept: Percept) -> str:
        assert self._perception is not None
        stored = self._perception.streams[name].samples([percept], self._perception.config)[0]
        picture = sense(name).view(stored)
        scale = SIDE / max(picture.shape[:2])
        if scale > 1 or max(picture.shape[:2]) > 2 * SIDE:
            method = cv2.INTER_NEAREST if scale > 1 else cv2.INTER_AREA
            picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=method)  # type: ignore[assignment]
        return base64.b64encode(cv2.imencode(".png", picture)[1].tobytes()).decode()

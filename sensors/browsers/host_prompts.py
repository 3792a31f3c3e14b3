"""Prompts that a browser shows for this machine's own microphone and camera."""

from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sensors.browsers import kept_exam, said_letters
from sensors.browsers.feedback import Feedback
from sensors.browsers.prompts import Prompt
from sensors.core.event import EventBatch
from sensors.core.percept import Percept, Reading
from sensors.perception.pairing import Moment
from sensors.perception.perception import Perception
from sensors.signals.readings import Frame

NAME = "host"
"""The name in files of an exam set."""
SOURCE = "host/prompts"
"""Source of labelled events; no browser has a name with a slash."""
LOOK_BACK = 4.0
"""Seconds for which the camera's pictures are kept, to look for lips in them."""
MOST_PICTURES = 240
"""Pictures that are kept at most."""
BUSY = "another browser prompts this machine's microphone and camera; end its session first"
"""Why a second browser may not prompt."""


class PromptingBrowser(NamedTuple):
    """The browser that prompts.

    Attributes:
        name: of the browser.
        tell: takes a message for it.
        theirs: from a monotonic second to the browser's clock.
    """

    name: str
    tell: Callable[[Mapping[str, Any]], None]
    theirs: Callable[[float], float]


class HostPrompts(Feedback):
    """Sees what this machine perceives, and tells it to the browser that prompts.

    Without such a browser it does nothing: every moment becomes an event.

    Args:
        generation: never used before by this machine's events.
        exam: directory to which prompted sessions are written as exam sets; None: none is kept.
        letters: whether letters that are said to prompts become labelled events.
    """

    def __init__(self, generation: int, exam: str | None, letters: bool) -> None:
        super().__init__(self._pass_on, self._on_their_clock)
        self._generation, self._exam, self._letters = generation, exam, letters
        self._listener: PromptingBrowser | None = None
        self._pictures: deque[Frame] = deque(maxlen=MOST_PICTURES)
        self._found: deque[tuple[EventBatch, float]] = deque()

    def follow(self, perception: Perception) -> None:
        """Tell what this perceives, and keep what bears a label."""
        super().follow(perception)
        if self._exam is not None:
            self.keepers[kept_exam.USE] = kept_exam.KeptExam(
                Path(self._exam), perception.streams, perception.config, NAME
            )
        if self._letters:
            self.keepers[said_letters.USE] = said_letters.SaidLetters(
                SOURCE,
                self._generation,
                lambda: list(self._pictures),
                lambda batch, captured: self._found.append((batch, captured)),
            )

    def listen(self, listener: PromptingBrowser, prompt: Prompt) -> None:
        """A browser shows a prompt; any thread."""
        if self._listener is not None and self._listener.name != listener.name:
            listener.tell(prompt.answer(BUSY))
            return
        self._listener = listener
        self.show(prompt)

    def over(self, name: str, at: float) -> None:
        """The browser of this name shows no prompt from a monotonic second on; any thread."""
        if self._listener is not None and self._listener.name == name:
            self.hide(at)

    def leave(self, name: str, at: float) -> None:
        """The browser of this name has gone at a monotonic second; any thread."""
        self.over(name, at)
        if self._listener is not None and self._listener.name == name:
            self._listener = None

    def observe(self, reading: Reading) -> None:
        """Remember the newest pictures."""
        if not self._letters or not isinstance(reading, Frame):
            return
        self._pictures.append(reading)
        while self._pictures[0].time < reading.time - LOOK_BACK:
            self._pictures.popleft()

    def take_found(self) -> list[tuple[EventBatch, float]]:
        """Labelled events, each with the monotonic second at which it was captured."""
        return [self._found.popleft() for _ in range(len(self._found))]

    def percept(self, sense: str, percept: Percept, now: float) -> None:
        """Tell of a percept while a browser prompts."""
        if self._listener is not None:
            super().percept(sense, percept, now)

    def moment(self, moment: Moment, now: float) -> bool:
        """Keep what bears a label; tell of the rest while a browser prompts."""
        if self._listener is None and self.prompts.of(moment) is None:
            return True
        return super().moment(moment, now)

    def _pass_on(self, told: Mapping[str, Any]) -> None:
        if (listener := self._listener) is not None:
            listener.tell(told)

    def _on_their_clock(self, seconds: float) -> float:
        return seconds if (listener := self._listener) is None else listener.theirs(seconds)

"""Prompted sessions: words or letters are shown one after the other, and what is said and shown then bears that label.

Labels never reach what learns without them: a moment that bears one is made no event of the usual tables.
"""

from collections import deque
from dataclasses import dataclass
from math import inf
from typing import Any, Protocol

from sensors.core.errors import WireError
from sensors.perception.pairing import Moment

LONGEST_LABEL = 64
"""Characters of a label."""
REMEMBERED = 64
"""Prompts whose percepts may still come."""
EARLY = 0.1
"""Seconds by which something may seem to begin before its prompt was shown."""


@dataclass
class Prompt:
    """Something that a person was asked to say and show.

    Attributes:
        label: what.
        use: what it is for, by the name of a `Keeper`.
        alone: only what is said is taken, without lips.
        start: monotonic second at which it was shown.
        end: at which it was taken away; infinite while it is shown.
    """

    label: str
    use: str
    alone: bool
    start: float
    end: float = inf

    def answer(self, why: str) -> dict[str, Any]:
        """The message that nothing can be kept for this prompt, with the reason."""
        return {"type": "prompted", "label": self.label, "use": self.use, "kept": False, "why": why, "senses": []}


class Keeper(Protocol):
    """Keeps what bears a label."""

    def refuse(self, label: str) -> str:
        """Why nothing of such a label can be kept; empty where it can."""

    def keep(self, prompt: Prompt, moment: Moment) -> str | None:
        """Keep a moment; why it cannot be kept, empty where it was, None where nobody meant it to be."""


class Prompts:
    """The prompts of one browser, by their times; used by one thread."""

    def __init__(self) -> None:
        self._shown: deque[Prompt] = deque(maxlen=REMEMBERED)

    def show(self, prompt: Prompt) -> None:
        """A prompt is shown; it takes the place of the one before."""
        self.hide(prompt.start)
        self._shown.append(prompt)

    def hide(self, at: float) -> None:
        """Nothing is shown from a monotonic second on."""
        if self._shown and self._shown[-1].end > at:
            self._shown[-1].end = max(at, self._shown[-1].start)

    def of(self, moment: Moment) -> Prompt | None:
        """The prompt in which a moment began; None where there was none."""
        for prompt in reversed(self._shown):
            if prompt.start - EARLY <= moment.start < prompt.end:
                return prompt
        return None


def read_prompt(told: dict[str, Any], start: float) -> Prompt:
    """The prompt that a browser's message tells of.

    Raises:
        WireError: the message lacks something.
    """
    label, use, alone = told.get("label"), told.get("use"), told.get("alone", False)
    if not isinstance(label, str) or not label.isprintable() or not 1 <= len(label.strip()) <= LONGEST_LABEL:
        raise WireError(f"prompt: a label is 1…{LONGEST_LABEL} printable characters")
    if not isinstance(use, str) or not isinstance(alone, bool):
        raise WireError("prompt: expected `use`, a word, and `alone`, true or false")
    return Prompt(label.strip(), use, alone, start)

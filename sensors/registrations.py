"""Which parts a plugin has registered: senses here, subjects, algorithms and layouts in other rooms.

Every room notes what it registers. A plugin may import a room for the first time, which then registers its own parts:
so a note belongs to the file whose code was running as a module when it was made.
"""

import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Registration:
    """One part: what it is ('sense', 'subject', …), its name, and the file that registered it."""

    what: str
    name: str
    file: str


NOTES: list[Registration] = []
"""All registrations of this process, in their order."""


def note(what: str, name: str) -> None:
    """Note that a part was registered; called by what registers it."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_name != "<module>":
        frame = frame.f_back
    NOTES.append(Registration(what, name, frame.f_code.co_filename))

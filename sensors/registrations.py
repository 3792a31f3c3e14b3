"""Which parts a plugin has registered: senses here, subjects, algorithms and layouts in other rooms.

Every room notes what it registers. A plugin may import a room for the first time, which then registers its own parts:
so a note belongs to the module that was being executed when it was made.
"""

import sys
from dataclasses import dataclass

SECTIONS = frozenset(
    (
        *("data", "teacher", "letters", "replay", "learner", "monitor", "answer", "run", "sensors", "perception"),
        *("ingest", "live", "senses", "publisher"),
    )
)
"""Sections of the settings of a run and of a robot that belong to neither a sense nor an algorithm."""


@dataclass(frozen=True)
class Registration:
    """One part: what it is ('sense', 'subject', …), its name, and the file and module whose code registered it."""

    what: str
    name: str
    file: str
    module: str


NOTES: list[Registration] = []
"""All registrations of this process, in their order."""


def note(what: str, name: str) -> None:
    """Note that a part was registered; called by what registers it."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_name != "<module>":
        frame = frame.f_back
    module = str(frame.f_globals.get("__name__", ""))
    NOTES.append(Registration(what, name, frame.f_code.co_filename, module))


def check_name(what: str, name: str) -> None:
    """Refuse the name of a section of settings for a part that may have a section of its own name.

    Raises:
        ValueError: names the part.
    """
    if name in SECTIONS:
        raise ValueError(f"{what} {name!r}: a section of the settings has this name; choose another")

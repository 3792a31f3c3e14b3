"""Which parts a plugin has registered: senses here, subjects, algorithms and layouts in other rooms.

Every room notes what it registers. A plugin may import a room for the first time, which then registers its own parts:
so a note belongs to the module that was being executed when it was made.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sensors.core.config import Config

SECTIONS = frozenset(
    (
        *("data", "teacher", "letters", "replay", "learner", "monitor", "answer", "run", "sensors", "perception"),
        *("ingest", "live", "senses", "parts", "publisher", "page", "browsers"),
    )
)
"""Sections of the settings of a run and of a robot that no sense, subject or algorithm brings."""
_BROUGHT: dict[str, Callable[[], Mapping[str, type[Config]]]] = {}


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


def sections_of(what: str, found: Callable[[], Mapping[str, type[Config]]]) -> None:
    """Make known which sections of settings the parts of one kind bring.

    Args:
        what: the kind, such as 'sense'.
        found: answers with the settings' classes by section; a section has the name of its part.
    """
    _BROUGHT[what] = found


def brought(*kinds: str) -> dict[str, type[Config]]:
    """The sections of settings that the registered parts of these kinds bring, by name."""
    return {name: own for what in kinds if what in _BROUGHT for name, own in _BROUGHT[what]().items()}


def check_name(what: str, name: str, settings: object = None) -> None:
    """Refuse a part whose section of settings would have the name of another section, or no usable class.

    Args:
        what: kind of the part.
        name: of the part, and of its section.
        settings: class of its own settings; None: it has none yet.

    Raises:
        ValueError: names the part.
    """
    if name in SECTIONS:
        raise ValueError(f"{what} {name!r}: a section of the settings has this name; choose another")
    if settings is None:
        return
    if not isinstance(settings, type) or not issubclass(settings, Config):
        raise ValueError(f"{what} {name!r}: its settings are no subclass of sensors.core.config.Config")
    for other in _BROUGHT:
        # Two parts of one kind cannot have one name anyway.
        if other != what and name in brought(other):
            raise ValueError(f"{what} {name!r}: the {other} {name!r} has settings of this name; choose another")
    try:
        settings()
    except TypeError:
        raise ValueError(f"{what} {name!r}: give each of its settings a default") from None

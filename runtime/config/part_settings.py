"""Settings that algorithms and subjects bring, a section of the run's settings each."""

import dataclasses
from functools import cache

from sensors.core.config import Config
from sensors.core.registrations import brought

KINDS = ("algorithm", "subject")
"""Parts that may bring settings only to a run; the settings of senses are a robot's, too."""


@dataclasses.dataclass(frozen=True)
class PartsConfig(Config):
    """Settings of all registered algorithms and subjects that bring some: a field for each, of the part's name.

    `parts_config()` gives the class that has the fields.
    """


def parts_config() -> type[PartsConfig]:
    """The class of the settings of the parts that are registered now."""
    return _made(tuple(brought(*KINDS).items()))


@cache
def _made(kinds: tuple[tuple[str, type[Config]], ...]) -> type[PartsConfig]:
    fields = [(name, kind, dataclasses.field(default_factory=kind)) for name, kind in kinds]
    return dataclasses.make_dataclass("PartsConfig", fields, bases=(PartsConfig,), frozen=True)

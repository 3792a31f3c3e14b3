"""The contract of a view finder: one way of finding views in a camera's pictures, which registers itself by name.

The setting `sensors.view` names the finder. Nothing outside a finder's own file decides by its name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensors.core.errors import ConfigError
from sensors.core.percept import Cutter
from sensors.core.registrations import note

Fit = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
"""From a picture (H, W) or (H, W, 3) of any size to a stored sample."""


@dataclass(frozen=True)
class ViewFinder:
    """One way of finding views.

    Attributes:
        name: as `sensors.view` gives it.
        about: what it finds, in one phrase for people.
        make: makes the cutter, given the settings of perception, whether samples are in colour, and what makes a sample
            of a part of a picture.
        color: whether new runs learn pictures in colour unless they are told otherwise.
        lacks: what the cutter counts while it finds nothing: name of the count -> why, for people.
    """

    name: str
    about: str
    make: Callable[[Any, bool, Fit], Cutter]
    color: bool = False
    lacks: Mapping[str, str] = field(default_factory=dict)


_FINDERS: dict[str, ViewFinder] = {}


def register_view_finder(finder: ViewFinder) -> ViewFinder:
    """Add a finder.

    Raises:
        ValueError: its name is taken or malformed.
    """
    if not finder.name.isidentifier() or finder.name != finder.name.lower():
        raise ValueError(f"view finder {finder.name!r}: use a lower-case identifier")
    if finder.name in _FINDERS:
        raise ValueError(f"view finder {finder.name!r} is registered already")
    _FINDERS[finder.name] = finder
    note("view finder", finder.name)
    return finder


def view_finders() -> Mapping[str, ViewFinder]:
    """All finders by name, in the order in which they were registered."""
    return _FINDERS


def view_finder(name: str) -> ViewFinder:
    """Look one up.

    Raises:
        ConfigError: no such finder; names those that there are.
    """
    found = _FINDERS.get(name)
    if found is None:
        raise ConfigError(f"sensors.view={name!r}: choose one of {', '.join(sorted(_FINDERS))}")
    return found

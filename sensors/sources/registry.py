"""What `--sensors` may name, beside the directory of a recording: the ways in which a run perceives for itself."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class LiveSource:
    """A way in which a run perceives for itself.

    Attributes:
        name: as the user gives it.
        about: what gives then, for people.
        devices: whether this machine's own devices are used.
        browsers: whether it is of no use unless browsers can share what they hear and see.
    """

    name: str
    about: str
    devices: bool
    browsers: bool = False


_KNOWN: dict[str, LiveSource] = {}


def register_live_source(source: LiveSource) -> LiveSource:
    """Add one.

    Raises:
        ValueError: its name is taken.
    """
    if source.name in _KNOWN:
        raise ValueError(f"live source {source.name!r}: the name is taken")
    _KNOWN[source.name] = source
    return source


def live_sources() -> Mapping[str, LiveSource]:
    """All of them by name."""
    return _KNOWN

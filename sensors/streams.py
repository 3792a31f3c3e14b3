"""Which senses are perceived live, and the sources that give what they are perceived in."""

from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from sensors.errors import ConfigError, SourceError
from sensors.live_config import SensorsConfig
from sensors.modalities import kind_of
from sensors.percept import Reading
from sensors.recording import Recording
from sensors.senses import Stream, sense, senses
from sensors.source import Source

AnySource = Source[Any]


def perceivable() -> list[str]:
    """Names of the registered senses that have a stream."""
    return [name for name, each in senses().items() if each.stream is not None]


def streams(names: Sequence[str] | None = None) -> dict[str, Stream]:
    """The streams of senses, by name, in the order of registration.

    Args:
        names: of the senses; none: all that have a stream.

    Raises:
        ConfigError: one of them has no stream.
        EventError: one of them is not registered.
    """
    wanted = perceivable() if names is None else names
    for name in wanted:
        if sense(name).stream is None:
            raise ConfigError(f"{name}: sensors do not give it; they give {', '.join(perceivable())}")
    return {name: each.stream for name, each in senses().items() if each.stream is not None and name in wanted}


def perceived_kinds(names: Iterable[str]) -> list[str]:
    """The kinds of events in which senses are perceived: each alone, and any of them together.

    Raises:
        EventError: one of them is not registered.
    """
    known = kind_of(names).split("+")
    return [kind_of(some) for count in range(1, len(known) + 1) for some in combinations(known, count)]


def readings(wanted: Iterable[Stream]) -> list[type[Reading]]:
    """The classes of readings that streams are cut from, each once."""
    return list(dict.fromkeys(stream.reading for stream in wanted))


def devices(wanted: Iterable[Stream], config: SensorsConfig) -> list[AnySource]:
    """The devices of this machine that give what streams are cut from; one that several name is there once."""
    found: dict[str, AnySource] = {}
    for stream in wanted:
        for source in stream.sources(config):
            found.setdefault(source.name, source)
    return list(found.values())


def played(wanted: Iterable[Stream], directory: str | Path, speed: float = 1.0) -> list[AnySource]:
    """The recorded sources that give what streams are cut from.

    Args:
        wanted: the streams.
        directory: of the recording.
        speed: how many times faster than it was recorded it is played.

    Raises:
        SourceError: no such recording, or it holds nothing that the streams are cut from.
    """
    recording = Recording(directory, speed, readings=readings(wanted))
    found: list[AnySource] = [*recording.sources()]
    if not found:
        kinds = ", ".join(sorted(set(recording.kinds.values())))
        raise SourceError(
            f"{directory}: holds {kinds} alone, in which no sense of this run is perceived; name its sense in "
            "learner.modalities, and give --plugin FILE.py where it is no sense of the program itself"
        )
    return found

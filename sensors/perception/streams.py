"""Which senses are perceived live, and the sources that give what they are perceived in."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from sensors.core.errors import ConfigError, SourceError
from sensors.core.modalities import kind_of
from sensors.core.percept import Reading
from sensors.files.choice import channels_of, read_topics
from sensors.files.file_source import sources_of
from sensors.files.player import Player
from sensors.files.playlist import parts_of
from sensors.senses import Stream, sense, senses
from sensors.sources.live_config import SensorsConfig
from sensors.sources.recording import Recording, is_recording
from sensors.sources.source import Source

AnySource = Source[Any]


def perceivable() -> list[str]:
    """Names of the registered senses that have a stream."""
    return [name for name, each in senses().items() if each.stream is not None]


def streams(names: Sequence[str] | None = None) -> dict[str, Stream]:
    """The streams of senses, by name, in the order of registration.

    Args:
        names: of the senses; None: all that have a stream.

    Raises:
        ConfigError: one of them has no stream.
        EventError: one of them is not registered.
    """
    wanted = perceivable() if names is None else names
    for name in wanted:
        if sense(name).stream is None:
            raise ConfigError(f"{name}: sensors do not give it; they give {', '.join(perceivable())}")
    return {name: each.stream for name, each in senses().items() if each.stream is not None and name in wanted}


def sense_defaults(config: SensorsConfig) -> dict[str, str]:
    """Settings that senses take in new runs and robots which use the sensors so, unless they are told otherwise.

    Returns:
        Dotted setting -> value, as a person types it.
    """
    given = {name: each.stream.defaults for name, each in senses().items() if each.stream and each.stream.defaults}
    return {f"{name}.{key}": str(value) for name, own in given.items() for key, value in own(config).items()}


def perceived_kinds(names: Iterable[str]) -> list[str]:
    """The kinds of events that perception makes: of each single sense, and of each combination of senses.

    Raises:
        EventError: one of them is not registered.
    """
    known = kind_of(names).split("+")
    return [kind_of(some) for count in range(1, len(known) + 1) for some in combinations(known, count)]


def readings(wanted: Iterable[Stream]) -> list[type[Reading]]:
    """The classes of readings that streams are cut from, each once."""
    return list(dict.fromkeys(stream.reading for stream in wanted))


def takers(reading: type, source: str) -> list[str]:
    """The senses that are perceived in what a source gives, whether or not this run perceives them.

    Args:
        reading: class of the source's readings.
        source: its name.
    """
    alike = {name: each.stream for name, each in senses().items() if each.stream and each.stream.reading is reading}
    named = [name for name, stream in alike.items() if source in stream.names]
    return named or [name for name, stream in alike.items() if not stream.names]


def devices(wanted: Mapping[str, Stream], config: SensorsConfig) -> list[AnySource]:
    """The devices of this machine that give what streams are cut from; one that several name is there once.

    Args:
        wanted: the streams, by the names of their senses.
        config: which devices are used.

    Raises:
        SourceError: different sources have one name, or a sense would be given the readings of another one's source.
    """
    found: dict[str, AnySource] = {}
    owners: dict[str, str] = {}
    taken: dict[str, list[str]] = {name: [] for name in wanted}
    for name, stream in wanted.items():
        for source in stream.sources(config):
            owner = owners.setdefault(source.name, name)
            first = found.setdefault(source.name, source)
            if type(first) is not type(source) or wanted[owner].reading is not stream.reading:
                raise SourceError(
                    f"senses {owner} and {name}: each has a source of its own that is called {source.name!r}; "
                    "give one of the sources another name"
                )
            if name not in takers(stream.reading, source.name):
                raise SourceError(
                    f"sense {name}: its stream does not take what its own source {source.name!r} gives; "
                    "let `names` of its stream name all of its sources, and no sense's but its own"
                )
            if first is source:
                for taker in takers(stream.reading, source.name):
                    taken.get(taker, []).append(source.name)
    if mixed := _mixed(taken, wanted):
        name, sources = mixed
        raise SourceError(
            f"sense {name}: would be given the readings of {' and '.join(sources)} mixed; let the streams of the "
            "senses that have these sources name theirs, as in Stream(…, names=('thermal',))"
        )
    return list(found.values())


def played(
    wanted: Mapping[str, Stream], place: str | Path, speed: float = 1.0, topics: str | None = None
) -> list[AnySource]:
    """The sources of what was recorded that give what streams are cut from.

    Args:
        wanted: the streams, by the names of their senses.
        place: a recording, or files that a registered reader reads (`sensors.files`), or a folder of them.
        speed: how many times faster than it was recorded it is played; 0: as fast as it is read.
        topics: 'SENSE=STREAM, …': which stream of the file a sense is perceived in.

    Raises:
        SourceError: nothing is there, it holds nothing that the streams are cut from, or several sources of which one
            sense cannot tell its own.
        ConfigError: `topics` cannot be read.
    """
    if is_recording(place) and speed:
        return _recorded(wanted, place, speed)
    channels = channels_of(wanted, read_topics(topics))
    return [*sources_of(Player(str(place), parts_of(Path(place)), channels, speed))]


def _recorded(wanted: Mapping[str, Stream], directory: str | Path, speed: float) -> list[AnySource]:
    classes = {reading.kind: reading for reading in readings(wanted.values())}
    recording = Recording(directory, speed, readings=list(classes.values()))
    taken: dict[str, list[str]] = {name: [] for name in wanted}
    found: list[AnySource] = []
    for source in recording.sources():
        own = [name for name in takers(classes[recording.kinds[source.name]], source.name) if name in wanted]
        found += [source] if own else []
        for name in own:
            taken[name].append(source.name)
    if not found:
        kinds = ", ".join(sorted(set(recording.kinds.values())))
        raise SourceError(
            f"{directory}: holds only {kinds}, which no sense of this run perceives; name its sense in "
            "learner.modalities, and give --plugin FILE.py where it is no sense of the program itself"
        )
    if mixed := _mixed(taken, wanted):
        name, sources = mixed
        raise SourceError(
            f"{directory}: sense {name} would be given the readings of {' and '.join(sources)} mixed; give --plugin "
            "FILE.py of the senses that were recorded, or move the .rec files of the others out of the folder"
        )
    return found


def _mixed(taken: Mapping[str, list[str]], wanted: Mapping[str, Stream]) -> tuple[str, list[str]] | None:
    """A sense that names no sources and would be given the readings of several; and these sources."""
    return next(((name, own) for name, own in taken.items() if len(own) > 1 and not wanted[name].names), None)

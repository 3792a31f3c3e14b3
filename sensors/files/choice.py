"""Which stream of a file each sense is perceived in: what the user names, else the first that fits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from sensors.core.errors import ConfigError, SourceError
from sensors.core.percept import Reading
from sensors.files.contract import FileStream, OpenFile, fits
from sensors.signals.readings import Values


@dataclass(frozen=True)
class Channel:
    """What one or several senses are perceived in, whichever file it comes from.

    Attributes:
        name: of the source.
        reading: class of the readings that the senses want.
        aliases: names of streams that are taken without being asked for, such as the senses' own.
        topic: the stream that the user names; None: the first that fits.
        color: pictures are wanted in colour.
    """

    name: str
    reading: type[Reading]
    aliases: tuple[str, ...] = ()
    topic: str | None = None
    color: bool = False

    def pick(self, streams: Sequence[FileStream]) -> FileStream | None:
        """The stream of a file that this channel plays; None: the file has none.

        Rows of values are taken by their name or kind alone: of several that a robot logs, each means something else.

        Raises:
            SourceError: the stream that the user names is not there, or does not fit.
        """
        if self.topic is not None:
            return self._named(self.topic, streams)
        fitting = [s for s in streams if fits(s, self.reading) and s.kind in ("", self.reading.kind)]
        if issubclass(self.reading, Values):
            fitting = [stream for stream in fitting if stream.kind or stream.name in self.aliases]
        return next(iter(fitting), None)

    def _named(self, topic: str, streams: Sequence[FileStream]) -> FileStream:
        found = next((stream for stream in streams if stream.name == topic), None)
        if found is None:
            names = [stream.name for stream in streams]
            near = get_close_matches(topic, names, 1)
            meant = f" (did you mean {near[0]!r}?)" if near else ""
            raise SourceError(f"holds no stream {topic!r}{meant}; it holds {', '.join(names) or 'none'}")
        if found.refused:
            raise SourceError(f"stream {topic!r} cannot be read: {found.refused}")
        if not fits(found, self.reading):
            raise SourceError(
                f"stream {topic!r} holds {found.reading.kind}, and {self.name} is perceived in {self.reading.kind}"
            )
        return found


def picked(channels: Sequence[Channel], file: OpenFile) -> tuple[dict[str, FileStream], list[SourceError]]:
    """The stream of each channel that has one in this file, by the channels' names; why a named one is not there."""
    found: dict[str, FileStream] = {}
    missing: list[SourceError] = []
    for channel in channels:
        try:
            stream = channel.pick(file.streams)
        except SourceError as error:
            missing.append(error)
        else:
            if stream is not None:
                found[channel.name] = stream
    return found, missing


def read_topics(text: str | None) -> dict[str, str]:
    """'image=/camera/color,touch=/hand' as sense -> stream.

    Raises:
        ConfigError: it cannot be read.
    """
    found: dict[str, str] = {}
    for part in (text or "").split(","):
        sense, equals, stream = (each.strip() for each in part.partition("="))
        if not part.strip():
            continue
        if not equals or not sense or not stream or sense in found:
            raise ConfigError(f"live.topics={text}: {part.strip()!r} is no SENSE=STREAM, or names a sense twice")
        found[sense] = stream
    return found


def channels_of(wanted: Mapping[str, Any], topics: Mapping[str, str]) -> list[Channel]:
    """The channels that senses are perceived in.

    Args:
        wanted: the streams of the senses (`sensors.senses.Stream`), by the names of the senses.
        topics: sense -> stream of the file that the user names.

    Raises:
        SourceError: two senses that are perceived in one source are given different streams, or one of the topics is
            that of no sense.
    """
    if unknown := [sense for sense in topics if sense not in wanted]:
        raise SourceError(
            f"--topic {unknown[0]}=…: this run does not perceive {unknown[0]}; it perceives {', '.join(wanted)}"
        )
    groups: dict[tuple[type[Any], str], list[str]] = {}
    for sense, stream in wanted.items():
        groups.setdefault((stream.reading, stream.names[0] if stream.names else ""), []).append(sense)
    found: list[Channel] = []
    for (reading, named), members in groups.items():
        named_topics = {topics[sense] for sense in members if sense in topics}
        if len(named_topics) > 1:
            raise SourceError(
                f"--topic: {' and '.join(members)} are perceived in one source; name one stream for all of them"
            )
        name = named or reading.kind
        aliases = (*members, *(alias for sense in members for alias in wanted[sense].names), reading.kind)
        color = any(wanted[sense].in_color() for sense in members)
        found.append(Channel(name, reading, aliases, next(iter(named_topics), None), color))
    return found

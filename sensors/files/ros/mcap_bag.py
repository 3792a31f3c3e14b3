"""MCAP files as bags: one, or those of a rosbag2 directory in turn."""

from collections import Counter
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from sensors.core.errors import SourceError
from sensors.files.contract import Report
from sensors.files.ros.bag import Bag, BagMessage, Topic
from sensors.files.ros.definitions import known_types, types_of
from sensors.files.ros.mcap_index import DamagedChunk, McapIndex, read_index, read_place
from sensors.system.files import open_regular

LIBRARY = "reciprocal"
"""What the program's own recorder calls itself in a file's header."""
COPY, KIND = "copy of", "kind"
"""Keys of the metadata of the recorder's channels: the topic that it repeats for other programs; the readings' kind."""
_ENCODINGS = ("ros2msg", "ros2idl")
_SHORT = 2  # messages of which a rate is told


class McapBag(Bag):
    """An MCAP file.

    Args:
        path: of the file.

    Raises:
        SourceError: it is no MCAP file.
        DataError: it is no regular file, or must not be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with open_regular(path) as file:
            self._index = read_index(file, str(path))
        self.begin, self.end = self._index.begin, self._index.end
        self.cut = self._index.cut
        self._types: dict[int, tuple[Any, str]] = {}
        self._unreadable: dict[int, str] = {}
        self._read_types(self._index)
        seconds = (self.end - self.begin) / 1e9
        own = self._index.library.startswith(LIBRARY)
        self._topics = _by_topic(self._index)
        self.topics = tuple(
            self._topic(name, channels, seconds, own) for name, channels in sorted(self._topics.items())
        )

    def messages(self, topic: str, report: Report) -> Generator[BagMessage, None, str]:
        """The messages of a topic; see `Bag.messages`."""
        channels = set(self._topics.get(topic, ()))
        given, places = Counter[str](), 0
        with open_regular(self.path) as file:
            for place in self._index.places:
                if place.channels is not None and not channels & place.channels:
                    continue
                try:
                    records = read_place(file, place)
                except DamagedChunk as damage:
                    places += 1
                    report.remark(f"{topic}: {damage} at byte {place.offset}: {place.length} bytes are left out")
                    continue
                for record in records:
                    if getattr(record, "channel_id", None) in channels and hasattr(record, "log_time"):
                        given["messages"] += 1
                        if (message := self._decoded(record)) is not None:
                            yield message
                        else:
                            given["damaged"] += 1
                            report.lose("damaged")
        declared = sum(self._index.counts[channel] for channel in channels)
        lost = max(declared - given["messages"], 0)
        if lost or places:
            # A search counts only what it can read: of a damaged place it does not know whose messages it held.
            report.lose("damaged", max(lost, places))
        whole = given["messages"] - given["damaged"]
        parts = [f"{places} damaged place{'s' if places > 1 else ''}"] if places else []
        parts += [f"{given['damaged']} damaged messages"] if given["damaged"] else []
        parts += [self.cut] if self.cut else []
        of = f" of {declared}" if lost else ""
        return f"ended after {whole}{of} messages: {', '.join(parts)}" if parts else ""

    def _read_types(self, index: McapIndex) -> None:
        for number, schema in index.schemas.items():
            name = schema.name
            try:
                if schema.encoding in _ENCODINGS:
                    store = types_of([(name, schema.encoding, schema.data.decode())])
                elif not schema.data and name in known_types().fielddefs:
                    store = known_types()
                else:
                    self._unreadable[number] = f"defined as {schema.encoding or 'nothing'}, not by a ROS 2 message"
                    continue
                self._types[number] = (store, name)
            except Exception as error:  # the parser raises errors of its own, and those of what it meets
                self._unreadable[number] = f"of a type whose definition cannot be read ({_line(error)})"

    def _decoded(self, record: Any) -> BagMessage | None:
        channel = self._index.channels[record.channel_id]
        known = self._types.get(channel.schema_id)
        if known is None:
            return None
        try:
            content = known[0].deserialize_cdr(record.data, known[1])
        except Exception:  # numpy's, struct's and the decoder's own errors: the bytes are no such message
            return None
        return BagMessage(record.log_time, record.sequence, len(record.data), content)

    def _topic(self, name: str, numbers: Sequence[int], seconds: float, own: bool) -> Topic:
        channels = [self._index.channels[number] for number in numbers]
        types = {self._type(channel) for channel in channels}
        count = sum(self._index.counts[number] for number in numbers)
        rate = (count - 1) / seconds if count > _SHORT and seconds > 0 else None
        copy = any(COPY in channel.metadata for channel in channels)
        kind = next((str(channel.metadata[KIND]) for channel in channels if own and KIND in channel.metadata), "")
        return Topic(name, " and ".join(sorted(types)), count, rate, copy, bool(kind), kind)

    def _type(self, channel: Any) -> str:
        schema = self._index.schemas.get(channel.schema_id)
        if schema is None:
            return f"messages of {channel.message_encoding or 'an unknown encoding'} without a type"
        if channel.message_encoding != "cdr":
            return f"{schema.name} in {channel.message_encoding}"
        if why := self._unreadable.get(channel.schema_id, ""):
            return f"{schema.name}, {why}"
        return str(schema.name)


class McapFiles(Bag):
    """MCAP files that are one bag, in their order.

    Args:
        paths: of the files that are there.
        missing: names of those that are not.

    Raises:
        SourceError: none of them is there and can be read.
    """

    def __init__(self, paths: Sequence[Path], missing: Sequence[str] = ()) -> None:
        self._bags = [McapBag(path) for path in paths]
        self._missing = list(missing)
        if not self._bags:
            raise SourceError(f"none of its files is there: {', '.join(missing)}")
        self.begin = min((bag.begin for bag in self._bags if bag.begin), default=0)
        seconds = (max(bag.end for bag in self._bags) - self.begin) / 1e9
        named: dict[str, list[Topic]] = {}
        for bag in self._bags:
            for topic in bag.topics:
                named.setdefault(topic.name, []).append(topic)
        self.topics = tuple(_together(topics, seconds) for _, topics in sorted(named.items()))

    def messages(self, topic: str, report: Report) -> Generator[BagMessage, None, str]:
        """The messages of a topic; see `Bag.messages`."""
        endings = []
        for bag in self._bags:
            ending = yield from bag.messages(topic, report)
            endings += [f"{bag.path.name}: {ending}"] if ending else []
        if self._missing:
            report.lose("missing", len(self._missing))
            endings.append(f"missing: {', '.join(self._missing)}")
        return "; ".join(endings)


def _by_topic(index: McapIndex) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for number, channel in index.channels.items():
        found.setdefault(channel.topic, []).append(number)
    return found


def _together(topics: Sequence[Topic], seconds: float) -> Topic:
    first = topics[0]
    count = sum(topic.count for topic in topics)
    types = " and ".join(dict.fromkeys(topic.type for topic in topics))
    rate = (count - 1) / seconds if count > _SHORT and seconds > 0 else None
    exact = all(topic.exact for topic in topics)
    return Topic(first.name, types, count, rate, first.copy, exact, first.kind if exact else "")


def _line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__

"""Bags that `rosbags` reads: rosbag2 directories with SQLite databases or compressed files, databases alone, ROS 1."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sensors.core.errors import SourceError
from sensors.files.contract import Report
from sensors.files.ros.bag import Bag, BagMessage, Topic
from sensors.files.ros.definitions import known_types

_SHORT = 2  # messages of which a rate is told


class RosbagsBag(Bag):
    """A directory or file that `rosbags` opens.

    Args:
        path: of the directory or file.

    Raises:
        SourceError: it is no bag, or a damaged one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._opened() as reader:
            counts: dict[str, int] = {}
            types: dict[str, dict[str, None]] = {}
            for connection in reader.connections:
                counts[connection.topic] = counts.get(connection.topic, 0) + connection.msgcount
                types.setdefault(connection.topic, {})[connection.msgtype] = None
            begin, seconds = reader.start_time, reader.duration / 1e9
            self.begin = begin if reader.message_count else 0
        self.topics = tuple(
            Topic(
                name,
                " and ".join(types[name]),
                counts[name],
                (counts[name] - 1) / seconds if counts[name] > _SHORT and seconds > 0 else None,
            )
            for name in sorted(counts)
        )

    def messages(self, topic: str, report: Report) -> Generator[BagMessage, None, str]:
        """The messages of a topic; see `Bag.messages`."""
        declared = next((each.count for each in self.topics if each.name == topic), 0)
        came = damaged = 0
        why = ""
        with self._opened() as reader:
            wanted = [connection for connection in reader.connections if connection.topic == topic]
            messages = reader.messages(wanted) if wanted else iter(())
            while True:
                try:
                    found = next(messages, None)
                except Exception as error:  # the database's errors, and those of decompression
                    why = f"cannot be read on ({_line(error)})"
                    break
                if found is None:
                    break
                connection, time, data = found
                came += 1
                try:
                    content = reader.deserialize(data, connection.msgtype)
                except Exception:  # the bytes are no such message
                    damaged += 1
                    report.lose("damaged")
                    continue
                yield BagMessage(time, 0, len(data), content)
        if lost := max(declared - came, 0):
            report.lose("missing", lost)
        parts = [why] if why else []
        parts += [f"{damaged} damaged messages"] if damaged else []
        parts += [f"{lost} that it declares are missing"] if lost else []
        return f"ended after {came - damaged} messages: {', '.join(parts)}" if parts else ""

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        from rosbags.highlevel import AnyReader

        try:
            reader = AnyReader([self.path], default_typestore=known_types())
            reader.open()
        except Exception as error:  # what a damaged bag raises depends on where it is damaged
            raise SourceError(f"{self.path}: cannot be read as a bag ({_line(error)})") from None
        try:
            yield reader
        finally:
            # A damaged file may leave a reader in a state in which it cannot be closed.
            with suppress(Exception):
                reader.close()


def _line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__

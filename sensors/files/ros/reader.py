"""The reader of MCAP files and of rosbag2 directories."""

import importlib.util
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

from sensors.core.errors import DataError, SourceError
from sensors.core.percept import Reading
from sensors.files.contract import FileReader, OpenFile, Part, Report, register_reader
from sensors.files.ros.bag import EXTRA, Bag, BagMessage
from sensors.files.ros.kinds import BagStream, entries_of
from sensors.files.ros.order import Order
from sensors.files.ros.stamps import Stamps
from sensors.system.paths import MCAP

DATABASE, ROS_1 = ".db3", ".bag"
ABOUT = "metadata.yaml"
"""File that makes a directory a rosbag2 bag."""
_BAG = b"rosbag2_bagfile_information"
_LONGEST_HEAD = 4096
LIBRARIES = ("mcap", "rosbags")
"""What bags are read and written with."""


class RosFile(OpenFile):
    """A bag, opened; times are seconds since its first message was recorded.

    Args:
        bag: that holds the messages.
    """

    def __init__(self, bag: Bag) -> None:
        self._bag = bag
        self._entries = {entry.stream.name: entry for entry in entries_of(bag)}
        self.streams = tuple(entry.stream for entry in self._entries.values())
        self.begin = 0.0

    def play(self, stream: str, report: Report, color: bool = False) -> Generator[Reading, None, str]:
        """The readings of one topic; see `OpenFile.play`."""
        entry = self._entries[stream]
        if entry.untimed:
            report.remark(f"{stream}: {entry.untimed}: the times of its recording are taken")
        maker = entry.make(report, color)
        order: Order[tuple[BagMessage, bool]] = Order(lambda: report.lose("disordered"))
        ending: list[str] = []
        for time, (message, lost) in self._ordered(entry, order, report, ending):
            yield from maker.take(time, message.content, lost)
        yield from maker.finish()
        return "".join(ending)

    def _ordered(
        self, entry: BagStream, order: Order[tuple[BagMessage, bool]], report: Report, ending: list[str]
    ) -> Generator[tuple[float, tuple[BagMessage, bool]], None, None]:
        """The messages of a topic in the order of their times; what is to be said at its end comes to `ending`."""
        stamps = Stamps(entry.topic.name, self._bag.begin, entry.stamped, report)
        messages = self._bag.messages(entry.topic.name, report)
        number = 0
        while True:
            try:
                message = next(messages)
            except StopIteration as end:
                ending.append(end.value or "")
                break
            # The program's own recorder counts what it writes, and leaves a number out where something was lost.
            lost = entry.topic.exact and message.number > number + 1
            number = message.number
            yield from order.put(stamps.time(message), (message, lost), message.size)
        yield from order.flush()


class RosReader(FileReader):
    """MCAP files, rosbag2 directories and databases, and bags of ROS 1."""

    name = "ros"
    about = "ROS 2 bags: MCAP files, rosbag2 directories (.db3); bags of ROS 1 (.bag)"

    def owns(self, path: Path) -> bool:
        """Whether a path is a bag: by its ending, or for a directory, by its metadata."""
        if path.suffix.lower() in (MCAP, DATABASE, ROS_1):
            return not path.is_dir()
        try:
            with (path / ABOUT).open("rb") as file:
                return _BAG in file.read(_LONGEST_HEAD)
        except OSError:
            return False

    def parts(self, path: Path) -> Sequence[Part]:
        """The bag; see `FileReader.parts`."""
        if lacking := [name for name in LIBRARIES if importlib.util.find_spec(name) is None]:
            raise SourceError(f"{path}: bags of ROS need {' and '.join(lacking)}: {EXTRA}")
        return [Part(path.name, lambda: RosFile(_opened(path)))]


def _opened(path: Path) -> Bag:
    from sensors.files.ros.mcap_bag import McapBag
    from sensors.files.ros.rosbags_bag import RosbagsBag

    opens: Callable[[Path], Bag] = McapBag if path.suffix.lower() == MCAP else RosbagsBag
    try:
        if path.is_dir():
            return _directory(path)
        return opens(path)
    except DataError as error:
        raise SourceError(str(error)) from None


def _directory(path: Path) -> Bag:
    """A rosbag2 directory: MCAP files are read one by one, as far as each is whole; others by `rosbags`."""
    from sensors.files.ros.mcap_bag import McapFiles
    from sensors.files.ros.rosbags_bag import RosbagsBag

    about = _metadata(path)
    compressed = str(about.get("compression_mode") or "none").lower() != "none"
    if about.get("storage_identifier") != "mcap" or compressed:
        return RosbagsBag(path)
    names = [Path(str(name)).name for name in about.get("relative_file_paths") or ()]
    there = [path / name for name in names if (path / name).exists()]
    return McapFiles(there, [name for name in names if not (path / name).exists()])


def _metadata(path: Path) -> dict[str, Any]:
    from ruamel.yaml import YAML

    try:
        about: dict[str, Any] = YAML(typ="safe").load((path / ABOUT).read_text())[_BAG.decode()]
        return dict(about)
    except Exception as error:  # the parser has errors of its own
        why = next(iter(str(error).splitlines()), "")
        raise SourceError(f"{path / ABOUT}: is no metadata of a rosbag2 bag ({why})") from None


READER = register_reader(RosReader())

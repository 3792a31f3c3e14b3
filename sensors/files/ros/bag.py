"""What holds ROS 2 messages: topics, and their messages as they were recorded."""

from abc import ABC, abstractmethod
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from sensors.files.contract import Report

EXTRA = "pip install 'reciprocal[ros]'"
"""What brings the libraries that bags are read with."""


@dataclass(frozen=True)
class Topic:
    """A topic of a bag.

    Attributes:
        name: such as '/camera/color/image_raw'.
        type: of its messages, such as 'sensor_msgs/msg/Image'; several are separated by ' and '.
        count: its messages.
        rate: of them a second; None: they are too few to tell.
        copy: the program's own recorder wrote it beside another topic, for other programs.
        exact: the program's own recorder wrote it: its times are those of the readings, and its numbers count them.
        kind: of the readings that the program's own recorder wrote; empty: another recorder wrote it.
    """

    name: str
    type: str
    count: int
    rate: float | None
    copy: bool = False
    exact: bool = False
    kind: str = ""


@dataclass(frozen=True)
class BagMessage:
    """A message of a topic.

    Attributes:
        time: nanosecond at which it was recorded, on the clock of the recording machine.
        number: that its recorder gave it; 0 where recorders do not count.
        size: its bytes.
        content: decoded.
    """

    time: int
    number: int
    size: int
    content: Any


class Bag(ABC):
    """An opened bag.

    Attributes:
        topics: all of them, in the order of their names.
        begin: nanosecond of its first message; 0: it has none.
    """

    topics: tuple[Topic, ...]
    begin: int

    @abstractmethod
    def messages(self, topic: str, report: Report) -> Generator[BagMessage, None, str]:
        """The messages of a topic in about the order in which they were recorded.

        Args:
            topic: its name.
            report: takes what is damaged.

        Returns:
            What to say at the end; empty where nothing was missing.
        """


class Silent:
    """A report that nobody reads."""

    def lose(self, reason: str, count: int = 1) -> None:
        """Do nothing."""

    def remark(self, text: str) -> None:
        """Do nothing."""

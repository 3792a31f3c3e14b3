"""Topics of a live graph, in messages of rosbags' types."""

import time

import numpy as np
import pytest

pytest.importorskip("rosbags", reason="needs the extra ros: pip install -e '.[ros]'")

from typing import Any

from sensors.files.ros.definitions import known_types
from sensors.files.ros.makers import Pictures
from sensors.files.ros.pictures import image_pixels
from sensors.robots.topic_source import WAITING, TopicSource


def image(grey: int, at: int = 0) -> Any:
    """A picture of 2 x 2 pixels; `at`: its stamp, nanoseconds."""
    types = known_types().types
    stamp = types["builtin_interfaces/msg/Time"](at // 10**9, at % 10**9)
    data = np.full(4, grey, np.uint8)
    return types["sensor_msgs/msg/Image"](types["std_msgs/msg/Header"](stamp, ""), 2, 2, "mono8", 0, 2, data)


def test_what_cannot_be_read_yet_is_counted_and_not_guessed() -> None:
    topic = TopicSource("microphone", lambda topic: None)
    topic.take(image(1))
    assert topic.read(0.1) is None
    assert topic.source.counts.dropped == {"unreadable": 1}


def test_messages_beyond_the_bound_are_dropped_and_counted() -> None:
    topic = TopicSource("camera", lambda topic: Pictures(image_pixels, topic, False))
    for n in range(WAITING + 10):
        topic.take(image(n))
    first: Any = topic.read(0.1)
    assert first is not None and int(first.picture[0, 0]) == 10
    assert topic.source.counts.dropped == {"overflow": 10}


def test_old_stamps_are_of_another_clock() -> None:
    topic = TopicSource("camera", lambda topic: None)
    ages = []
    for age in (0.5, 3600.0, -5.0):
        topic.take(image(0, time.time_ns() - round(age * 1e9)))
        ages.append(time.monotonic() - topic.messages.get_nowait()[0])
    assert ages == pytest.approx([0.5, 0.0, 0.0], abs=0.1)

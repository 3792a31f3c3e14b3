"""A stand-in for rclpy and for the packages of messages, with the part of their interface that the bridge uses.

Messages are made and checked as those that ROS generates are: by keyword, with defaults, and with arrays for lists of
bytes. What is published reaches all subscriptions of its topic, in the publisher's thread.
"""

import array
import sys
import time
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any


class Graph:
    """Topics and their subscribers, and the parameters that `--ros-args` would give."""

    def __init__(self, **parameters: str) -> None:
        self.parameters = parameters
        self.subscriptions: dict[str, list[tuple[type, Callable[[Any], None]]]] = {}
        self.published: list[tuple[str, Any]] = []
        self.logged: list[str] = []

    def publish(self, topic: str, message: Any) -> None:
        self.published.append((topic, message))
        for kind, callback in self.subscriptions.get(topic, ()):
            assert type(message) is kind, f"{topic}: {type(message).__name__} for {kind.__name__}"
            callback(message)


class Message:
    """A message with fields that have defaults."""

    fields: dict[str, Callable[[], Any]]

    def __init__(self, **given: Any) -> None:
        assert set(given) <= set(self.fields), f"{type(self).__name__} has no {set(given) - set(self.fields)}"
        for name, default in self.fields.items():
            setattr(self, name, given.get(name, default()))

    def __setattr__(self, name: str, value: Any) -> None:
        kind = type(self.fields[name]())
        if kind is array.array:
            assert isinstance(value, array.array) and value.typecode == "B", f"{name}: give array.array('B', …)"
        else:
            assert isinstance(value, kind), f"{name}: {type(value).__name__} for {kind.__name__}"
        super().__setattr__(name, value)


def message(name: str, **fields: Callable[[], Any]) -> type[Any]:
    return type(name, (Message,), {"fields": fields})


def octets() -> "array.array[int]":
    return array.array("B")


Time = message("Time", sec=int, nanosec=int)
Header = message("Header", stamp=Time, frame_id=str)
Image = message("Image", header=Header, height=int, width=int, encoding=str, is_bigendian=int, step=int, data=octets)
CompressedImage = message("CompressedImage", header=Header, format=str, data=octets)
AudioData = message("AudioData", data=octets)
AudioDataStamped = message("AudioDataStamped", header=Header, audio=AudioData)
AudioInfo = message("AudioInfo", channels=int, sample_rate=int, sample_format=str, bitrate=int, coding_format=str)


def stamp(nanoseconds: int) -> Any:
    return Time(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)


def install(monkeypatch: Any, graph: Graph) -> None:
    """Let `import rclpy` and the packages of messages find the stand-in until the test is over."""

    class Node:
        def __init__(self, name: str) -> None:
            self.name = name

        def declare_parameter(self, name: str, value: Any) -> Any:
            return SimpleNamespace(value=graph.parameters.get(name, value))

        def create_subscription(self, kind: type, topic: str, callback: Callable[[Any], None], qos: Any) -> None:
            graph.subscriptions.setdefault(topic, []).append((kind, callback))

        def create_publisher(self, kind: type, topic: str, qos: Any) -> Any:
            def publish(message: Any) -> None:
                assert type(message) is kind
                graph.publish(topic.replace("~", f"/{self.name}"), message)

            return SimpleNamespace(publish=publish)

        def get_logger(self) -> Any:
            return SimpleNamespace(info=graph.logged.append, warning=graph.logged.append, error=graph.logged.append)

        def get_clock(self) -> Any:
            return SimpleNamespace(now=lambda: SimpleNamespace(to_msg=lambda: stamp(time.time_ns())))

        def destroy_node(self) -> None:
            graph.subscriptions.clear()

    def module(name: str, **contents: Any) -> None:
        made = ModuleType(name)
        vars(made).update(contents)
        monkeypatch.setitem(sys.modules, name, made)

    module("rclpy", init=lambda: None, try_shutdown=lambda: None, spin=lambda node: None)
    module("rclpy.node", Node=Node)
    module("rclpy.qos", qos_profile_sensor_data=5)
    module("rclpy.executors", ExternalShutdownException=type("ExternalShutdownException", (Exception,), {}))
    module("sensor_msgs")
    module("sensor_msgs.msg", Image=Image, CompressedImage=CompressedImage)
    module("audio_common_msgs")
    module("audio_common_msgs.msg", AudioData=AudioData, AudioDataStamped=AudioDataStamped, AudioInfo=AudioInfo)

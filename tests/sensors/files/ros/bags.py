"""Bags that tests write, as recorders of ROS 2 write them."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mcap.writer import CompressionType, Writer
from numpy.typing import NDArray
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer as DirectoryWriter

from sensors.files.ros.definitions import definition, known_types

BEGIN = 1_790_000_000 * 10**9
"""Nanosecond at which the bags begin."""
Recorded = tuple[str, str, int, Any]
"""Topic, type, nanosecond of its recording, and the message."""


def make(kind: str, /, **fields: Any) -> Any:
    """A message of a type."""
    return known_types().types[kind](**fields)


def stamp(nanoseconds: int) -> Any:
    return make("builtin_interfaces/msg/Time", sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)


def header(nanoseconds: int, frame: str = "camera") -> Any:
    return make("std_msgs/msg/Header", stamp=stamp(nanoseconds), frame_id=frame)


def image(
    nanoseconds: int, encoding: str, pixels: NDArray[Any], size: tuple[int, int] | None = None, **changes: Any
) -> Any:
    """A `sensor_msgs/Image` of an array whose rows are its rows; `size` is (height, width) where they differ."""
    height, width = size or pixels.shape[:2]
    data = np.frombuffer(np.ascontiguousarray(pixels).tobytes(), np.uint8)
    fields = {
        "header": header(nanoseconds),
        "height": height,
        "width": width,
        "encoding": encoding,
        "is_bigendian": 0,
        "step": len(data) // len(pixels),
        "data": data,
    }
    return make("sensor_msgs/msg/Image", **fields | changes)


def compressed(nanoseconds: int, format: str, data: bytes) -> Any:
    array = np.frombuffer(data, np.uint8)
    return make("sensor_msgs/msg/CompressedImage", header=header(nanoseconds), format=format, data=array)


def audio(data: bytes) -> Any:
    return make("audio_common_msgs/msg/AudioData", data=np.frombuffer(data, np.uint8))


def audio_stamped(nanoseconds: int, data: bytes) -> Any:
    return make("audio_common_msgs/msg/AudioDataStamped", header=header(nanoseconds, "microphone"), audio=audio(data))


def audio_info(rate: int = 16_000, channels: int = 1, form: str = "S16LE", coding: str = "wave") -> Any:
    return make(
        "audio_common_msgs/msg/AudioInfo",
        channels=channels,
        sample_rate=rate,
        sample_format=form,
        bitrate=0,
        coding_format=coding,
    )


def joints(nanoseconds: int, names: Sequence[str], position: Sequence[float], velocity: Sequence[float] = ()) -> Any:
    fields = {"position": np.array(position, float), "velocity": np.array(velocity, float), "effort": np.zeros(0)}
    return make("sensor_msgs/msg/JointState", header=header(nanoseconds), name=list(names), **fields)


def array(values: Sequence[float]) -> Any:
    layout = make("std_msgs/msg/MultiArrayLayout", dim=[], data_offset=0)
    return make("std_msgs/msg/Float32MultiArray", layout=layout, data=np.array(values, np.float32))


def write_mcap(
    path: Path,
    messages: Iterable[Recorded],
    chunk_size: int = 64 * 1024,
    chunked: bool = True,
    compression: CompressionType = CompressionType.ZSTD,
) -> Path:
    """An MCAP file of messages in this order."""
    with path.open("wb") as file:
        writer = Writer(file, chunk_size=chunk_size, use_chunking=chunked, compression=compression)
        writer.start("ros2", "a robot's recorder")
        schemas: dict[str, int] = {}
        channels: dict[str, int] = {}
        for topic, kind, time, message in messages:
            if kind not in schemas:
                schemas[kind] = writer.register_schema(kind, "ros2msg", definition(kind))
            if topic not in channels:
                channels[topic] = writer.register_channel(topic, "cdr", schemas[kind])
            data = bytes(known_types().serialize_cdr(message, kind))
            writer.add_message(channels[topic], time, data, time)
        writer.finish()  # type: ignore[no-untyped-call]
    return path


def write_directory(path: Path, messages: Iterable[Recorded], plugin: StoragePlugin = StoragePlugin.SQLITE3) -> Path:
    """A rosbag2 directory."""
    with DirectoryWriter(path, version=9, storage_plugin=plugin) as writer:
        topics: dict[str, Any] = {}
        for topic, kind, time, message in messages:
            if topic not in topics:
                topics[topic] = writer.add_connection(topic, kind, typestore=known_types())
            writer.write(topics[topic], time, known_types().serialize_cdr(message, kind))
    return path

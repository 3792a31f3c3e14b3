"""Definitions of messages that rosbags does not bring, and those of a file as its decoders.

rosbag2 databases of older versions hold no definitions: for these, and to write files, they are here.
"""

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rosbags.typesys.store import Typestore

_LINE = "=" * 80 + "\n"
_OWN = {
    "audio_common_msgs/msg/AudioData": "uint8[] data\n",
    "audio_common_msgs/msg/AudioDataStamped": "std_msgs/Header header\naudio_common_msgs/AudioData audio\n",
    "audio_common_msgs/msg/AudioInfo": (
        "uint8 channels\nuint32 sample_rate\nstring sample_format\nuint32 bitrate\nstring coding_format\n"
    ),
    "foxglove_msgs/msg/RawAudio": (
        "builtin_interfaces/Time timestamp\nuint8[] data\nstring format\nuint32 sample_rate\n"
        "uint32 number_of_channels\n"
    ),
    "foxglove_msgs/msg/CompressedImage": (
        "builtin_interfaces/Time timestamp\nstring frame_id\nuint8[] data\nstring format\n"
    ),
}


@cache
def known_types() -> "Typestore":
    """The types of ROS 2's newest long-term release, and those that are added here."""
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    store = get_typestore(Stores.LATEST)
    for name, text in _OWN.items():
        store.register(get_types_from_msg(text, name))
    return store


def types_of(schemas: Iterable[tuple[str, str, str]]) -> "Typestore":
    """The types that a file defines.

    Args:
        schemas: of each its name, its encoding (`ros2msg` or `ros2idl`) and its text.

    Raises:
        Exception: a definition cannot be read.
    """
    from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore

    found: dict[str, Any] = {}
    for name, encoding, text in schemas:
        if encoding == "ros2msg":
            found.update(get_types_from_msg(text, name))
        elif encoding == "ros2idl":
            parts = [part.partition("\n")[2] for part in text.split(_LINE)[1:]] if text.startswith(_LINE) else [text]
            for part in parts:
                found.update(get_types_from_idl(part))
    store = get_typestore(Stores.EMPTY)
    store.register(found)
    return store


def definition(name: str) -> bytes:
    """The definition of a type with those of all that it is made of, as MCAP files hold it (`ros2msg`)."""
    text, _ = known_types().generate_msgdef(name, ros_version=2)
    return text.encode()

"""What a browser sends: pieces of sound and pictures as binary messages, all else as JSON.

A binary message is a header of 24 bytes, little-endian, and a body:

    byte   type     meaning
    0      uint8    1: sound, 2: a picture
    1      uint8    version of this form: 1
    2      uint16   0
    4      uint32   sound: samples a second; a picture: 0
    8      uint64   sound: number of its first sample since sharing began, those that were lost included;
                    a picture: its number since sharing began
    16     float64  second on the browser's clock at which the first sample was heard, or the picture was taken

The body of a sound is int16 samples of one channel, little-endian; that of a picture is a JPEG file.
"""

import json
import struct
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensors.core.errors import WireError

VERSION = 1
"""Version of all messages."""
SOUND, PICTURE = 1, 2
"""First byte of a binary message."""
RATES = (8_000, 96_000)
"""Least and greatest number of samples a second."""
MOST_SAMPLES = 16_384
"""Samples of one message at most."""
LARGEST = 2**20
"""Bytes of one message at most."""
LARGEST_TEXT = 16_384
"""Bytes of one JSON message at most."""
MOST_NUMBER = 2**53
"""Numbers of samples and pictures lie below: a browser counts in float64."""
HEADER = struct.Struct("<BBHIQd")


@dataclass(frozen=True)
class Sound:
    """A piece of sound.

    Attributes:
        at: second on the browser's clock at which its first sample was heard.
        first: number of that sample.
        rate: samples a second.
        samples: (n,) float32, -1…1, n >= 1.
    """

    at: float
    first: int
    rate: int
    samples: NDArray[np.float32]


@dataclass(frozen=True)
class Picture:
    """A picture.

    Attributes:
        at: second on the browser's clock at which it was taken.
        first: its number.
        data: a JPEG file, which may be damaged.
    """

    at: float
    first: int
    data: bytes


def pack(message: Sound | Picture) -> bytes:
    """The message as a browser sends it."""
    if isinstance(message, Sound):
        values = np.rint(np.clip(message.samples, -1, 1) * 32767).astype("<i2")
        return HEADER.pack(SOUND, VERSION, 0, message.rate, message.first, message.at) + values.tobytes()
    return HEADER.pack(PICTURE, VERSION, 0, 0, message.first, message.at) + message.data


def unpack(data: bytes) -> Sound | Picture:
    """What a binary message says.

    Raises:
        WireError: it is something else, of another version, or too large.
    """
    if not HEADER.size < len(data) <= LARGEST:
        raise WireError(f"message: {len(data)} bytes; expected {HEADER.size + 1}…{LARGEST}")
    kind, version, zero, rate, first, at = HEADER.unpack_from(data)
    if version != VERSION or zero:
        raise WireError(f"message: version {version}; this program takes {VERSION}")
    if not isfinite(at) or first >= MOST_NUMBER:
        raise WireError("message: its time or number is no sound number")
    body = data[HEADER.size :]
    if kind == PICTURE:
        return Picture(at, first, body)
    if kind != SOUND:
        raise WireError(f"message: of kind {kind}, which is unknown")
    if not RATES[0] <= rate <= RATES[1] or len(body) % 2 or len(body) > 2 * MOST_SAMPLES:
        raise WireError("sound: expected 1…16384 int16 samples at 8000…96000 Hz")
    return Sound(at, first, rate, np.frombuffer(body, "<i2").astype(np.float32) / np.float32(32768))


def unpack_text(data: bytes) -> dict[str, Any]:
    """What a JSON message says: a map with a `type`.

    Raises:
        WireError: it is something else, or too large.
    """
    if len(data) > LARGEST_TEXT:
        raise WireError(f"text: {len(data)} bytes; expected {LARGEST_TEXT} at most")
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        raise WireError("text: no JSON") from None
    if not isinstance(told, dict) or not isinstance(told.get("type"), str):
        raise WireError("text: no map with a type")
    return told


def number(told: dict[str, Any], key: str) -> float:
    """A finite number of a JSON message.

    Raises:
        WireError: there is none.
    """
    value = told.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise WireError(f"{told['type']}: {key} is no number")
    return float(value)

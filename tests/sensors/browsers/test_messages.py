"""A browser's messages: what was packed is read, anything else is refused."""

import json

import numpy as np
import pytest

from sensors.browsers.messages import (
    HEADER,
    LARGEST,
    LARGEST_TEXT,
    PICTURE,
    SOUND,
    VERSION,
    Picture,
    Sound,
    number,
    pack,
    unpack,
    unpack_text,
)
from sensors.core.errors import WireError


def test_sound_and_pictures_come_through() -> None:
    samples = np.linspace(-1, 1, 640, dtype=np.float32)
    sound = unpack(pack(Sound(12.5, 640_000, 16_000, samples)))
    assert isinstance(sound, Sound) and (sound.at, sound.first, sound.rate) == (12.5, 640_000, 16_000)
    assert np.abs(sound.samples - samples).max() < 1e-4 and sound.samples.dtype == np.float32
    assert unpack(pack(Picture(0.25, 7, b"\xff\xd8picture"))) == Picture(0.25, 7, b"\xff\xd8picture")


BODY = bytes(64)
WRONG = {
    "empty": b"",
    "header alone": HEADER.pack(PICTURE, VERSION, 0, 0, 0, 0.0),
    "version": HEADER.pack(PICTURE, VERSION + 1, 0, 0, 0, 0.0) + BODY,
    "flags": HEADER.pack(PICTURE, VERSION, 1, 0, 0, 0.0) + BODY,
    "kind": HEADER.pack(9, VERSION, 0, 0, 0, 0.0) + BODY,
    "time": HEADER.pack(SOUND, VERSION, 0, 16_000, 0, float("nan")) + BODY,
    "number": HEADER.pack(SOUND, VERSION, 0, 16_000, 2**60, 0.0) + BODY,
    "rate": HEADER.pack(SOUND, VERSION, 0, 100, 0, 0.0) + BODY,
    "half a sample": HEADER.pack(SOUND, VERSION, 0, 16_000, 0, 0.0) + bytes(3),
    "long sound": HEADER.pack(SOUND, VERSION, 0, 16_000, 0, 0.0) + bytes(2 * 16_385),
    "large": HEADER.pack(PICTURE, VERSION, 0, 0, 0, 0.0) + bytes(LARGEST),
}


@pytest.mark.parametrize("data", WRONG.values(), ids=WRONG)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        unpack(data)


def test_any_bytes_are_a_message_or_refused() -> None:
    rng = np.random.default_rng(0)
    good = pack(Sound(1.0, 5, 16_000, np.zeros(640, np.float32)))
    for _ in range(2000):
        data = bytearray(good[: rng.integers(len(good))] if rng.random() < 0.3 else good)
        for _ in range(rng.integers(4)):
            if data:
                data[rng.integers(min(len(data), 40))] = rng.integers(256)
        try:
            unpack(bytes(data))
        except WireError:
            continue


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"type": 3}', b"[" * 5000, b" " * (LARGEST_TEXT + 1), b"\xff{}"])
def test_a_text_is_a_map_with_a_type(data: bytes) -> None:
    assert unpack_text(json.dumps({"type": "hello"}).encode()) == {"type": "hello"}
    with pytest.raises(WireError):
        unpack_text(data)


@pytest.mark.parametrize("value", [None, "1", True, float("nan"), float("inf")])
def test_numbers_are_finite(value: object) -> None:
    assert number({"type": "clock", "sent": 2}, "sent") == 2.0
    with pytest.raises(WireError, match="sent"):
        number({"type": "clock", "sent": value}, "sent")

"""A kept batch as bytes: faithful, moved to the clock as it runs now, and nothing but WireError for anything else."""

import time
import zlib

import msgpack
import numpy as np
import pytest

from sensors.core import wire
from sensors.core.errors import WireError
from sensors.robots import robot_record
from sensors.robots.robot_record import pack, unpack
from tests.sensors.batches import assert_same
from tests.sensors.robot_rigs import made


def test_round_trip() -> None:
    batch = made(3, count=5)
    found, frames = unpack(pack(wire.encode(batch)))
    assert_same(found, batch)
    assert_same(wire.decode(frames), batch)


@pytest.mark.parametrize("boot", ["another", ""])
def test_times_from_before_the_machine_was_started_anew_are_moved(boot: str, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = made(0, start=5000.0)
    data = pack(wire.encode(batch))
    monotonic = time.monotonic
    monkeypatch.setattr(robot_record, "_boot", lambda: boot)
    monkeypatch.setattr(time, "monotonic", lambda: monotonic() - 4000.0)
    _, frames = unpack(data)
    moved = wire.decode(frames)
    assert moved.start == pytest.approx([1000.0, 1000.0], abs=0.5) and (moved.start == moved.end).all()
    np.testing.assert_array_equal(moved.seq, batch.seq)


def test_whatever_is_no_whole_record_is_refused() -> None:
    data = pack(wire.encode(made(0)))
    rng = np.random.default_rng(0)
    for at in range(0, len(data), 7):
        with pytest.raises(WireError):
            unpack(data[:at])
        broken = bytearray(data)
        broken[at] ^= 1 << int(rng.integers(8))
        with pytest.raises(WireError):
            unpack(bytes(broken))


@pytest.mark.parametrize(
    "content", [None, [], {}, {"boot": "", "offset": "x", "frames": []}, {"boot": "", "offset": 0.0, "frames": [1]}]
)
def test_a_sound_checksum_of_something_else_is_refused(content: object) -> None:
    body: bytes = msgpack.packb(content)
    with pytest.raises(WireError):
        unpack(robot_record._CHECK.pack(zlib.crc32(body)) + body)

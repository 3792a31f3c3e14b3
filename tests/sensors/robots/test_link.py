"""Messages between robot and host: faithful, and nothing but WireError for anything else."""

from collections.abc import Callable, Sequence
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.core.errors import WireError
from sensors.robots import link
from sensors.robots.link import BatchStamp, Hello, Welcome

READERS: list[Callable[[Sequence[bytes]], Any]] = [
    link.unpack_hello,
    link.unpack_welcome,
    link.unpack_taken,
    link.unpack_refused,
    lambda frames: link.unpack_time(frames, 1),
    lambda frames: link.unpack_time(frames, 3),
    lambda frames: link.unpack_stamp(frames[-1]),
    lambda frames: link.unpack_reason(frames[-1]),
]


def wired(frames: Sequence[Any]) -> list[bytes]:
    return [bytes(frame) for frame in frames]


def test_round_trips() -> None:
    hello, welcome = Hello("kitchen", 2**62), Welcome(7, 32, 2**25, 2**23)
    assert link.unpack_hello(wired(link.pack_hello(hello))) == hello
    assert link.unpack_welcome(wired(link.pack_welcome(welcome))) == welcome
    assert link.unpack_time(wired(link.pack_time(0.1)), 1) == (0.1,)
    assert link.unpack_time(wired(link.pack_time(0.1, -2.5, 1e9)), 3) == (0.1, -2.5, 1e9)
    assert link.unpack_taken(wired(link.pack_taken([3, 1, 2**60]))) == (3, 1, 2**60)
    assert link.unpack_refused(wired(link.pack_refused(9, "damaged"))) == (9, "damaged")
    stamp = BatchStamp(2**40, -1e6, 0.002)
    assert link.unpack_stamp(link.pack_stamp(stamp)) == stamp


def test_every_flipped_bit_of_a_stamp_is_noticed() -> None:
    frame = link.pack_stamp(BatchStamp(5, 1.5, 0.01))
    for at in range(8 * len(frame)):
        broken = bytearray(frame)
        broken[at // 8] ^= 1 << (at % 8)
        with pytest.raises(WireError, match="stamp"):
            link.unpack_stamp(bytes(broken))


@pytest.mark.parametrize("stamp", [(1, float("nan"), 0.0), (1, 0.0, float("inf")), (1, 0.0, -1.0), (2**63, 0.0, 0.0)])
def test_a_stamp_of_nonsense_is_refused(stamp: tuple[int, float, float]) -> None:
    with pytest.raises(WireError, match="stamp"):
        link.unpack_stamp(link.pack_stamp(BatchStamp(*stamp)))


@pytest.mark.parametrize(
    "changes",
    [
        {"name": 5},
        {"name": None},
        {"name": "x" * 65},
        {"generation": -1},
        {"generation": True},
        {"generation": 1.0},
        {"generation": 2**63},
        {"extra": 1},
        {"protocol": [1]},
    ],
)
def test_a_wrong_hello_is_refused(changes: dict[str, Any]) -> None:
    fields = {"protocol": 1, "name": "kitchen", "generation": 0} | changes
    with pytest.raises(WireError, match="hello"):
        link.unpack_hello([link.HELLO, msgpack.packb(fields)])


def test_reasons_are_short_and_printable() -> None:
    assert link.unpack_reason(b"\x1b[31mred\n\xff") == "?[31mred?\ufffd"
    with pytest.raises(WireError):
        link.unpack_reason(b"x" * 201)
    assert len(link.pack_refused(1, "ü" * 500)[2]) <= link.MAX_REASON


@given(st.lists(st.binary(max_size=64), min_size=1, max_size=4))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_fuzz_random_frames(frames: list[bytes]) -> None:
    for read in READERS:
        try:
            read(frames)
        except WireError as error:
            assert str(error)


@given(st.sampled_from([b"\xdf", b"\xdd", b"\xdb", b"\xc6", b"\x91", b"\x81", b"\xc1"]), st.integers(1, 400))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_fuzz_hostile_msgpack(head: bytes, count: int) -> None:
    for read in (link.unpack_hello, link.unpack_welcome):
        with pytest.raises(WireError):
            read([b"hello", head * count])
        with pytest.raises(WireError):
            read([b"hello", head + b"\xff" * count])

"""The wire format: faithful, and nothing but WireError for anything else."""

import struct
import tracemalloc
import zlib
from collections.abc import Sequence
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.core import wire
from sensors.core.errors import OtherFormError, UnknownSenseError, WireError
from sensors.core.event import EventBatch
from sensors.core.wire import MAX_HEADER, decode, encode
from tests.sensors.batches import assert_same, batch, fields

Frames = list[bytes]


def frames_of(kind: str = "audio+image", count: int = 3) -> Frames:
    return [bytes(frame) for frame in encode(batch(kind, count))]


def sealed(header: Any, columns: Sequence[bytes]) -> Frames:
    """Frames with a checksum that is right, whatever they say."""
    packed = header if isinstance(header, bytes) else msgpack.packb(header)
    value = zlib.crc32(packed)
    for column in columns:
        value = zlib.crc32(column, value)
    return [struct.pack(">I", value) + packed, *columns]


def altered(**changes: Any) -> Frames:
    frames = frames_of()
    header = msgpack.unpackb(frames[0][4:]) | changes
    return sealed({k: v for k, v in header.items() if v is not None}, frames[1:])


@pytest.mark.parametrize("kind", ["audio", "image", "audio+image", "speech", "lips", "speech+lips"])
@pytest.mark.parametrize("count", [1, 5])
def test_round_trip(kind: str, count: int) -> None:
    sent = batch(kind, count)
    assert_same(decode(encode(sent)), sent)
    assert_same(decode(frames_of(kind, count)), sent)


def test_columns_share_memory_both_ways() -> None:
    sent = batch()
    frames = encode(sent)
    got = decode(frames)
    assert np.shares_memory(got.samples["audio"], sent.samples["audio"])


def test_strided_columns_round_trip() -> None:
    f = fields(count=6)
    for name in ("seq", "start", "end", "lesson"):
        f[name] = f[name][::2]
    f["samples"] = {name: column[::2] for name, column in f["samples"].items()}
    sent = EventBatch(**f)
    assert_same(decode(encode(sent)), sent)


def test_every_flipped_bit_is_noticed() -> None:
    frames = frames_of("speech", 1)
    rng = np.random.default_rng(0)
    for f, frame in enumerate(frames):
        for at in rng.integers(0, 8 * len(frame), 60):
            broken = bytearray(frame)
            broken[at // 8] ^= 1 << (at % 8)
            with pytest.raises(WireError):
                decode([*frames[:f], bytes(broken), *frames[f + 1 :]])


def test_every_truncation_is_noticed() -> None:
    frames = frames_of("speech", 1)
    for f, frame in enumerate(frames):
        for size in range(0, len(frame), 1 + len(frame) // 40):
            with pytest.raises(WireError):
                decode([*frames[:f], frame[:size], *frames[f + 1 :]])
    for count in range(len(frames)):
        with pytest.raises(WireError):
            decode(frames[:count])


def test_the_cap_counts_all_frames() -> None:
    frames = frames_of()
    total = sum(map(len, frames))
    decode(frames, max_bytes=total)
    with pytest.raises(WireError, match=f"{total} bytes exceed the receiver's cap of {total - 1}"):
        decode(frames, max_bytes=total - 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 2}, "version: sender speaks 2, this program speaks 1"),
        ({"version": True}, "version"),
        ({"version": None}, "exactly the fields"),
        ({"extra": 1}, "no msgpack map|exactly the fields"),
        ({"count": 0}, "count: expected 1…4096"),
        ({"count": 2**63}, "count: expected 1…4096"),
        ({"count": 4096}, r"seq: .*\[4096\]"),
        ({"count": "3"}, "count"),
        ({"source": ""}, "source"),
        ({"source": "x" * 65}, "header"),
        ({"generation": -1}, "generation"),
        ({"generation": 1.5}, "generation"),
        ({"columns": 3}, "columns"),
        ({"columns": []}, "columns: expected as many"),
        ({"columns": [1] * 6}, r"columns: expected \[name, dtype, shape\]"),
    ],
)
def test_a_wrong_header_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(WireError, match=message):
        decode(altered(**changes))


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (["audio", "|u1", [3, 1, 96, 95]], "audio: expected '|u1'"),
        (["audio", "|u1", [3, 1, 96.0, 96]], "audio: expected"),
        (["audio", "|u1", [2**60, 1, 96, 96]], "audio: expected"),
        (["audio", "|O", [3, 1, 96, 96]], "audio: expected"),
        (["audio", "|V1", [3, 1, 96, 96]], "audio: expected"),
        (["smell", "|u1", [3, 1, 96, 96]], "unknown modality 'smell'"),
        (["seq", "<i8", [3]], "seq: declared twice"),
        (["lips", "|u1", [3, 12, 60, 80]], "lips: expected 172800 bytes, got 27648"),
        (["__class__", "|u1", [3]], "unknown modality"),
    ],
)
def test_a_wrong_column_is_named(column: list[Any], message: str) -> None:
    frames = frames_of()
    columns = msgpack.unpackb(frames[0][4:])["columns"]
    with pytest.raises(WireError, match=message.replace("|", r"\|")):
        decode(altered(columns=[*columns[:4], column, columns[5]]))


def test_a_missing_time_column_is_named() -> None:
    frames = frames_of()
    header = msgpack.unpackb(frames[0][4:])
    header["columns"] = header["columns"][1:]
    with pytest.raises(WireError, match="lacks seq"):
        decode(sealed(header, frames[2:]))


def test_content_is_checked_too() -> None:
    frames = frames_of("speech", 2)
    header = frames[0][4:]
    nan = np.full((2, 24, 26), np.nan, "<f4").tobytes()
    with pytest.raises(WireError, match=r"samples\[speech\]: holds values that are not finite"):
        decode(sealed(header, [*frames[1:5], nan]))
    twice = np.zeros(2, "<i8").tobytes()
    with pytest.raises(WireError, match="seq: expected distinct"):
        decode(sealed(header, [twice, *frames[2:]]))


@pytest.mark.parametrize("frames", [[], [b""], [b"", b""], [b"\x80" * 10] * 40, [1, 2], ["a", "b"]])
def test_no_frames_of_ours(frames: list[Any]) -> None:
    with pytest.raises(WireError):
        decode(frames)


HOSTILE = [
    b"\xdf\xff\xff\xff\xff",  # a map of 2^32 - 1 entries
    b"\xdd\xff\xff\xff\xff",  # an array of as many
    b"\xdb\xff\xff\xff\xff",  # a string of 4 GiB
    b"\xc6\xff\xff\xff\xff",  # bytes
    b"\xc9\xff\xff\xff\xff\x01",  # an extension
    b"\xd6\xff\x00\x00\x00\x00",  # a timestamp
    b"\x91" * (MAX_HEADER - 4),  # nested beyond any stack
    b"\x81" * (MAX_HEADER - 4),
    b"\x81\x91\x01\x01",  # a key that cannot be hashed
    b"\xa2\xff\xff",  # no UTF-8
    b"\xc1",
]


@pytest.mark.parametrize("header", HOSTILE, ids=lambda h: h[:3].hex())
def test_hostile_headers_cost_nothing(header: bytes) -> None:
    columns = [bytes(8)] * 5
    frames = sealed(header, columns)
    tracemalloc.start()
    try:
        with pytest.raises(WireError, match="header"):
            decode(frames)
        assert tracemalloc.get_traced_memory()[1] < 300_000
    finally:
        tracemalloc.stop()


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=9)
    | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def near_misses(draw: st.DrawFn) -> Frames:
    """Valid frames with something replaced, cut, repeated or declared otherwise; the checksum often repaired."""
    frames = frames_of(draw(st.sampled_from(["image", "speech", "audio+image"])), draw(st.integers(1, 3)))
    header = msgpack.unpackb(frames[0][4:])
    for _ in range(draw(st.integers(1, 3))):
        match draw(st.sampled_from(["field", "column", "part", "bytes", "drop", "repeat", "swap"])):
            case "field":
                header[draw(st.sampled_from(sorted(header)))] = draw(values)
            case "column" if isinstance(header["columns"], list) and header["columns"]:
                header["columns"][draw(st.integers(0, len(header["columns"]) - 1))] = draw(values)
            case "part" if isinstance(header["columns"], list) and header["columns"]:
                entry = header["columns"][draw(st.integers(0, len(header["columns"]) - 1))]
                if isinstance(entry, list) and entry:
                    entry[draw(st.integers(0, len(entry) - 1))] = draw(values)
            case "bytes":
                f = draw(st.integers(1, len(frames) - 1)) if len(frames) > 1 else 0
                at = draw(st.integers(0, len(frames[f])))
                frames[f] = frames[f][:at] + draw(st.binary(max_size=16)) + frames[f][at + draw(st.integers(0, 16)) :]
            case "drop" if len(frames) > 1:
                del frames[draw(st.integers(1, len(frames) - 1))]
            case "repeat":
                frames.append(frames[draw(st.integers(0, len(frames) - 1))])
            case "swap":
                f, g = (draw(st.integers(0, len(frames) - 1)) for _ in range(2))
                frames[f], frames[g] = frames[g], frames[f]
    return sealed(header, frames[1:]) if draw(st.booleans()) else [frames[0][:4] + msgpack.packb(header), *frames[1:]]


def a_batch_or_wire_error(frames: Frames) -> None:
    tracemalloc.start()
    try:
        try:
            got = decode(frames)
        except WireError as error:
            assert str(error)
        else:
            assert_same(decode(encode(got)), got)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * sum(map(len, frames)) + 300_000


@given(near_misses())
@settings(max_examples=400, deadline=None, derandomize=True)
def test_fuzz_near_misses(frames: Frames) -> None:
    a_batch_or_wire_error(frames)


@given(st.lists(st.binary(max_size=200), max_size=8), st.booleans())
@settings(max_examples=300, deadline=None, derandomize=True)
def test_fuzz_random_bytes(frames: Frames, repaired: bool) -> None:
    a_batch_or_wire_error(sealed(frames[0], frames[1:]) if repaired and frames else frames)


@given(values, st.lists(st.binary(max_size=64), min_size=1, max_size=7))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_fuzz_any_msgpack_header(header: Any, columns: Frames) -> None:
    a_batch_or_wire_error(sealed(header, columns))


def test_the_format_does_not_drift() -> None:
    """A change of these bytes needs a new VERSION."""
    f = fields("speech", 1)
    f |= {"seq": np.array([5]), "start": np.array([1.0]), "end": np.array([2.0]), "lesson": np.array([4])}
    f["samples"] = {"speech": np.ones((1, 24, 26), np.float32)}
    frames = [bytes(frame) for frame in encode(EventBatch(**f))]
    assert wire.VERSION == 1
    assert frames[1:5] == [b"\5" + bytes(7), struct.pack("<d", 1), struct.pack("<d", 2), b"\4" + bytes(7)]
    assert frames[5] == struct.pack("<f", 1) * 624
    assert msgpack.unpackb(frames[0][4:]) == {
        "version": 1,
        "source": "teacher-0",
        "generation": 2,
        "count": 1,
        "columns": [
            ["seq", "<i8", [1]],
            ["start", "<f8", [1]],
            ["end", "<f8", [1]],
            ["lesson", "<i8", [1]],
            ["speech", "<f4", [1, 24, 26]],
        ],
    }


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (["smell", "|u1", [3, 1, 32, 32]], UnknownSenseError),
        (["image", "|u1", [3, 1, 96, 96]], OtherFormError),
        (["image", "<f4", [3, 1, 32, 32]], OtherFormError),
        (["image", "|u1", [2, 1, 32, 32]], WireError),
        (["seq", "<i4", [3]], WireError),
    ],
)
def test_a_sense_and_a_form_that_differ_have_errors_of_their_own(column: list[Any], kind: type[WireError]) -> None:
    with pytest.raises(WireError) as caught:
        columns = msgpack.unpackb(frames_of()[0][4:])["columns"]
        decode(altered(columns=[*columns[:4], column, *columns[5:]]))
    assert type(caught.value) is kind
    assert caught.value.reason == {UnknownSenseError: "sense", OtherFormError: "form", WireError: "damaged"}[kind]

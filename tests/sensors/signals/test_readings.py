import io
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sensors.signals import records
from sensors.signals.readings import Chunk, Frame, Values
from sensors.signals.records import Damaged, pack, unpack
from sensors.sources.recorder import Recorder
from sensors.sources.recording import Recording


@dataclass(frozen=True)
class Felt(Values):
    kind: ClassVar[str] = "felt"


def rows(start: float, count: int, gap: bool = False) -> Felt:
    times = start + np.arange(count) / 100
    return Felt(times, np.sin(times)[:, None] * np.arange(6, dtype=np.float32), gap)


def colours(seed: int) -> NDArray[np.uint8]:
    """A picture that fades from one colour to another."""
    ends = np.random.default_rng(seed).integers(0, 256, (2, 1, 1, 3))
    fade = np.linspace(0, 1, 32)[:, None]
    return np.broadcast_to(ends[0] * (1 - fade) + ends[1] * fade, (24, 32, 3)).astype(np.uint8)


def alike(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    """Whether two pictures differ by no more than a JPEG does."""
    return one.shape == other.shape and bool(np.abs(one.astype(int) - other).mean() < 4)


def test_readings_say_when_they_were_captured_and_what_was_lost() -> None:
    chunk, frame, felt = Chunk(2.0, np.zeros(1600, np.float32)), Frame(3.0, colours(0)), rows(4.0, 11)
    assert [(r.begin, r.end) for r in (chunk, frame, felt)] == [(2.0, 2.1), (3.0, 3.0), (4.0, 4.1)]
    assert [r.after_loss().gap for r in (chunk, frame, felt)] == [True, False, True]
    assert [(r.moved(1.0).begin, r.moved(1.0).end) for r in (chunk, frame, felt)] == [
        (3.0, 3.1),
        (4.0, 4.0),
        (5.0, 5.1),
    ]
    assert type(felt.moved(1.0)) is Felt
    assert [r.nbytes for r in (chunk, frame)] == [6400, 24 * 32 * 3]


@given(
    st.sampled_from(["f4", "f8", "i2", "u1", "?"]),
    st.integers(1, 20),
    st.lists(st.integers(1, 4), max_size=3),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_rows_of_values_come_back_bit_for_bit(dtype: str, count: int, shape: list[int], gap: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = (100 * rng.random((count, *shape))).astype(dtype)
    written = Values(np.sort(rng.uniform(0, 1e6, count)), values, gap)
    file = io.BytesIO(pack(written))
    got = unpack(file)
    assert unpack(file) is None
    assert isinstance(got, Values) and got.gap == gap
    assert got.times.tobytes() == written.times.tobytes()
    assert (got.values.dtype, got.values.shape) == (values.dtype, values.shape)
    assert got.values.tobytes() == values.tobytes()


def test_what_no_record_holds_is_refused(tmp_path: Path) -> None:
    times = np.arange(3.0)
    for values in (np.array(["a", "b", "c"]), np.zeros((2, 4)), np.array([None] * 3)):
        with pytest.raises(ValueError, match="cannot be packed"):
            pack(Values(times, values))
    wrong: list[NDArray[Any]] = [np.zeros((4, 4, 2), np.uint8), np.zeros((4, 4), np.uint16)]
    for picture in wrong:
        with pytest.raises(ValueError, match="cannot be packed"):
            pack(Frame(1.0, picture))
    with pytest.raises(ValueError, match="empty"):
        pack(Values(times[:0], np.zeros((0, 3))))


@pytest.mark.parametrize(
    "told", [b"{}", b'{"dtype": "O", "shape": []}', b'{"dtype": "<f4", "shape": [9]}', b"\xff", b"[]"]
)
def test_rows_whose_description_is_wrong_are_damage(tmp_path: Path, told: bytes) -> None:
    whole = Values(np.arange(3.0), np.zeros((3, 2), np.float32))
    payload = told + whole.times.tobytes() + whole.values.tobytes()
    head = records._HEADER.pack(b"RCP1", records._VALUES, 0, 0.0, 3, len(told), len(payload), 0)[:-4]
    path = tmp_path / "record"
    path.write_bytes(head + struct.pack("<I", zlib.crc32(payload, zlib.crc32(head))) + payload)
    with path.open("rb") as file, pytest.raises(Damaged, match="values"):
        unpack(file)


def test_a_recording_holds_readings_of_any_kind(tmp_path: Path) -> None:
    written = [rows(10.0 + 0.1 * i, 10, gap=i == 3) for i in range(20)]
    with Recorder(tmp_path / "session") as recorder:
        for i, felt in enumerate(written):
            assert recorder.write("hand", felt)
            assert recorder.write("camera", Frame(10.0 + 0.1 * i, colours(i)))
        # One source gives readings of one kind.
        recorder.write("hand", Frame(20.0, colours(0)))
    assert recorder.dropped == {"unfit": 1}
    recording = Recording(tmp_path / "session", readings=(Frame, Felt), shift=False)
    assert recording.kinds == {"hand": "felt", "camera": "pictures"}
    assert [source.name for source in recording.sources()] == ["camera", "hand"]
    for got, felt in zip(recording.samples("hand"), written, strict=True):
        assert type(got) is Felt and got.gap == felt.gap
        assert got.times.tobytes() == felt.times.tobytes() and got.values.tobytes() == felt.values.tobytes()
    for i, frame in enumerate(recording.samples("camera")):
        assert isinstance(frame, Frame)
        assert alike(frame.picture, colours(i)) and not alike(frame.picture, colours(i + 1))
    assert not recording.damaged
    # Without the sense that it was recorded for, what else was recorded is played.
    usual = Recording(tmp_path / "session")
    assert [source.name for source in usual.sources()] == ["camera"]
    assert usual.kinds["hand"] == "felt"


def test_a_record_of_another_kind_than_its_file_is_damage(tmp_path: Path) -> None:
    with Recorder(tmp_path / "session") as recorder:
        recorder.write("hand", rows(1.0, 3))
        recorder.write("hand", rows(2.0, 3))
    (path,) = (tmp_path / "session").glob("*.rec")
    path.write_bytes(path.read_bytes() + pack(Frame(3.0, colours(0))))
    recording = Recording(tmp_path / "session", readings=(Felt,))
    assert len(list(recording.samples("hand"))) == 2
    assert recording.damaged == ["00-0000.rec: a record at 3.000 s is of another kind than its file"]


def test_pictures_of_a_recording_keep_their_colours_and_grey_ones_stay_grey(tmp_path: Path) -> None:
    grey = cv2.cvtColor(colours(1), cv2.COLOR_BGR2GRAY)
    path = tmp_path / "records"
    path.write_bytes(pack(Frame(1.0, colours(1))) + pack(Frame(2.0, np.asarray(grey, np.uint8))))
    with path.open("rb") as file:
        first, second = unpack(file), unpack(file)
    assert isinstance(first, Frame) and isinstance(second, Frame)
    assert alike(first.picture, colours(1)) and not alike(first.picture, colours(2))
    np.testing.assert_array_equal(second.picture, grey)

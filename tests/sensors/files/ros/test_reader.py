"""Bags of 400 messages and more, as recorders of robots write them, and as they are when something went wrong."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("rosbags", reason="extra 'ros' is not installed")
pytest.importorskip("mcap", reason="extra 'ros' is not installed")

from mcap.writer import CompressionType
from rosbags.rosbag2 import StoragePlugin

from sensors.core.errors import SourceError
from sensors.files.contract import OpenFile
from sensors.files.ros.reader import ABOUT, READER
from sensors.signals.readings import Chunk, Frame, Values
from tests.sensors.files.ros.bags import (
    BEGIN,
    Recorded,
    array,
    audio,
    audio_info,
    audio_stamped,
    compressed,
    image,
    joints,
    make,
    write_directory,
    write_mcap,
)
from tests.sensors.files.ros.reports import Told, play

IMAGE, JPEG = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
STAMPED, DATA, INFO = (f"audio_common_msgs/msg/{name}" for name in ("AudioDataStamped", "AudioData", "AudioInfo"))
JOINTS, ARRAY = "sensor_msgs/msg/JointState", "std_msgs/msg/Float32MultiArray"
MILLION = 10**6


def picture(n: int) -> Any:
    """A grey picture that says its number."""
    return np.full((16, 16), n % 251, np.uint8)


def pcm(first: int, count: int, rate: int = 16_000) -> bytes:
    """A tone of 440 Hz, from its sample `first` on."""
    tone = 0.5 * np.sin(2 * np.pi * 440 * (first + np.arange(count)) / rate)
    return np.rint(tone * 32767).astype("<i2").tobytes()


def pictures(count: int = 450, delay: Callable[[int], int] = lambda n: 3 * MILLION) -> Iterator[Recorded]:
    """At 30 Hz; recorded by some nanoseconds later than they were taken."""
    for n in range(count):
        taken = BEGIN + n * 10**9 // 30
        yield "/camera/image_raw", IMAGE, taken + delay(n), image(taken, "mono8", picture(n))


def in_order(messages: Iterator[Recorded]) -> list[Recorded]:
    return sorted(messages, key=lambda message: message[2])


def opened(path: Path) -> OpenFile:
    (part,) = READER.parts(path)
    return part.open()


def frames(path: Path, told: Told, stream: str = "/camera/image_raw") -> list[Frame]:
    return [frame for frame in play(opened(path), stream, told) if isinstance(frame, Frame)]


def sound(path: Path, told: Told, stream: str = "/audio") -> list[Chunk]:
    return [chunk for chunk in play(opened(path), stream, told) if isinstance(chunk, Chunk)]


def mixture(count: int = 100) -> list[Recorded]:
    """A camera, a microphone, joints and an array, 400 messages and more."""
    messages: list[Recorded] = [("/audio_info", INFO, BEGIN + 1, audio_info())]
    jpeg = cv2.imencode(".jpg", picture(7))[1].tobytes()
    for n in range(count):
        at = BEGIN + n * 50 * MILLION
        messages += [
            ("/camera/image_raw", IMAGE, at + 5, image(at, "mono8", picture(n))),
            ("/camera/compressed", JPEG, at + 6, compressed(at, "jpeg", jpeg)),
            ("/audio", STAMPED, at + 7, audio_stamped(at, pcm(800 * n, 800))),
            ("/joint_states", JOINTS, at + 8, joints(at, ["elbow", "wrist"], [n, -n], [1, 2])),
            ("/tactile", ARRAY, at + 9, array([n, 1, 2])),
        ]
    return messages


@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_mcap(path / "bag.mcap", mixture()),
        lambda path: write_mcap(path / "bag.mcap", mixture(), compression=CompressionType.LZ4),
        lambda path: write_mcap(path / "bag.mcap", mixture(), chunked=False),
        lambda path: write_directory(path / "bag", mixture()),
        lambda path: write_directory(path / "bag", mixture(), StoragePlugin.MCAP),
        lambda path: next(write_directory(path / "bag", mixture()).glob("*.db3")),
    ],
    ids=["zstd", "lz4", "no chunks", "sqlite", "directory", "database"],
)
def test_every_kind_of_bag_gives_the_same(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    path = write(tmp_path)
    assert READER.owns(path)
    file = opened(path)
    assert file.begin == 0.0
    listed = {stream.name: stream for stream in file.streams}
    assert {name: (stream.reading, stream.count, bool(stream.refused)) for name, stream in listed.items()} == {
        "/audio": (Chunk, 100, False),
        "/audio_info": (Values, 1, True),
        "/camera/compressed": (Frame, 100, False),
        "/camera/image_raw": (Frame, 100, False),
        "/joint_states": (Values, 100, False),
        "/joint_states.velocity": (Values, 100, False),
        "/tactile": (Values, 100, False),
    }
    assert listed["/audio"].rate == 16_000
    assert listed["/camera/image_raw"].rate == pytest.approx(20, rel=0.01)
    assert "16 × 16 mono8" in listed["/camera/image_raw"].about and IMAGE in listed["/camera/image_raw"].about
    told = Told()
    seen = [frame for frame in play(file, "/camera/image_raw", told) if isinstance(frame, Frame)]
    assert [int(frame.picture[0, 0]) for frame in seen] == list(range(100))
    assert np.allclose([frame.time for frame in seen], np.arange(100) * 0.05, atol=1e-7)
    heard = np.concatenate([c.samples for c in play(file, "/audio", told) if isinstance(c, Chunk)])
    assert np.abs(heard - np.frombuffer(pcm(0, 80_000), "<i2") / 32768).max() < 1e-6
    for stream, expected in (
        ("/joint_states", [[n, -n] for n in range(100)]),
        ("/joint_states.velocity", [[1, 2]] * 100),
        ("/tactile", [[n, 1, 2] for n in range(100)]),
    ):
        rows = [reading for reading in play(file, stream, told) if isinstance(reading, Values)]
        assert np.array_equal(np.concatenate([reading.values for reading in rows]), np.array(expected))
        times = np.concatenate([reading.times for reading in rows])
        assert np.allclose(times, np.arange(100) * 0.05, atol=1e-7)
    assert not told.lost and not told.ending
    # Messages without a stamp have the time of their recording, which is told.
    assert len(told.remarks) == 1 and "/tactile" in told.remarks[0]


def test_stamps_are_the_clock_however_late_messages_were_recorded(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    late = rng.integers(1, 200, 450) * MILLION
    path = write_mcap(tmp_path / "bag.mcap", in_order(pictures(delay=lambda n: int(late[n]))))
    told = Told()
    got = frames(path, told)
    # Recorded in the order of their arrival, given in that of their stamps.
    assert [int(frame.picture[0, 0]) for frame in got] == [n % 251 for n in range(450)]
    assert np.abs(np.diff([frame.time for frame in got]) - 1 / 30).max() < 1e-6
    assert not told.lost and not told.ending and not told.remarks


def test_what_comes_out_of_order_by_more_is_dropped_and_counted(tmp_path: Path) -> None:
    messages = list(pictures())
    for n in (100, 200, 300):
        messages[n], messages[n + 60] = messages[n + 60], messages[n]
    got = frames(write_mcap(tmp_path / "bag.mcap", messages), told := Told())
    times = [frame.time for frame in got]
    assert times == sorted(times)
    assert told.lost["disordered"] + len(got) == 450 and told.lost["disordered"] > 0


@pytest.mark.parametrize(
    ("stamps", "why"), [(lambda at: 0, "not set"), (lambda at: at - BEGIN + 10**9, "of another clock")]
)
def test_stamps_that_are_no_time_are_not_used_and_that_is_told(
    tmp_path: Path, stamps: Callable[[int], int], why: str
) -> None:
    messages = [
        ("/camera/image_raw", IMAGE, at := BEGIN + n * 50 * MILLION, image(stamps(at), "mono8", picture(n)))
        for n in range(400)
    ]
    got = frames(write_mcap(tmp_path / "bag.mcap", messages), told := Told())
    assert np.allclose([frame.time for frame in got], np.arange(400) * 0.05, atol=1e-7)
    assert len(told.remarks) == 1 and why in told.remarks[0]


def test_a_stamp_that_is_missing_among_others_is_told_once(tmp_path: Path) -> None:
    messages = list(pictures())
    for n in (50, 60):
        messages[n][3].header.stamp.sec = messages[n][3].header.stamp.nanosec = 0
    got = frames(write_mcap(tmp_path / "bag.mcap", messages), told := Told())
    assert len(got) == 450 and len(told.remarks) == 1 and "not set in some messages" in told.remarks[0]


def sounds(count: int, rate: float, jitter: float, gone: range, first: str = STAMPED) -> list[Recorded]:
    """Pieces of 20 ms of a clock that is not quite 16 kHz, with jittered stamps and some that are missing."""
    rng = np.random.default_rng(1)
    found: list[Recorded] = [("/audio_info", INFO, BEGIN, audio_info())]
    for n in range(count):
        heard = BEGIN + round(n * 320 / rate * 1e9)
        seen = heard + round(abs(rng.normal(0, jitter)) * 1e9)
        data = pcm(320 * n, 320)
        if n in gone:
            continue
        if first == STAMPED:
            found.append(("/audio", STAMPED, seen + 20 * MILLION, audio_stamped(seen, data)))
        else:
            found.append(("/audio", DATA, seen + 20 * MILLION, audio(data)))
    return found


@pytest.mark.parametrize("kind", [STAMPED, DATA])
def test_jitter_and_drift_leave_sound_whole(tmp_path: Path, kind: str) -> None:
    """A clock that is off by 200 ppm, for 60 s, stamps late by up to 20 ms."""
    path = write_mcap(tmp_path / "bag.mcap", sounds(3000, 16_000 * 1.0002, 0.006, range(0), kind))
    chunks = sound(path, told := Told())
    assert not told.lost and not any(chunk.gap for chunk in chunks[1:])
    assert sum(len(chunk.samples) for chunk in chunks) == 320 * 3000
    true = np.arange(3000) * 320 / (16_000 * 1.0002)
    error = np.array([chunk.start for chunk in chunks]) - true
    # Stamps are never early: their mean lateness stays.
    assert np.abs(error[200:] - 0.0048).max() < 0.006
    assert len(told.remarks) == (kind == DATA)


def test_missing_sound_is_a_gap_and_counted(tmp_path: Path) -> None:
    path = write_mcap(tmp_path / "bag.mcap", sounds(500, 16_000, 0.0, range(200, 215)))
    chunks = sound(path, told := Told())
    gaps = [n for n, chunk in enumerate(chunks) if chunk.gap]
    assert len(gaps) == 1 and told.lost == {"missing": 3}  # blocks of a tenth of a second
    # It is known half a second later; what came in between says that it is unsure.
    assert all(chunk.unsure for chunk in chunks[201 : gaps[0]]) and not chunks[gaps[0]].unsure
    assert chunks[-1].start == pytest.approx(499 * 0.02, abs=1e-6)


def test_sound_of_other_rates_and_channels_becomes_mono_of_16_khz(tmp_path: Path) -> None:
    messages: list[Recorded] = [("/audio/info", INFO, BEGIN, audio_info(48_000, 2))]
    for n in range(400):
        left = np.frombuffer(pcm(1200 * n, 1200, 48_000), "<i2")
        data = np.stack([left, left], 1).tobytes()
        at = BEGIN + n * 25 * MILLION
        messages.append(("/audio/audio", STAMPED, at, audio_stamped(at, data)))
    chunks = sound(write_mcap(tmp_path / "bag.mcap", messages), told := Told(), "/audio/audio")
    heard = np.concatenate([chunk.samples for chunk in chunks])
    assert len(heard) == 160_000 and not told.lost
    spectrum = np.abs(np.fft.rfft(heard[16_000:32_000]))
    assert spectrum.argmax() == 440
    assert 0.45 < np.abs(heard[16_000:32_000]).max() < 0.55
    assert max(len(chunk.samples) for chunk in chunks) <= 3200


def test_each_sound_is_told_by_the_info_that_is_nearest(tmp_path: Path) -> None:
    messages: list[Recorded] = [
        ("/left/audio_info", INFO, BEGIN, audio_info(8000)),
        ("/right/audio_info", INFO, BEGIN, audio_info(44_100)),
        ("/left/audio", DATA, BEGIN, audio(pcm(0, 160))),
        ("/right/audio", DATA, BEGIN, audio(pcm(0, 160))),
    ]
    listed = {stream.name: stream for stream in opened(write_mcap(tmp_path / "bag.mcap", messages)).streams}
    assert (listed["/left/audio"].rate, listed["/right/audio"].rate) == (8000, 44_100)


def test_a_long_message_of_sound_is_divided(tmp_path: Path) -> None:
    messages: list[Recorded] = [("/audio_info", INFO, BEGIN, audio_info())]
    messages += [
        ("/audio", STAMPED, at := BEGIN + n * 10**9, audio_stamped(at, pcm(16_000 * n, 16_000))) for n in range(5)
    ]
    chunks = sound(write_mcap(tmp_path / "bag.mcap", messages), Told())
    assert {len(chunk.samples) for chunk in chunks} == {1600}
    assert np.allclose(np.diff([chunk.start for chunk in chunks]), 0.1, atol=1e-6)


def test_what_cannot_be_read_is_listed_with_the_reason(tmp_path: Path) -> None:
    text = make("std_msgs/msg/String", data="hello")
    messages: list[Recorded] = [
        ("/audio", DATA, BEGIN, audio(pcm(0, 320))),
        ("/chatter", "std_msgs/msg/String", BEGIN, text),
        ("/depth", IMAGE, BEGIN, image(BEGIN, "16UC1", picture(0).astype(np.uint16))),
        ("/depth/compressed", JPEG, BEGIN, compressed(BEGIN, "16UC1; compressedDepth png", b"x")),
        ("/joint_states", JOINTS, BEGIN, joints(BEGIN, ["a"], [])),
    ]
    listed = {s.name: s.refused for s in opened(write_mcap(tmp_path / "bag.mcap", messages)).streams}
    assert "AudioInfo" in listed["/audio"] and "audio_info" in listed["/audio"]
    assert "no sense" in listed["/chatter"]
    assert "'16UC1'" in listed["/depth"] and "depth image" in listed["/depth"]
    assert "compressedDepth" in listed["/depth/compressed"]
    assert "no position" in listed["/joint_states"]


def test_messages_of_another_encoding_among_others_are_counted(tmp_path: Path) -> None:
    messages = list(pictures())
    messages[10][3].encoding = "16UC1"
    messages[20][3].data = messages[20][3].data[:50]
    got = frames(write_mcap(tmp_path / "bag.mcap", messages), told := Told())
    assert len(got) == 448 and told.lost == {"refused": 1, "damaged": 1}


def test_joints_in_another_order_and_of_other_nodes(tmp_path: Path) -> None:
    messages: list[Recorded] = []
    for n in range(400):
        at = BEGIN + n * 10 * MILLION
        names, angles = [(["a", "b"], [n, 0.5]), (["b", "a"], [0.5, n]), (["gripper"], [3.0])][n % 3]
        messages.append(("/joint_states", JOINTS, at, joints(at, names, angles)))
    rows = play(opened(write_mcap(tmp_path / "bag.mcap", messages)), "/joint_states", told := Told())
    values = np.concatenate([reading.values for reading in rows if isinstance(reading, Values)])
    assert values.shape == (267, 2) and (values[:, 1] == 0.5).all()
    assert told.lost == {"refused": 133}


def test_of_a_file_that_is_cut_off_all_that_is_whole_is_read(tmp_path: Path) -> None:
    whole = write_mcap(tmp_path / "bag.mcap", pictures(), 4096, compression=CompressionType.NONE)
    data = whole.read_bytes()
    counts = []
    for part in (0.3, 0.6, 0.9):
        path = tmp_path / "cut.mcap"
        path.write_bytes(data[: round(len(data) * part)])
        got = frames(path, told := Told())
        counts.append(len(got))
        assert [int(frame.picture[0, 0]) for frame in got] == [n % 251 for n in range(len(got))]
        assert told.ending == f"ended after {len(got)} messages: the file is cut off at byte {told.ending.split()[-1]}"
    assert 0 < counts[0] < counts[1] < counts[2] < 450


@pytest.mark.parametrize("cut", [False, True])
def test_a_damaged_chunk_is_left_out_and_the_rest_is_read(tmp_path: Path, cut: bool) -> None:
    path = write_mcap(tmp_path / "bag.mcap", pictures(), 4096, compression=CompressionType.NONE)
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0x55
    # Without its index the file is searched.
    path.write_bytes(data[: len(data) * 4 // 5] if cut else data)
    got = frames(path, told := Told())
    numbers = [int(frame.picture[0, 0]) for frame in got]
    assert 100 < len(got) < 450 and numbers == sorted(numbers[:1]) + numbers[1:]
    assert told.lost["damaged"] >= 1 and "1 damaged place" in told.ending
    assert any("at byte" in remark for remark in told.remarks)
    if not cut:
        assert len(got) + told.lost["damaged"] == 450


def test_bytes_that_are_no_message_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sensors.files.ros.definitions as definitions

    store = definitions.known_types()
    serialize = store.serialize_cdr
    numbers = iter(range(10**6))
    with monkeypatch.context() as patch:
        patch.setattr(
            store, "serialize_cdr", lambda m, kind: bytes(serialize(m, kind))[: 30 if next(numbers) == 99 else None]
        )
        path = write_mcap(tmp_path / "bag.mcap", pictures())
    got = frames(path, told := Told())
    assert len(got) == 449 and told.lost == {"damaged": 1} and "1 damaged messages" in told.ending


def test_a_file_that_is_no_bag_says_so(tmp_path: Path) -> None:
    for name, data, why in (
        ("empty.mcap", b"", "is empty"),
        ("other.mcap", b"hello, this is text", "is no MCAP file"),
        ("other.db3", b"hello", "cannot be read as a bag"),
        ("other.bag", b"hello", "cannot be read as a bag"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(SourceError, match=why) as error:
            opened(tmp_path / name)
        assert name in str(error.value) and "\n" not in str(error.value)


def test_a_directory_lacks_a_file(tmp_path: Path) -> None:
    path = write_directory(tmp_path / "bag", pictures(), StoragePlugin.MCAP)
    about = path / ABOUT
    about.write_text(about.read_text().replace("  - bag.mcap\n", "  - bag.mcap\n  - bag_1.mcap\n"))
    got = frames(path, told := Told())
    assert len(got) == 450 and told.lost == {"missing": 1} and "missing: bag_1.mcap" in told.ending
    about.write_text("rosbag2_bagfile_information: [")
    with pytest.raises(SourceError, match="no metadata of a rosbag2 bag"):
        opened(path)


def test_other_files_and_folders_are_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "folder.mcap").mkdir()
    assert not READER.owns(tmp_path) and not READER.owns(tmp_path / "notes.txt")
    assert not READER.owns(tmp_path / "folder.mcap") and not READER.owns(tmp_path / "absent")


def test_without_the_libraries_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_mcap(tmp_path / "bag.mcap", pictures(3))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SourceError, match=r"mcap and rosbags: pip install 'reciprocal\[ros\]'"):
        READER.parts(path)

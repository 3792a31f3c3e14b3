"""What `--record FILE.mcap` writes is read by others' libraries and plays as the program's own recordings do."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("rosbags", reason="extra 'ros' is not installed")
pytest.importorskip("mcap", reason="extra 'ros' is not installed")

from sensors.core.errors import SourceError
from sensors.core.percept import Reading
from sensors.files.ros.mcap_store import WAITING, McapStore
from sensors.files.ros.reader import READER
from sensors.files.ros.recorder import free_place, make_recorder, taken
from sensors.perception.perception import Perception
from sensors.perception.source_reader import SourceReader
from sensors.perception.streams import played, streams
from sensors.signals.jpeg import JpegBudget
from sensors.signals.readings import Chunk, Frame, Values
from sensors.sources.recorder import PICTURES
from sensors.sources.recording import Recording
from tests.sensors.files.ros.reports import Told, play
from tests.sensors.sessions import CHUNKS, FRAMES, record_session

PLENTY = 2**30


class Felt(Values):
    """Rows of a sense of its own."""

    kind = "touch"


def session(seconds: float = 2.0) -> list[tuple[str, Reading]]:
    """Sound with gaps and doubts, grey pictures, pictures in colour and rows, from a monotonic second on."""
    rng = np.random.default_rng(0)
    found: list[tuple[str, Reading]] = []
    for i in range(round(seconds * 50)):
        gap, unsure = i % 17 == 3, i % 17 in (5, 6)
        samples = rng.normal(size=320).astype(np.float32)
        found.append(("microphone", Chunk(1234.5 + 0.0201 * i + gap * 0.001, samples, gap, unsure)))
    for i in range(round(seconds * 10)):
        grey = rng.integers(0, 256, (48, 64), dtype=np.uint8)
        color = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
        found += [("camera", Frame(1234.53 + 0.1 * i, grey)), ("robot-2/camera", Frame(1234.57 + 0.1 * i, color))]
        times = 1234.5 + 0.1 * i + np.arange(10) / 100
        found.append(("hand", Felt(times, rng.normal(size=(10, 2, 3)).astype(np.float32), i % 5 == 2)))
    return sorted(found, key=lambda pair: pair[1].begin)


def record(path: Path, readings: list[tuple[str, Reading]], limit: int = PLENTY) -> Any:
    with make_recorder(path, limit) as recorder:
        for source, reading in readings:
            recorder.write(source, reading)
    return recorder


def test_what_is_recorded_is_played_as_it_was(tmp_path: Path) -> None:
    readings = session()
    recorder = record(tmp_path / "session.mcap", readings)
    assert recorder.written == len(readings) and not recorder.dropped
    (part,) = READER.parts(tmp_path / "session.mcap")
    file = part.open()
    streams = {stream.name: stream for stream in file.streams if not stream.refused}
    sound, grey, color = (
        "/microphone/audio_stamped",
        "/camera/image_raw/compressed",
        "/robot_2/camera/image_raw/compressed",
    )
    assert set(streams) == {sound, grey, color, "/hand/touch"}
    first = readings[0][1].begin
    for stream, source, in_color in (
        (sound, "microphone", False),
        (grey, "camera", False),
        (color, "robot-2/camera", True),
    ):
        told = Told()
        got = play(file, stream, told, in_color)
        wanted: list[Any] = [reading for name, reading in readings if name == source]
        assert len(got) == len(wanted) and not told.lost and not told.ending
        shift = got[0].begin - wanted[0].begin
        budget = JpegBudget(PICTURES)
        for a, b in zip(got, wanted, strict=True):
            # Nanoseconds are all that ROS has.
            assert abs(a.begin - shift - b.begin) < 2e-9
            if isinstance(b, Chunk):
                assert isinstance(a, Chunk)
                assert (a.gap, a.unsure, a.samples.tobytes()) == (b.gap, b.unsure, b.samples.tobytes())
            else:
                kept = b.picture
                if in_color:
                    # As the program's own records keep it.
                    jpeg = np.frombuffer(budget.encode(b.picture, b.time), np.uint8)
                    kept = np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)
                assert isinstance(a, Frame) and a.picture.tobytes() == kept.tobytes()
    rows: list[Any] = play(file, "/hand/touch", Told())
    felt: list[Any] = [reading for name, reading in readings if name == "hand"]
    assert np.array_equal(np.concatenate([r.values for r in rows]), np.concatenate([r.values for r in felt]))
    offset = rows[0].times[0] - felt[0].times[0]
    assert (
        np.abs(np.concatenate([r.times for r in rows]) - offset - np.concatenate([r.times for r in felt])).max() < 2e-9
    )
    # A gap begins a reading, as it did.
    marked = [r.times[0] - offset for r in rows if r.gap]
    assert np.allclose(marked, [r.times[0] for r in felt if r.gap], atol=1e-6)
    assert abs(file.begin - (first - felt[0].begin)) < 1.0


def test_others_libraries_read_it(tmp_path: Path) -> None:
    pytest.importorskip("mcap_ros2", reason="extra 'test' is not installed")
    from mcap.reader import make_reader
    from mcap_ros2.decoder import DecoderFactory
    from rosbags.highlevel import AnyReader

    readings = session()
    path = tmp_path / "session.mcap"
    record(path, readings)
    frames = [reading for name, reading in readings if name == "camera" and isinstance(reading, Frame)]
    chunks = [reading for name, reading in readings if isinstance(reading, Chunk)]
    with path.open("rb") as file:
        reader = make_reader(file, validate_crcs=True, decoder_factories=[DecoderFactory()])
        assert reader.get_header().profile == "ros2"
        found: dict[str, list[Any]] = {}
        for schema, channel, message, content in reader.iter_decoded_messages():
            assert schema is not None and schema.encoding == "ros2msg" and channel.message_encoding == "cdr"
            found.setdefault(channel.topic, []).append((message, content))
    pictures = found["/camera/image_raw/compressed"]
    assert len(pictures) == len(frames)
    for (message, content), frame in zip(pictures, frames, strict=True):
        picture = cv2.imdecode(np.frombuffer(bytes(content.data), np.uint8), cv2.IMREAD_UNCHANGED)
        assert content.format == "png" and picture is not None and np.array_equal(picture, frame.picture)
        assert content.header.stamp.sec * 10**9 + content.header.stamp.nanosec == message.log_time
    with AnyReader([path]) as bag:
        wanted = [each for each in bag.connections if each.topic.startswith("/microphone/")]
        types = {each.topic: each.msgtype for each in wanted}
        sounds: dict[str, list[Any]] = {}
        for connection, _, raw in bag.messages(wanted):
            sounds.setdefault(connection.topic, []).append(bag.deserialize(raw, connection.msgtype))
    assert types == {
        "/microphone/audio_info": "audio_common_msgs/msg/AudioInfo",
        "/microphone/audio_stamped": "audio_common_msgs/msg/AudioDataStamped",
        "/microphone/audio": "foxglove_msgs/msg/RawAudio",
    }
    (info,) = sounds["/microphone/audio_info"]
    assert (info.sample_rate, info.channels, info.sample_format) == (16_000, 1, "F32LE")
    for stamped, copy, chunk in zip(
        sounds["/microphone/audio_stamped"], sounds["/microphone/audio"], chunks, strict=True
    ):
        assert stamped.audio.data.tobytes() == chunk.samples.tobytes()
        pcm = np.frombuffer(copy.data.tobytes(), "<i2") / 32768
        assert np.abs(pcm - np.clip(chunk.samples, -1, 1)).max() < 1e-4
        assert (copy.format, copy.sample_rate, copy.number_of_channels) == ("pcm-s16", 16_000, 1)


def test_a_recorder_that_is_killed_loses_what_no_chunk_holds_yet(tmp_path: Path) -> None:
    path = tmp_path / "session.mcap"
    script = f"""
import os, time
from pathlib import Path
from sensors.files.ros.recorder import make_recorder
from tests.sensors.files.ros.test_mcap_store import session
recorder = make_recorder(Path({str(path)!r}), 2**30)
for source, reading in session():
    recorder.write(source, reading)
while recorder.written < len(session()):
    time.sleep(0.02)
time.sleep(1.5)  # the chunk of the last second is written
recorder.write(*session()[0])
time.sleep(0.2)
os._exit(9)
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=60, check=False).returncode == 9
    file = READER.parts(path)[0].open()
    told = Told()
    assert len(play(file, "/microphone/audio_stamped", told)) == 100
    assert "cut off" in told.ending and not told.lost


def test_a_damaged_chunk_is_left_out_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensors.files.ros.mcap_store.CHUNK", 50_000)
    path = tmp_path / "session.mcap"
    record(path, session())
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    told = Told()
    got: list[Any] = play(READER.parts(path)[0].open(), "/microphone/audio_stamped", told)
    assert 0 < len(got) < 100 and told.lost["damaged"] == 100 - len(got)
    assert "damaged place" in told.ending
    # The sound says where something is missing, besides the gaps that it had.
    starts = np.array([chunk.start for chunk in got])
    after = int(np.diff(starts).argmax()) + 1
    assert got[after].gap


def test_beyond_the_limit_nothing_is_recorded_and_the_file_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "session.mcap"
    limit = 2**20 + 300_000
    recorder = record(path, session(), limit)
    assert recorder.dropped["full"] > 0 and recorder.written + recorder.dropped["full"] == len(session())
    assert path.stat().st_size <= limit
    told = Told()
    assert play(READER.parts(path)[0].open(), "/microphone/audio_stamped", told) and not told.ending


class _Disk:
    """A file on a disk that is full for a while."""

    def __init__(self, file: Any) -> None:
        self._file, self.full = file, False

    def write(self, data: Any) -> int:
        if self.full:
            self._file.write(data[:10])
            raise OSError(28, "No space left on device")
        return int(self._file.write(data))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def test_what_a_full_disk_did_not_take_is_written_once_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "session.mcap"
    store = McapStore(path, PLENTY)
    disk: Any = _Disk(store._output._file)
    store._output._file = disk
    readings = session()
    for n, (source, reading) in enumerate(readings):
        disk.full = 50 < n < 150
        assert store.store(source, reading) == ""
        store.rest()
    assert store.finish() == 0
    told = Told()
    assert len(play(READER.parts(path)[0].open(), "/microphone/audio_stamped", told)) == 100 and not told.ending


def test_what_a_full_disk_never_takes_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensors.files.ros.mcap_store.WAITING", 100_000)
    assert WAITING > 100_000
    store = McapStore(tmp_path / "session.mcap", PLENTY)
    disk: Any = _Disk(store._output._file)
    disk.full = True
    store._output._file = disk
    refused = [store.store(source, reading) for source, reading in session()]
    taken_in = refused.count("")
    assert set(refused) == {"", "disk"} and 0 < taken_in < len(refused)
    assert store.finish() == taken_in


def test_readings_that_no_message_holds_are_refused(tmp_path: Path) -> None:
    store = McapStore(tmp_path / "session.mcap", PLENTY)
    assert store.store("camera", Frame(1.0, np.zeros((4, 4, 2), np.uint8))) == "unfit"
    assert store.store("hand", Values(np.array([1.0]), np.zeros((1, 2), np.complex64))) == "unfit"
    assert store.store("arm", Values(np.array([1.0]), np.zeros((1, 2), np.float32))) == ""
    assert store.store("arm", Values(np.array([2.0]), np.zeros((1, 2), np.float64))) == "unfit"
    assert store.finish() == 0


def test_a_place_that_is_taken_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "session.mcap"
    assert free_place(path) == path and not taken(path)
    record(path, session(0.2))
    before = path.read_bytes()
    assert taken(path) and free_place(path) == tmp_path / "session-2.mcap"
    with pytest.raises(SourceError, match="is there already"):
        make_recorder(path, PLENTY)
    assert path.read_bytes() == before


def test_without_the_libraries_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SourceError, match=r"pip install 'reciprocal\[ros\]'"):
        make_recorder(tmp_path / "session.mcap", PLENTY)
    assert not list(tmp_path.iterdir())


def test_names_are_those_that_ros_allows(tmp_path: Path) -> None:
    store = McapStore(tmp_path / "session.mcap", PLENTY)
    frame = Frame(1.0, np.zeros((4, 4), np.uint8))
    for source in ("robot-2/camera", "robot_2/camera", "2/eye", "//", "ä b"):
        assert store.store(source, frame) == ""
    store.finish()
    names = {stream.name for stream in READER.parts(tmp_path / "session.mcap")[0].open().streams}
    stems = {name.removesuffix("/image_raw/compressed") for name in names}
    assert stems == {"/robot_2/camera", "/robot_2/camera_2", "/_2/eye", "/source", "/__b"}, json.dumps(sorted(names))


def perceived(path: Path) -> list[Any]:
    """The batches of events that are perceived in a recording, as fast as they can be."""
    sources = played(streams(["audio", "image"]), path, 0.0)
    found: list[Any] = []
    perception = Perception("host", 0, None, ["audio", "image"])
    reader = SourceReader(sources, perception, lambda batch, captured: found.append(batch), played=True)
    for source in sources:
        source.connect()
    while not reader.ended:
        reader.step()
    reader.finish()
    assert sum(source.counts.read for source in sources) == CHUNKS + FRAMES
    assert all(not source.counts.dropped for source in sources)
    return found


def test_both_kinds_of_recording_give_the_same_percepts(tmp_path: Path) -> None:
    folder = record_session(tmp_path / "session")
    recording = Recording(folder, shift=False)
    readings = [(name, reading) for name in recording.names for reading in recording.samples(name)]
    record(tmp_path / "session.mcap", sorted(readings, key=lambda pair: pair[1].begin))
    one, other = perceived(folder), perceived(tmp_path / "session.mcap")
    assert [batch.kind for batch in one] == [batch.kind for batch in other] and len(one) >= 3
    begins = one[0].start[0], other[0].start[0]
    for a, b in zip(one, other, strict=True):
        assert np.allclose(a.start - begins[0], b.start - begins[1], atol=1e-6)
        assert np.allclose(a.end - begins[0], b.end - begins[1], atol=1e-6)
        assert a.samples.keys() == b.samples.keys()
        assert all(np.array_equal(a.samples[name], b.samples[name]) for name in a.samples)

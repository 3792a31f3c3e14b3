"""What every source promises, asked of every source."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from benchmarks.network_camera import MjpegServer
from sensors.camera import Camera
from sensors.errors import SourceError
from sensors.live_config import SensorsConfig
from sensors.microphone import Microphone
from sensors.recorder import Recorder
from sensors.recording import Recording
from sensors.source import Change, Chunk, Ended, Frame, Source
from tests.sensors.hardware import FakePortAudio


@dataclass
class Subject:
    """A source under test; where its device can do so, `block` makes it hang and `silence` keeps it from giving."""

    make: Callable[[], Source[Any]]
    sound: bool
    block: Callable[[], None] | None = None
    silence: Callable[[], None] | None = None
    missing: Callable[[], Source[Any]] | None = None


@pytest.fixture
def portaudio(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePortAudio]:
    fake = FakePortAudio([("Built-in", 44_100.0, 2), ("USB stick", 16_000.0, 1)])
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    yield fake
    fake.hang.set()


@pytest.fixture
def server() -> Iterator[MjpegServer]:
    made = MjpegServer()
    yield made
    made.close()


def recorded(folder: Path) -> Path:
    with Recorder(folder) as recorder:
        for i in range(100):
            recorder.write("microphone", Chunk(5.0 + 0.02 * i, np.full(320, i, np.float32)))
            recorder.write("camera", Frame(5.01 + 0.02 * i, np.full((48, 64), i, np.uint8)))
    return folder


def video(path: Path) -> str:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 50, (128, 96))
    for i in range(100):
        writer.write(np.full((96, 128, 3), 2 * i, np.uint8))
    writer.release()
    return str(path)


def sequence(folder: Path) -> str:
    for i in range(40):
        cv2.imwrite(str(folder / f"shot_{i:03d}.png"), np.full((96, 128), 3 * i, np.uint8))
    return str(folder / "shot_%03d.png")


@pytest.fixture(params=["microphone", "recorded sound", "recorded pictures", "video", "sequence", "mjpeg"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    match request.param:
        case "microphone":
            fake: FakePortAudio = request.getfixturevalue("portaudio")
            return Subject(
                lambda: Microphone(timeout=0.5),
                True,
                fake.hang.clear,
                fake.fall_silent,
                lambda: Microphone("no such microphone"),
            )
        case "recorded sound":
            recording = Recording(recorded(tmp_path))
            return Subject(lambda: recording.sounds()[0], True)
        case "recorded pictures":
            recording = Recording(recorded(tmp_path))
            return Subject(lambda: recording.pictures()[0], False)
        case "video":
            path = video(tmp_path / "video.avi")
            return Subject(lambda: Camera(path), False, missing=lambda: Camera(str(tmp_path / "none.avi")))
        case "sequence":
            pattern = sequence(tmp_path)
            return Subject(lambda: Camera(pattern), False, missing=lambda: Camera(str(tmp_path / "none_%03d.png")))
        case _:
            server: MjpegServer = request.getfixturevalue("server")
            return Subject(
                lambda: Camera(server.address),
                False,
                server.flowing.clear,
                server.flowing.clear,
                lambda: Camera("http://127.0.0.1:9/camera.mjpg"),
            )


def test_it_gives_samples_in_order_with_times_of_now(subject: Subject) -> None:
    began = time.monotonic()
    with subject.make() as source:
        assert source.state == "live"
        samples = [source.read() for _ in range(10)]
    now = time.monotonic()
    times = []
    for sample in samples:
        assert isinstance(sample, Chunk if subject.sound else Frame)
        if isinstance(sample, Chunk):
            assert sample.samples.dtype == np.float32 and sample.samples.ndim == 1 and len(sample.samples)
            times.append(sample.start)
        else:
            assert sample.picture.dtype == np.uint8 and sample.picture.ndim == 2
            times.append(sample.time)
    assert began - 0.2 < times[0] and times[-1] < now + 0.05
    assert (np.diff(times) > 0).all()
    assert source.counts.read == 10 and source.counts.given >= 10


def test_changes_of_state_are_told(subject: Subject) -> None:
    changes: list[Change] = []
    source = subject.make()
    source.observe(changes.append)
    assert source.state == "closed"
    with source:
        source.read()
    assert source.state == "closed"
    assert [c.after for c in changes] == ["connecting", "live", "closed"]
    assert all(c.source == source.name for c in changes)
    assert str(changes[1]) == f"{source.name}: live"


def test_connect_and_disconnect_may_be_repeated(subject: Subject) -> None:
    source = subject.make()
    source.disconnect()
    source.connect()
    source.connect()
    source.disconnect()
    source.disconnect()
    assert source.state == "closed"
    name = source.name
    assert not [t for t in threading.enumerate() if t.name in (name, f"{name} reader")]


def test_it_stops_within_a_second_even_when_blocked(subject: Subject) -> None:
    source = subject.make()
    source.connect()
    source.read()
    if subject.block:
        subject.block()
        time.sleep(0.15)
    began = time.monotonic()
    source.disconnect()
    assert time.monotonic() - began < 1.0
    assert source.state == "closed"


def test_what_is_unread_at_the_end_can_be_read_then_it_has_ended(subject: Subject) -> None:
    source = subject.make()
    source.connect()
    time.sleep(0.2)
    source.disconnect()
    got = 0
    with pytest.raises(Ended):
        for _ in range(10_000):
            source.read()
            got += 1
    assert got >= 1
    with pytest.raises(Ended):
        source.async_read(0.1)


def test_async_read_gives_what_is_new_or_times_out(subject: Subject) -> None:
    source = subject.make()
    with source:
        time.sleep(0.3)
        newest = source.async_read(1.0)
        dropped = source.counts.dropped.get("superseded", 0)
        assert dropped >= 1
        if isinstance(newest, Chunk):
            assert newest.gap
        if subject.silence:
            subject.silence()
            time.sleep(0.1)
            began = time.monotonic()
            with pytest.raises(TimeoutError):
                for _ in range(3):
                    source.async_read(0.1)
            assert time.monotonic() - began < 0.8


def test_read_latest_looks_and_is_strict_about_age(subject: Subject) -> None:
    source = subject.make()
    with pytest.raises(TimeoutError):
        source.read_latest(1.0)
    source.connect()
    source.read_latest(2.0)
    assert source.counts.read == 0
    source.disconnect()
    time.sleep(0.06)
    with pytest.raises(TimeoutError):
        source.read_latest(0.05)


def test_it_says_what_it_is(subject: Subject) -> None:
    source = subject.make()
    assert source.name in str(source) and "closed" in str(source)
    assert source.name in repr(source)
    with source:
        assert "live" in str(source)


def test_what_is_not_there_is_named_within_five_seconds(subject: Subject) -> None:
    if subject.missing is None:
        return
    source = subject.missing()
    began = time.monotonic()
    with pytest.raises(SourceError) as raised:
        source.connect(warmup=5.0)
    assert time.monotonic() - began < 5.0
    wanted = getattr(source, "address", None) or getattr(source, "device", None)
    assert str(wanted) in str(raised.value) and "\n" not in str(raised.value)
    assert source.state == "closed"


def test_settings_make_the_same_source_again() -> None:
    config = SensorsConfig(microphone="USB", camera="http://robot/camera", read_timeout=3.0, stall=1.0)
    again = SensorsConfig.from_dict(config.to_dict())
    assert again == config
    camera, microphone = Camera.from_config(again), Microphone.from_config(again)
    assert (camera.address, microphone.device) == ("http://robot/camera", "USB")
    assert camera.timeout == microphone.timeout == 3.0
    for made in (Camera.from_config, Microphone.from_config):
        with pytest.raises(SourceError, match="the settings say none"):
            made(SensorsConfig(microphone=None, camera=None))

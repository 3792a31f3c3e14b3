"""What every source promises, asked of every source."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from benchmarks.harness.network_camera import MjpegServer
from sensors.browsers.messages import Picture, Sound
from sensors.browsers.shared_sources import SharedCamera, SharedMicrophone, _PictureDriver, _SoundDriver
from sensors.cameras.camera import Camera
from sensors.cameras.film import Film
from sensors.cameras.sequence import Sequence
from sensors.core.errors import SourceError
from sensors.live.rig import make_sources
from sensors.live.rig_config import LIVE, RigConfig
from sensors.sources.live_config import SensorsConfig
from sensors.sources.microphone import Microphone
from sensors.sources.recorder import Recorder
from sensors.sources.recording import Recording, _Tape
from sensors.sources.source import Change, Chunk, Ended, Frame, Source
from tests.patience import PATIENCE, quickest, took, wait_for
from tests.sensors.hardware import FakePortAudio


@dataclass
class Subject:
    """A source under test.

    Attributes:
        make: it, not connected.
        sound: whether it gives sound.
        block: makes its device hang, until it is freed.
        silence: keeps its device from giving, until the test is over.
        free: lets a device that hangs go on.
        missing: the same kind of source where there is nothing of the name `absent`; may raise itself.
        config: settings that make the same source; None: it comes by itself.
    """

    make: Callable[[], Source[Any]]
    sound: bool
    block: Callable[[], None]
    free: Callable[[], None]
    silence: Callable[[], None]
    missing: Callable[[], Source[Any]]
    absent: str
    config: RigConfig | None


class Gate:
    """Comes before the driver of a file, so that it can hang and fall silent as a device does.

    Attributes:
        open: cleared, reading blocks.
        flowing: cleared, nothing comes.
    """

    def __init__(self, driver: type[Any], monkeypatch: pytest.MonkeyPatch) -> None:
        self.open, self.flowing = threading.Event(), threading.Event()
        self.open.set()
        self.flowing.set()
        read = driver.read

        def gated(made: Any, timeout: float) -> Any:
            self.open.wait(PATIENCE)
            return read(made, timeout) if self.flowing.wait(timeout) else None

        monkeypatch.setattr(driver, "read", gated)


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


KINDS = [
    "microphone",
    "recorded sound",
    "recorded pictures",
    "video",
    "sequence",
    "mjpeg",
    "shared sound",
    "shared pictures",
]


class Sharing:
    """A browser that shares: its messages come, until they are stopped."""

    def __init__(self, source: SharedMicrophone | SharedCamera) -> None:
        self.flowing, self.closing = threading.Event(), threading.Event()
        self.flowing.set()
        self._source, self._first = source, 0
        source.inbox.begin()
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.closing.set()
        self._thread.join()

    def _send(self) -> None:
        while not self.closing.wait(0.02):
            if not self.flowing.is_set():
                continue
            # The browser's clock began later than this machine's.
            now = time.monotonic()
            if isinstance(self._source, SharedMicrophone):
                sound = Sound(now - 100.0 - 0.02, self._first, 16_000, np.zeros(320, np.float32))
                self._source.inbox.put(sound, now)
                self._first += 320
            else:
                self._source.inbox.put(Picture(now - 100.0, self._first, _PICTURE), now)
                self._first += 1


_PICTURE = cv2.imencode(".jpg", np.full((96, 128), 90, np.uint8))[1].tobytes()


def shared(sound: bool, monkeypatch: pytest.MonkeyPatch) -> Iterator[Subject]:
    """What a browser shares, under test."""
    sharing: list[Sharing] = []
    gate = Gate(_SoundDriver if sound else _PictureDriver, monkeypatch)

    def made() -> SharedMicrophone | SharedCamera:
        if sound:
            return SharedMicrophone("browser/anna/microphone", lambda: 100.0, SensorsConfig())
        return SharedCamera("browser/anna/camera", lambda: 100.0, SensorsConfig(), 640, color=False)

    def make() -> Source[Any]:
        source = made()
        sharing.append(Sharing(source))
        return source

    absent = "browser/anna/" + ("microphone" if sound else "camera")
    yield Subject(make, sound, gate.open.clear, gate.open.set, gate.flowing.clear, made, absent, None)
    for each in sharing:
        each.close()
    gate.open.set()
    gate.flowing.set()


@pytest.fixture(params=KINDS)
def subject(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Subject]:
    kind: str = request.param
    if kind == "microphone":
        fake: FakePortAudio = request.getfixturevalue("portaudio")
        yield Subject(
            lambda: Microphone("USB"),
            True,
            fake.hang.clear,
            fake.hang.set,
            fake.fall_silent,
            lambda: Microphone("no such microphone"),
            "no such microphone",
            RigConfig(sensors=SensorsConfig(microphone="USB", camera=None)),
        )
        return
    if kind == "mjpeg":
        server: MjpegServer = request.getfixturevalue("server")
        stop, go, absent = server.flowing.clear, server.flowing.set, "http://127.0.0.1:9/camera.mjpg"
        config = RigConfig(sensors=SensorsConfig(microphone=None, camera=server.address))
        yield Subject(lambda: Camera(server.address), False, stop, go, stop, lambda: Camera(absent), absent, config)
        return
    if kind.startswith("shared"):
        yield from shared(kind == "shared sound", monkeypatch)
        return
    gate = Gate(_Tape if "recorded" in kind else Film if kind == "video" else Sequence, monkeypatch)
    if "recorded" in kind:
        recording, absent = Recording(recorded(tmp_path / "tape")), str(tmp_path / "none")

        def of(source: Recording) -> Source[Any]:
            sources: list[Source[Any]] = [*source.sources(Chunk), *source.sources(Frame)]
            return sources[kind == "recorded pictures"]

        make, missing = (lambda: of(recording)), (lambda: of(Recording(absent)))
        config = RigConfig(source=str(tmp_path / "tape"))
    else:
        address, absent = (
            (video(tmp_path / "video.avi"), str(tmp_path / "none.avi"))
            if kind == "video"
            else (sequence(tmp_path), str(tmp_path / "none_%03d.png"))
        )
        make, missing = (lambda: Camera(address)), (lambda: Camera(absent))
        config = RigConfig(sensors=SensorsConfig(microphone=None, camera=address))
    block, free, silence = gate.open.clear, gate.open.set, gate.flowing.clear
    yield Subject(make, kind == "recorded sound", block, free, silence, missing, absent, config)
    gate.open.set()
    gate.flowing.set()


def test_it_gives_samples_in_order_with_times_of_now(subject: Subject) -> None:
    began = time.monotonic()
    with subject.make() as source:
        assert wait_for(lambda: source.state == "live")
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
        assert wait_for(lambda: source.state == "live")
        source.read()
    assert wait_for(lambda: changes[-1].after == source.state == "closed")
    # A busy machine may take long to open it.
    told = [c for c in changes if not c.opening]
    assert [c.after for c in told] == ["connecting", "live", "closed"]
    assert all(c.source == source.name for c in changes)
    assert str(told[1]) == f"{source.name}: live"


def test_connect_and_disconnect_may_be_repeated(subject: Subject) -> None:
    source = subject.make()
    source.disconnect()
    source.connect()
    source.connect()
    source.disconnect()
    source.disconnect()
    assert wait_for(lambda: source.state == "closed")
    name = source.name
    assert wait_for(lambda: not [t for t in threading.enumerate() if t.name in (name, f"{name} reader")])


@pytest.mark.parametrize("phase", ["giving", "blocked", "blocked from the start"])
def test_it_stops_within_a_second_even_when_blocked(subject: Subject, phase: str) -> None:
    def stop() -> float:
        source = subject.make()
        if phase == "blocked from the start":
            subject.block()
            source.connect(warmup=0)
        else:
            source.connect(warmup=PATIENCE)
            source.read()
        if phase == "blocked":
            subject.block()
        time.sleep(0.15)
        seconds = took(source.disconnect)
        assert wait_for(lambda: source.state == "closed")
        subject.free()
        return seconds

    assert quickest(stop, 1.0) < 1.0


def test_unread_readings_can_be_read_after_the_end(subject: Subject) -> None:
    source = subject.make()
    source.connect()
    assert wait_for(lambda: source.counts.given >= 3)
    source.disconnect()
    got = 0
    with pytest.raises(Ended):
        for _ in range(10_000):
            source.read()
            got += 1
    assert got >= 1
    with pytest.raises(Ended):
        source.async_read(0.1)


def test_async_read_gives_new_readings_or_times_out(subject: Subject) -> None:
    source = subject.make()
    with source:
        assert wait_for(lambda: source.counts.given >= 3)
        newest = source.async_read(1.0)
        dropped = source.counts.dropped.get("superseded", 0)
        assert dropped >= 1
        if isinstance(newest, Chunk):
            assert newest.gap
        subject.silence()

        def wait() -> float:
            began = time.monotonic()
            with pytest.raises(TimeoutError):
                while True:  # what was on its way comes first
                    began = time.monotonic()
                    source.async_read(0.1)
            return time.monotonic() - began

        assert 0.09 < quickest(wait, 0.5) < 0.5


def test_read_waits_for_its_own_timeout_and_no_longer(subject: Subject) -> None:
    source = subject.make()
    source.timeout = 0.3
    with source:
        assert wait_for(lambda: source.state == "live")
        source.read()
        subject.silence()

        def wait() -> float:
            began = time.monotonic()
            with pytest.raises(TimeoutError):
                while True:  # what was on its way comes first
                    began = time.monotonic()
                    source.read()
            return time.monotonic() - began

        assert 0.25 < quickest(wait, 0.8) < 0.8


def test_read_latest_looks_and_is_strict_about_age(subject: Subject) -> None:
    source = subject.make()
    with pytest.raises(TimeoutError):
        source.read_latest(1.0)
    source.connect(warmup=PATIENCE)
    source.read_latest(PATIENCE)
    assert source.counts.read == 0
    source.disconnect()
    time.sleep(0.06)
    with pytest.raises(TimeoutError):
        source.read_latest(0.05)


def test_it_says_what_it_is(subject: Subject) -> None:
    source = subject.make()
    assert source.name in str(source) and "opening" in str(source)
    assert source.name in repr(source)
    with source:
        assert wait_for(lambda: "live" in str(source))
    assert "closed" in str(source)


def test_a_missing_source_is_named_within_five_seconds(subject: Subject) -> None:
    def look() -> None:
        with pytest.raises(SourceError) as raised:
            subject.missing().connect(warmup=PATIENCE)
        assert subject.absent in str(raised.value) and "\n" not in str(raised.value)

    assert quickest(lambda: took(look), 5.0) < 5.0


def test_settings_make_the_same_source_again(subject: Subject) -> None:
    if subject.config is None:
        pytest.skip("no settings make what comes by itself")
    sensors = subject.config.sensors.replace(read_timeout=3.0)
    config = RigConfig.from_dict(json.loads(json.dumps(subject.config.replace(sensors=sensors).to_dict())))
    assert config.sensors == sensors
    source = subject.make()
    (again,) = (made for made in make_sources(config) if made.name == source.name)
    assert (type(again), str(again), repr(again)) == (type(source), str(source), repr(source))
    if config.source == LIVE:
        assert again.timeout == 3.0
    again.connect(warmup=PATIENCE)
    sample = again.read()
    again.disconnect()
    assert isinstance(sample, Chunk if subject.sound else Frame)


def test_a_device_set_to_none_is_refused() -> None:
    config = SensorsConfig(microphone=None, camera=None)
    for made in (Camera.from_config, Microphone.from_config):
        with pytest.raises(SourceError, match=r"sensors\.(camera|microphone) is 'none'"):
            made(config)

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.network_camera import MjpegServer
from sensors import devices
from sensors.camera import Camera
from sensors.devices import Device, Devices, cameras, connect, list_devices, microphones
from sensors.errors import SourceError
from sensors.microphone import Microphone
from sensors.source import Chunk, Frame, Source
from tests.sensors.hardware import FakePortAudio


def test_microphones_are_listed_with_the_default_marked(portaudio: FakePortAudio) -> None:
    listed = microphones()
    assert listed.found == (
        Device(0, "Built-in", "channels: 2, 44100 Hz", True),
        Device(1, "USB stick", "channels: 1, 16000 Hz", False),
    )
    assert not listed.problem
    assert listed.lines()[1:] == ["* 0  Built-in (channels: 2, 44100 Hz)", "  1  USB stick (channels: 1, 16000 Hz)"]


def test_what_is_wrong_is_said_when_there_is_none(portaudio: FakePortAudio, monkeypatch: pytest.MonkeyPatch) -> None:
    portaudio.inputs.clear()
    assert microphones().problem
    monkeypatch.setitem(sys.modules, "sounddevice", None)  # as when it is not installed
    assert "pip install" in microphones().problem
    assert "none: " in microphones().lines()[1]


def test_a_library_that_hangs_does_not_hang_the_list(portaudio: FakePortAudio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "DEADLINE", 0.2)
    monkeypatch.setattr(portaudio, "query_devices", lambda: time.sleep(1.0))
    began = time.monotonic()
    assert "did not answer" in microphones().problem
    assert time.monotonic() - began < 0.8


def test_cameras_that_the_system_lists_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, name, index in ((0, "Webcam", "0"), (1, "Webcam", "1"), (10, "Microscope", "0")):
        place = tmp_path / f"video{number}"
        place.mkdir()
        (place / "name").write_text(name + "\n")
        (place / "index").write_text(index + "\n")
    monkeypatch.setattr(devices, "_VIDEO", tmp_path)
    found = cameras().found
    assert [(d.index, d.name, d.default) for d in found] == [(0, "Webcam", True), (10, "Microscope", False)]


def test_both_lists_come_soon_whatever_is_there() -> None:
    began = time.monotonic()
    for listed in list_devices():
        assert isinstance(listed, Devices) and bool(listed.found) != bool(listed.problem)
    assert time.monotonic() - began < 6.0


def test_without_any_device_both_are_named_within_five_seconds(portaudio: FakePortAudio) -> None:
    portaudio.inputs.clear()
    sources: list[Source[Chunk] | Source[Frame]] = [Microphone("Telephone"), Camera("97")]
    began = time.monotonic()
    with pytest.raises(SourceError, match=r"(?s)'Telephone'.*'97'"):
        connect(sources)
    assert time.monotonic() - began < 5.0
    assert all(source.state == "closed" for source in sources)


def test_with_one_of_two_the_other_is_named_and_sought_on(portaudio: FakePortAudio, server: MjpegServer) -> None:
    portaudio.inputs.clear()
    microphone, camera = Microphone("USB"), Camera(server.address)
    try:
        failed = connect([microphone, camera])
        assert set(failed) == {"microphone"} and "'USB'" in failed["microphone"]
        assert camera.state == "live"
        portaudio.inputs.append(("USB stick", 16_000.0, 1))
        assert microphone.read().samples.size
    finally:
        microphone.disconnect()
        camera.disconnect()


def test_a_lone_camera_that_opens_slowly_is_waited_for(server: MjpegServer) -> None:
    server.flowing.clear()
    threading.Timer(2.1, server.flowing.set).start()
    camera = Camera(server.address)
    try:
        assert connect([camera], patience=8.0) == {}
        assert camera.state == "live"
    finally:
        camera.disconnect()


def test_what_is_still_being_opened_is_not_nothing(server: MjpegServer) -> None:
    server.flowing.clear()
    camera = Camera(server.address, timeout=8.0)
    try:
        failed = connect([camera], patience=1.8)
        assert camera.state == "stalled" and "not open after" in failed["camera"]
        server.flowing.set()
        assert camera.read().picture.size
    finally:
        camera.disconnect()


@pytest.fixture
def pulse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A real PulseAudio with a microphone that plays what is written to the pipe."""
    for program in ("pulseaudio", "pactl"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    try:
        import sounddevice  # noqa: F401
    except (ImportError, OSError) as error:
        pytest.skip(f"PortAudio is not installed: {error}")
    for name in ("HOME", "XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH"):
        monkeypatch.setenv(name, str(tmp_path))
    pipe = tmp_path / "microphone"
    source = f"module-pipe-source source_name=microphone file={pipe} rate=16000 channels=1 format=s16le"
    command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1"]
    with (tmp_path / "pulse.log").open("wb") as log:
        server = subprocess.Popen([*command, "-L", "module-native-protocol-unix", "-L", source], stdout=log, stderr=log)
    try:
        end = time.monotonic() + 5
        while subprocess.run(["pactl", "info"], capture_output=True, timeout=5).returncode and time.monotonic() < end:
            time.sleep(0.1)
        yield pipe
    finally:
        server.terminate()
        server.wait(5)


_LISTEN = """
import sys, time
import numpy as np
from sensors.microphone import Microphone
from sensors.source import Chunk, Frame, Source
with Microphone("default") as microphone:
    print("ready", flush=True)
    chunks = [microphone.read()]
    while sum(len(c.samples) for c in chunks) < 32_000:
        chunks.append(microphone.read())
np.save(sys.argv[1], np.concatenate([c.samples for c in chunks]))
print(sum(c.gap for c in chunks))
"""


def test_a_real_sound_server_is_heard_as_it_plays(pulse: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    # Noise of speech's band, in a burst: it lies at one place only.
    spectrum = np.fft.rfft(rng.normal(size=12_000))
    spectrum[np.fft.rfftfreq(12_000, 1 / 16_000) > 3500] = 0
    burst = np.fft.irfft(spectrum)
    burst *= 8000 / np.abs(burst).max()
    heard = tmp_path / "heard.npy"
    listener = subprocess.Popen(
        [sys.executable, "-c", _LISTEN, str(heard)], stdout=subprocess.PIPE, text=True, env=os.environ.copy()
    )
    assert listener.stdout is not None
    try:
        file = os.open(pulse, os.O_WRONLY)
        sound = np.concatenate([np.zeros(16_000), burst, np.zeros(32_000)]).astype("<i2")
        listening, began, at = False, time.monotonic(), 0
        os.set_blocking(listener.stdout.fileno(), False)
        while listener.poll() is None and time.monotonic() - began < 20:
            listening = listening or "ready" in (listener.stdout.readline() or "")
            block = sound[at : at + 320] if listening else np.zeros(320, "<i2")
            at += 320 if listening else 0
            os.write(file, block.tobytes())
            time.sleep(0.02)
        os.close(file)
        assert listener.poll() == 0
    finally:
        listener.kill()
        listener.stdout.close()
        listener.wait(5)
    got = np.load(heard)
    lag = int(np.argmax(np.correlate(got, burst, "valid")))
    assert np.corrcoef(got[lag : lag + len(burst)], burst)[0, 1] > 0.98

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from benchmarks.harness.network_camera import MjpegServer
from sensors.cameras.camera import Camera
from sensors.core.errors import SourceError
from sensors.sources import devices
from sensors.sources.devices import Device, Devices, cameras, connect, list_devices, microphones
from sensors.sources.microphone import Microphone
from sensors.sources.sound_server import ServerSource
from sensors.sources.source import Chunk, Frame, Source
from tests.patience import PATIENCE, quickest, took, wait_for
from tests.sensors.hardware import FakePortAudio
from tests.sensors.sound_servers import sound_server


def test_microphones_are_listed_with_the_default_marked(portaudio: FakePortAudio) -> None:
    listed = microphones()
    assert listed.found == (
        Device(0, "Built-in", "channels: 2, 44100 Hz", True),
        Device(1, "USB stick", "channels: 1, 16000 Hz", False),
    )
    assert not listed.problem
    assert listed.lines()[1:] == ["* 0  Built-in (channels: 2, 44100 Hz)", "  1  USB stick (channels: 1, 16000 Hz)"]


def test_without_a_device_the_cause_is_named(portaudio: FakePortAudio, monkeypatch: pytest.MonkeyPatch) -> None:
    portaudio.inputs.clear()
    assert microphones().problem
    monkeypatch.setitem(sys.modules, "sounddevice", None)  # as when it is not installed
    assert "pip install" in microphones().problem
    assert "unavailable: " in microphones().lines()[1]


def test_the_sound_servers_sources_are_numbered_after_the_devices(
    portaudio: FakePortAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = (
        ServerSource("alsa_input.air", "Air Pods", "s16le 1ch 16000Hz", default=True),
        ServerSource("alsa_output.hdmi.monitor", "Monitor of HDMI", "s16le 2ch 48000Hz", monitor=True),
    )
    monkeypatch.setattr(devices, "server_sources", lambda: sources)
    assert "Air Pods" in microphones().note and "libasound2-plugins" in microphones().lines()[-1]
    portaudio.inputs.append(("pulse", 44_100.0, 32))
    listed = microphones()
    assert [(d.index, d.name) for d in listed.found[2:]] == [(2, "pulse"), (3, "Air Pods"), (4, "Monitor of HDMI")]
    assert "alsa_input.air, s16le 1ch 16000Hz: a source of the sound server, the one" in listed.found[3].detail
    assert "what an output plays" in listed.found[4].detail and not listed.note


def test_without_pactl_it_is_said_that_sources_may_be_missing(
    portaudio: FakePortAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert not microphones().note, "nothing says that there is a sound server"
    portaudio.inputs.append(("pulse", 44_100.0, 32))
    assert len(microphones().found) == 3
    assert "pactl is missing; install pulseaudio-utils" in microphones().lines()[-1]


def test_a_library_that_hangs_does_not_hang_the_list(portaudio: FakePortAudio, monkeypatch: pytest.MonkeyPatch) -> None:
    freed = threading.Event()
    monkeypatch.setattr(devices, "DEADLINE", 0.2)
    monkeypatch.setattr(portaudio, "query_devices", lambda: freed.wait(PATIENCE))

    def look() -> None:
        assert "did not answer" in microphones().problem

    assert quickest(lambda: took(look), 0.8) < 0.8
    freed.set()


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
    def look() -> None:
        for listed in list_devices():
            assert isinstance(listed, Devices) and bool(listed.found) != bool(listed.problem)

    assert quickest(lambda: took(look), 6.0) < 6.0


def test_without_any_device_both_are_named_within_five_seconds(portaudio: FakePortAudio) -> None:
    portaudio.inputs.clear()

    def look() -> None:
        sources: list[Source[Chunk] | Source[Frame]] = [Microphone("Telephone"), Camera("97")]
        with pytest.raises(SourceError, match=r"(?s)'Telephone'.*'97'"):
            connect(sources, patience=PATIENCE)
        assert wait_for(lambda: all(source.state == "closed" for source in sources))

    assert quickest(lambda: took(look), 5.0) < 5.0


def test_with_one_of_two_the_other_is_named_and_sought_on(portaudio: FakePortAudio, server: MjpegServer) -> None:
    portaudio.inputs.clear()
    microphone, camera = Microphone("USB"), Camera(server.address)
    try:
        failed = connect([microphone, camera], patience=PATIENCE)
        assert set(failed) == {"microphone"} and "'USB'" in failed["microphone"]
        assert camera.state == "live"
        portaudio.inputs.append(("USB stick", 16_000.0, 1))
        assert wait_for(lambda: microphone.state == "live")
        assert microphone.read().samples.size
    finally:
        microphone.disconnect()
        camera.disconnect()


def test_a_lone_camera_that_opens_slowly_is_waited_for(server: MjpegServer) -> None:
    server.flowing.clear()
    threading.Timer(2.1, server.flowing.set).start()
    camera = Camera(server.address)
    try:
        assert connect([camera], patience=PATIENCE) == {}
        assert camera.state == "live"
    finally:
        camera.disconnect()


def test_a_device_that_is_being_opened_counts_as_present(server: MjpegServer) -> None:
    server.flowing.clear()
    # Less than its patience later it counts as stalled, however busy the machine is.
    camera = Camera(server.address, timeout=PATIENCE, stall=0.3)
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
    pipe = tmp_path / "microphone"
    source = f"module-pipe-source source_name=microphone file={pipe} rate=16000 channels=1 format=s16le"
    with sound_server(tmp_path, monkeypatch, source):
        yield pipe


_LISTEN = """
import sys
import numpy as np
from scipy.signal import correlate
from sensors.sources.microphone import Microphone
from sensors.sources.sound_server import ServerSource
from sensors.sources.source import Chunk, Frame, Source
burst, best, heard = np.load(sys.argv[1]), 0.0, [np.zeros(0)]
with Microphone("default", timeout=30.0) as microphone:
    print("ready", flush=True)
    # Where cores are short, PulseAudio or PortAudio loses sound now and then: one of several bursts is heard whole.
    for _ in range(15):
        heard = [np.concatenate(heard)[-32_000:]]
        while sum(map(len, heard)) < 48_000:
            heard.append(microphone.read().samples)
        sound = np.concatenate(heard)
        lag = int(np.argmax(correlate(sound, burst, "valid")))
        best = max(best, np.corrcoef(sound[lag : lag + len(burst)], burst)[0, 1])
        if best > 0.98:
            break
print(best)
"""


def test_a_real_sound_server_is_heard_as_it_plays(pulse: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    # Noise of speech's band, in a burst: it lies at one place only.
    spectrum = np.fft.rfft(rng.normal(size=12_000))
    spectrum[np.fft.rfftfreq(12_000, 1 / 16_000) > 3500] = 0
    burst = np.fft.irfft(spectrum)
    burst *= 8000 / np.abs(burst).max()
    np.save(tmp_path / "burst.npy", burst)
    listener = subprocess.Popen(
        [sys.executable, "-c", _LISTEN, str(tmp_path / "burst.npy")],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ.copy(),
    )
    assert listener.stdout is not None
    try:
        # PulseAudio reads it only while somebody listens: whoever waited for room might wait for ever.
        file = os.open(pulse, os.O_WRONLY | os.O_NONBLOCK)
        # Two seconds, again and again.
        sound = np.concatenate([np.zeros(16_000), burst, np.zeros(4_000)]).astype("<i2")
        listening, said, at = False, "", 0
        began = due = time.monotonic()
        os.set_blocking(listener.stdout.fileno(), False)
        while listener.poll() is None and time.monotonic() - began < 2 * PATIENCE:
            said += listener.stdout.readline() or ""
            listening = listening or "ready" in said
            block = sound[at : at + 320] if listening else np.zeros(320, "<i2")
            with suppress(BlockingIOError):
                os.write(file, block.tobytes())
                at = (at + 320) % len(sound) if listening else 0
            due = max(due + 0.02, time.monotonic() - 0.2)  # as fast as sound goes, on average
            time.sleep(max(0.0, due - time.monotonic()))
        os.close(file)
        assert listener.poll() == 0
        said += listener.stdout.read() or ""
    finally:
        listener.kill()
        listener.stdout.close()
        listener.wait(PATIENCE)
    assert float(said.split()[-1]) > 0.98

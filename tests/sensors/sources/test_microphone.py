import builtins
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sensors.core.errors import SourceError
from sensors.sources.microphone import BLOCKS, Microphone, _Stream
from sensors.sources.sound_server import ServerSource
from sensors.sources.source import Change, Chunk
from tests.patience import PATIENCE, quickest, took, wait_for
from tests.sensors.hardware import FakePortAudio


@pytest.fixture
def portaudio(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePortAudio]:
    fake = FakePortAudio([("Built-in", 44_100.0, 2), ("USB stick", 16_000.0, 1), ("Array", 48_000.0, 4)])
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    monkeypatch.setenv("PULSE_SERVER", "/none")  # not the one of the machine that runs the tests
    yield fake
    fake.hang.set()


def listen(microphone: Microphone, seconds: float) -> list[Chunk]:
    with microphone:
        chunks: list[Chunk] = []
        while sum(len(c.samples) for c in chunks) < seconds * 16_000:
            chunks.append(microphone.read())
    return chunks


@pytest.mark.parametrize("device", ["0", "USB", "array", "default"])
def test_every_rate_becomes_16_khz_without_a_seam(portaudio: FakePortAudio, device: str) -> None:
    chunks = listen(Microphone(device), 0.6)
    sound = np.concatenate([c.samples for c in chunks])[1600:9600]
    t = np.arange(len(sound)) / 16_000
    basis = np.stack([np.sin(2 * np.pi * 440 * t), np.cos(2 * np.pi * 440 * t)], axis=1)
    fit = basis @ np.linalg.lstsq(basis, sound, rcond=None)[0]
    assert np.sqrt(np.mean((sound - fit) ** 2)) < 2e-3
    assert np.sqrt(np.mean(sound**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.01)


@pytest.mark.parametrize("device", ["0", "USB"])
def test_chunks_follow_each_other_in_time(portaudio: FakePortAudio, device: str) -> None:
    chunks = listen(Microphone(device), 0.6)
    ends = np.array([c.start + len(c.samples) / 16_000 for c in chunks])
    starts = np.array([c.start for c in chunks])
    assert np.abs(starts[1:] - ends[:-1]).max() < 0.002
    assert not any(c.gap for c in chunks)


def test_lost_sound_becomes_a_gap(portaudio: FakePortAudio) -> None:
    with Microphone("0") as microphone:
        for _ in range(5):
            assert not microphone.read().gap
        portaudio.overflow = True
        # What was heard before lies unread, on a busy machine more of it.
        assert wait_for(lambda: microphone.read().gap)
        assert microphone.counts.dropped["device"] == 1
        assert not any(microphone.read().gap for _ in range(5))


def test_a_late_reader_finds_the_newest_sound_after_a_gap(portaudio: FakePortAudio) -> None:
    microphone = Microphone("USB", buffer=0.2)
    with microphone:
        assert wait_for(lambda: microphone.counts.dropped.get("overflow", 0) >= 10)
        first = microphone.read()
    assert first.gap
    assert sum(len(microphone.read().samples) for _ in range(5)) == 5 * 320


def test_a_silent_device_stalls_within_two_seconds_and_comes_back(portaudio: FakePortAudio) -> None:
    microphone = Microphone("USB")
    with microphone:
        microphone.read()
        tries = 0

        def silence() -> float:
            nonlocal tries
            tries += 1
            portaudio.silent = True
            noticed = took(lambda: wait_for(lambda: microphone.state == "stalled"))
            portaudio.silent = False
            assert wait_for(lambda: microphone.state == "live")
            return noticed

        assert 1.0 < quickest(silence, 2.0) < 2.0
    assert microphone.counts.reconnects == tries
    assert wait_for(lambda: portaudio.opened == portaudio.closed >= 2)


def test_devices_are_listed_anew_when_one_is_sought_again(portaudio: FakePortAudio) -> None:
    microphone = Microphone("late")
    microphone.connect(warmup=0)
    assert wait_for(lambda: microphone.state == "stalled")
    before = portaudio.started
    portaudio.inputs.append(("Late arrival", 16_000.0, 1))
    assert wait_for(lambda: microphone.state == "live")
    assert portaudio.started > before
    microphone.disconnect()


def test_an_open_microphone_is_not_disturbed_by_one_that_is_sought(portaudio: FakePortAudio) -> None:
    with Microphone("USB"):
        before = portaudio.started
        with pytest.raises(SourceError):
            Microphone("none such").connect()
        assert portaudio.started == before


def test_hardware_that_gives_all_channels_or_none_is_opened(portaudio: FakePortAudio) -> None:
    plain = portaudio.InputStream

    def all_or_none(**settings: Any) -> Any:
        if settings["channels"] != 4:
            portaudio.tried.append((settings["samplerate"], settings["channels"]))
            raise portaudio.PortAudioError("Invalid number of channels")
        return plain(**settings)

    portaudio.InputStream = all_or_none
    with Microphone("Array") as microphone:
        assert microphone.read().samples.ndim == 1
    assert portaudio.tried == [(48_000.0, 2), (48_000.0, 1), (48_000.0, 4)]


@pytest.mark.parametrize("taken", [48_000.0, 16_000.0, 8_000.0])
def test_a_rate_that_is_reported_and_refused_gives_way_to_one_that_is_taken(
    portaudio: FakePortAudio, taken: float
) -> None:
    portaudio.takes["Built-in"] = {taken}
    microphone = Microphone("Built-in")
    told: list[Change] = []
    microphone.observe(told.append)
    chunks = listen(microphone, 0.6)
    sound = np.concatenate([c.samples for c in chunks])[1600:9600]
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    assert np.fft.rfftfreq(len(sound), 1 / 16_000)[spectrum.argmax()] == pytest.approx(440, abs=2)
    assert portaudio.tried[0] == (44_100.0, 2) and portaudio.tried[-1] == (taken, 2)
    assert f"it reports 44100 Hz and refuses them; opened at {taken:g} Hz" in [change.reason for change in told]


def test_what_was_tried_is_said_when_all_is_refused(portaudio: FakePortAudio) -> None:
    portaudio.takes["USB stick"] = {11_025.0}
    with pytest.raises(SourceError) as raised:
        Microphone("USB").connect()
    assert str(raised.value) == (
        "microphone 'USB stick': Error opening InputStream: Invalid sample rate [PaErrorCode -9997], tried were "
        "16000, 48000, 44100, 32000, 96000, 22050, 8000 Hz with 1 channels; close what else uses it, or choose another"
    )


def test_channels_that_cancel_are_heard_and_it_is_said_once(portaudio: FakePortAudio) -> None:
    portaudio.upside_down = True
    microphone = Microphone("Built-in")
    told: list[Change] = []
    microphone.observe(told.append)
    sound = np.concatenate([c.samples for c in listen(microphone, 0.6)])
    assert np.sqrt(np.mean(sound[1600:] ** 2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.02)
    reasons = [change.reason for change in told if "cancel" in change.reason]
    assert len(reasons) == 1 and "channel 1 is heard alone; check its cable" in reasons[0]


SOURCES = (
    ServerSource("alsa_input.air", "Ann's Air Pods"),
    ServerSource("alsa_input.stick", "Stick"),
    ServerSource("alsa_output.air.monitor", "Monitor of Ann's Air Pods", monitor=True),
)


@pytest.fixture
def sources(portaudio: FakePortAudio, monkeypatch: pytest.MonkeyPatch) -> FakePortAudio:
    """ALSA's device of a sound server, last, and the server's sources."""
    portaudio.inputs.append(("pulse", 44_100.0, 32))
    monkeypatch.setattr("sensors.sources.microphone.server_sources", lambda: SOURCES)
    return portaudio


@pytest.mark.parametrize(
    ("device", "opened"),
    [("air", 0), ("AIR ann", 0), ("4", 0), ("alsa_output.air.monitor", 2), ("monitor", 2), ("5", 1), ("Stick", None)],
)
def test_a_source_of_the_sound_server_is_chosen_by_index_or_part_of_its_name(
    sources: FakePortAudio, monkeypatch: pytest.MonkeyPatch, device: str, opened: int | None
) -> None:
    monkeypatch.setenv("PULSE_SOURCE", "of the user")
    with Microphone(device) as microphone:
        assert microphone.read().samples.size
    # PortAudio's own 'USB stick' goes before the server's 'Stick'.
    assert sources.servers_source == ("of the user" if opened is None else SOURCES[opened].name)
    assert os.environ["PULSE_SOURCE"] == "of the user"


def test_a_name_that_fits_several_sources_lists_them(sources: FakePortAudio) -> None:
    with pytest.raises(SourceError) as raised:
        Microphone("alsa").connect()
    assert str(raised.value) == (
        "microphone 'alsa': several of the sound server's sources fit; name one of "
        "\"Ann's Air Pods\" (alsa_input.air), 'Stick' (alsa_input.stick)"
    )


def test_a_name_that_fits_nothing_lists_the_sources_too(sources: FakePortAudio) -> None:
    for device in ("Telephone", "7"):
        with pytest.raises(SourceError, match=r"3 'pulse', 4 \"Ann's Air Pods\" \(alsa_input.air\), 5 'Stick'"):
            Microphone(device).connect()


def test_an_index_that_does_not_exist_is_no_part_of_a_name(
    sources: FakePortAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = ServerSource("alsa_input.pci-0000_00_1f.9.analog-stereo", "Built-in 9")
    monkeypatch.setattr("sensors.sources.microphone.server_sources", lambda: (digits,))
    with pytest.raises(SourceError, match="microphone '9': "):
        Microphone("9").connect()


def test_a_source_that_alsa_cannot_reach_is_told_with_the_fix(sources: FakePortAudio) -> None:
    sources.inputs.pop()
    with pytest.raises(SourceError, match=r"the sound server has .*Air Pods.*, but ALSA .* libasound2-plugins"):
        Microphone("air").connect()


def test_without_pactl_a_name_that_is_not_found_says_so(
    portaudio: FakePortAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    portaudio.inputs.append(("pulse", 44_100.0, 32))
    with pytest.raises(SourceError, match=r"there are 0 'Built-in', .* 3 'pulse'; the sound server: .* install pulse"):
        Microphone("air").connect()
    with Microphone("pulse") as microphone:
        assert microphone.read().samples.size


def test_a_busy_device_is_named_with_the_fix(portaudio: FakePortAudio) -> None:
    def busy(**_: Any) -> Any:
        tries.append(1)
        raise portaudio.PortAudioError("Device unavailable")

    tries: list[int] = []
    portaudio.InputStream = busy
    with pytest.raises(SourceError, match="'USB stick': Device unavailable; close what else uses it"):
        Microphone("USB").connect()
    assert len(tries) == 1, "other rates would not free it"


def test_what_there_is_is_named_when_the_device_is_not_there(portaudio: FakePortAudio) -> None:
    with pytest.raises(SourceError, match=r"'Telephone': No input device .* there are 0 'Built-in', 1 'USB stick'"):
        Microphone("Telephone").connect()
    portaudio.inputs.clear()
    with pytest.raises(SourceError, match="this machine has none"):
        Microphone().connect()


@pytest.mark.parametrize(
    ("error", "fix"),
    [(ImportError("No module"), "pip install"), (OSError("PortAudio library not found"), "libportaudio2")],
)
def test_without_portaudio_the_fix_is_named(monkeypatch: pytest.MonkeyPatch, error: Exception, fix: str) -> None:
    plain = builtins.__import__

    def refuse(name: str, *arguments: Any) -> Any:
        if name == "sounddevice":
            raise error
        return plain(name, *arguments)

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(SourceError, match=fix):
        Microphone().connect()


def test_a_reader_thread_that_is_not_run_loses_the_oldest_and_says_how_much(portaudio: FakePortAudio) -> None:
    lost: Counter[str] = Counter()
    stream = _Stream("USB", lambda reason, count: lost.update({reason: count}))
    try:
        while not stream.read(1.0):
            pass
        portaudio.silent = True
        time.sleep(0.1)
        while stream.read(0.0):
            pass
        block = np.zeros((320, 1), np.float32)
        now = time.monotonic()
        for i in range(BLOCKS + 744):
            times = SimpleNamespace(currentTime=now, inputBufferAdcTime=now - 0.02)
            stream._heard(block + i, 320, times, SimpleNamespace(input_overflow=False))
        first = stream.read(0.1)
        assert first is not None and first.gap and first.samples[0] == 744
        assert lost == {"overflow": 744}
        second = stream.read(0.1)
        assert second is not None and not second.gap and lost == {"overflow": 744}
    finally:
        stream.close()


def test_a_loss_is_counted_as_long_as_it_was(portaudio: FakePortAudio) -> None:
    with Microphone("USB") as microphone:
        microphone.read()
        began = time.monotonic()
        portaudio.silent = True
        time.sleep(0.5)
        portaudio.overflow, portaudio.silent = True, False
        assert wait_for(lambda: microphone.counts.dropped.get("device", 0) > 0)
        # 25 blocks, and what a busy machine makes of half a second.
        assert 23 <= microphone.counts.dropped["device"] <= (time.monotonic() - began) / 0.02 + 2


def test_a_device_that_hangs_while_it_is_opened_blocks_no_other(
    portaudio: FakePortAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sensors.sources.portaudio.BUSY", 0.2)
    hangs, freed, plain = threading.Event(), threading.Event(), portaudio.InputStream

    def hang(**settings: Any) -> Any:
        if settings["device"] == 2:
            hangs.set()
            freed.wait(PATIENCE)
        return plain(**settings)

    portaudio.InputStream = hang
    working, hanging, other = Microphone("USB"), Microphone("Array", name="array"), Microphone("Built-in")
    try:
        working.connect()
        hanging.connect(warmup=0)
        assert hangs.wait(PATIENCE)
        with pytest.raises(SourceError, match="'Built-in': PortAudio hangs in opening a device"):
            other.connect(warmup=PATIENCE)
        working.read()
        working.disconnect()
        assert wait_for(lambda: portaudio.closed == 1, PATIENCE / 2), "while the other one hangs"
        freed.set()
        other.connect(warmup=PATIENCE)
        assert other.read().samples.size
    finally:
        freed.set()
        for microphone in (working, hanging, other):
            microphone.disconnect()


def test_a_name_that_fits_several_is_said_in_one_line(portaudio: FakePortAudio) -> None:
    def several(device: Any = None, kind: Any = None) -> Any:
        if device is None:
            return FakePortAudio.query_devices(portaudio)
        raise ValueError(f"Multiple input devices found for {device!r}:\n[0] Built-in, ALSA\n[1] USB stick, ALSA")

    portaudio.query_devices = several  # type: ignore[method-assign]  # the fake's own
    with pytest.raises(SourceError) as raised:
        Microphone("i").connect()
    assert "\n" not in str(raised.value)
    assert "found for 'i'; give the index of one; there are 0 'Built-in', 1 'USB stick'" in str(raised.value)

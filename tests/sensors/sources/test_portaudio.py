"""How PortAudio is shared by microphones and speakers."""

import sys
import threading
from collections.abc import Iterator

import pytest

from sensors.core.errors import SourceError
from sensors.sources import portaudio
from tests.sensors.hardware import FakePortAudio


@pytest.fixture
def audio(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePortAudio]:
    fake = FakePortAudio([("Built-in", 44_100.0, 2)])
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    monkeypatch.setattr(portaudio, "_opened_before", False)
    yield fake
    fake.hang.set()


def test_devices_are_looked_for_again_only_where_none_is_open(audio: FakePortAudio) -> None:
    def looked(anew: bool = True) -> bool:
        before = audio.started
        with portaudio.opening("speaker", "box", anew):
            return audio.started > before

    assert not looked(), "PortAudio has just started"
    assert looked() and not looked(anew=False)
    portaudio.count_open(1)
    try:
        assert not looked()
    finally:
        portaudio.count_open(-1)
    assert looked()


@pytest.mark.parametrize("kind", ["microphone", "speaker"])
def test_one_device_is_opened_at_a_time(audio: FakePortAudio, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(portaudio, "BUSY", 0.05)
    inside, leave = threading.Event(), threading.Event()

    def hang() -> None:
        with portaudio.opening("microphone", "first"):
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=hang)
    thread.start()
    try:
        assert inside.wait(10)
        with pytest.raises(SourceError, match=f"^{kind} 'second': PortAudio hangs"), portaudio.opening(kind, "second"):
            pass
    finally:
        leave.set()
        thread.join()
    with portaudio.opening(kind, "second"):
        pass


@pytest.mark.parametrize("kind", ["microphone", "speaker"])
def test_a_missing_library_is_told_of_the_device_that_wants_it(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(SourceError, match=f"^{kind}: sounddevice is not installed"):
        portaudio.portaudio(kind)

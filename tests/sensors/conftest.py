"""Stand-ins for hardware that several modules' tests share."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.harness.network_camera import MjpegServer
from tests.sensors.fake_device import Device
from tests.sensors.hardware import FakePortAudio


@pytest.fixture(autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's state directory, where robots keep their journals: another one for every test."""
    folder = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    return folder


@pytest.fixture
def portaudio(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePortAudio]:
    fake = FakePortAudio([("Built-in", 44_100.0, 2), ("USB stick", 16_000.0, 1)])
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    monkeypatch.setenv("PULSE_SERVER", "/none")  # not the one of the machine that runs the tests
    yield fake
    fake.hang.set()


@pytest.fixture
def server() -> Iterator[MjpegServer]:
    made = MjpegServer()
    yield made
    made.close()


@pytest.fixture
def device() -> Iterator[Device]:
    made = Device()
    yield made
    made.openable.set()
    made.readable.set()

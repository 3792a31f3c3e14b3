"""The speaker over a made-up PortAudio: what it plays, and what it does not wait for."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import numpy as np
import pytest
from numpy.typing import NDArray

from sensors import speaker
from sensors.hush import Hush
from sensors.speaker import Speaker


class PortAudioError(Exception):
    """As sounddevice raises it."""


class FakeOutputs(ModuleType):
    """Stands in for `sounddevice`: one output device that can be pulled out and hung."""

    def __init__(self, rate: float = 16_000.0, channels: int = 2) -> None:
        super().__init__("sounddevice")
        self.rate, self.channels = rate, channels
        self.there = True
        self.flow = threading.Event()
        self.flow.set()
        self.played: list[NDArray[np.float32]] = []
        self.looked = 0
        self.PortAudioError = PortAudioError
        self.OutputStream = self._open

    def query_devices(self, device: Any = None, kind: str | None = None) -> Any:
        known = {"index": 0, "name": "box", "max_output_channels": self.channels, "default_samplerate": self.rate}
        if kind is None:
            return [known] if self.there else []
        if not self.there:
            raise PortAudioError("Error querying device -1")
        if isinstance(device, str) and device not in "box":
            raise ValueError(f"No output device matching {device!r}")
        return known

    def _terminate(self) -> None:
        pass

    def _initialize(self) -> None:
        self.looked += 1

    def _open(self, **settings: Any) -> "FakeOut":
        assert settings["samplerate"] == self.rate and settings["dtype"] == "float32"
        return FakeOut(self)


class FakeOut:
    def __init__(self, audio: FakeOutputs) -> None:
        self.audio = audio
        self.blocks: list[NDArray[np.float32]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.audio.played.append(np.concatenate(self.blocks or [np.zeros((0, self.audio.channels), np.float32)]))

    def write(self, block: NDArray[np.float32]) -> None:
        self.audio.flow.wait(10)
        assert block.flags.c_contiguous and block.dtype == np.float32
        self.blocks.append(block)

    def stop(self) -> None:
        pass

    def abort(self) -> None:
        pass


@pytest.fixture
def audio(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOutputs]:
    made = FakeOutputs()
    monkeypatch.setitem(sys.modules, "sounddevice", made)
    yield made
    made.flow.set()


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def tone(seconds: float = 0.1) -> NDArray[np.float32]:
    return np.sin(np.arange(round(16_000 * seconds)) / 5).astype(np.float32)


def test_a_sound_reaches_every_channel_and_is_noted(audio: FakeOutputs, tmp_path: Path) -> None:
    with closing(Hush(tmp_path / "hush")) as hush:
        it = Speaker("box", hush)
        began = time.monotonic()
        assert it.play(tone())
        until(lambda: it.counts["played"])
        (sound,) = audio.played
        assert sound.shape == (1600, 2) and (sound == tone()[:, None]).all()
        assert hush.covers(began, time.monotonic()) and not it.problem
        it.close()


def test_another_rate_is_resampled_to(audio: FakeOutputs) -> None:
    audio.rate, audio.channels = 48_000.0, 1
    it = Speaker()
    it.play(tone(0.2))
    until(lambda: it.counts["played"])
    assert audio.played[0].shape == (9600, 1)
    it.close()


def test_nobody_waits_for_a_device_that_hangs(audio: FakeOutputs) -> None:
    audio.flow.clear()
    it = Speaker()
    began = time.monotonic()
    assert it.play(tone(0.01))
    time.sleep(0.3)
    assert it.play(tone(0.01)), "one more waits"
    time.sleep(0.05)
    assert not it.play(tone()), "no third one"
    it.close()
    assert time.monotonic() - began < 2.0 and it.counts["busy"] == 1 and "hangs" in it.problem


def test_one_sound_at_a_time(audio: FakeOutputs) -> None:
    it = Speaker()
    assert it.play(tone(5.0)) and not it.play(tone())
    assert it.counts["busy"] == 1
    it.close()


def test_without_a_device_it_says_why_and_looks_again(audio: FakeOutputs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaker, "AGAIN", 0.2)
    audio.there = False
    it = Speaker()
    it._failed_at = -1.0
    it.play(tone())
    until(lambda: it.counts["failed"])
    assert "this machine has none" in it.problem
    assert not it.play(tone()) and it.counts["silent"] == 1
    audio.there = True
    time.sleep(0.25)
    assert it.play(tone())
    until(lambda: it.counts["played"])
    assert audio.looked == 1 and not it.problem
    it.close()


def test_an_unknown_name_lists_what_there_is(audio: FakeOutputs) -> None:
    it = Speaker("headset")
    it.play(tone())
    until(lambda: it.counts["failed"])
    assert "headset" in it.problem and "0 'box'" in it.problem
    it.close()


def test_none_is_silent() -> None:
    it = Speaker(None)
    assert not it.play(tone()) and it.counts["silent"] == 1 and "none" in it.problem
    it.close()

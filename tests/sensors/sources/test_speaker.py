"""The speaker over a made-up PortAudio: what it plays, and what it does not wait for."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sensors.sources import speaker
from sensors.sources.own_playback import TAIL, OwnPlayback
from sensors.sources.speaker import Speaker
from tests.patience import wait_for


class PortAudioError(Exception):
    """As sounddevice raises it."""


class CallbackStop(Exception):
    """As sounddevice lets a callback raise it."""


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
        self.CallbackStop = CallbackStop
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
        return FakeOut(self, settings["channels"], settings["callback"], settings["finished_callback"])


class FakeOut:
    """Asks for blocks from a thread of its own, as fast as they come."""

    def __init__(self, audio: FakeOutputs, channels: int, fill: Callable[..., None], done: Callable[[], None]) -> None:
        self.audio, self.channels = audio, channels
        self.fill, self.done = fill, done
        self.aborted = False
        self.thread = threading.Thread(target=self._run, daemon=True)

    def close(self) -> None:
        self.thread.join(1)

    def start(self) -> None:
        self.thread.start()

    def _run(self) -> None:
        blocks: list[NDArray[np.float32]] = []
        while not self.aborted:
            if not self.audio.flow.wait(0.01):
                continue
            out = np.full((500, self.channels), np.nan, np.float32)
            blocks.append(out)
            try:
                self.fill(out, len(out), None, None)
            except CallbackStop:
                break
            time.sleep(0.002)
        if blocks:
            self.audio.played.append(np.concatenate(blocks))
        self.done()

    def abort(self) -> None:
        self.aborted = True


@pytest.fixture
def audio(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOutputs]:
    made = FakeOutputs()
    monkeypatch.setitem(sys.modules, "sounddevice", made)
    yield made
    made.flow.set()


def until(condition: Callable[[], object]) -> None:
    assert wait_for(condition)


def tone(seconds: float = 0.1) -> NDArray[np.float32]:
    return np.sin(np.arange(round(16_000 * seconds)) / 5).astype(np.float32)


def test_a_sound_reaches_every_channel_and_is_noted(audio: FakeOutputs, tmp_path: Path) -> None:
    with closing(OwnPlayback(tmp_path / "hush")) as playback:
        it = Speaker("box", playback)
        began = time.monotonic()
        assert it.play(tone())
        until(lambda: it.counts["played"])
        (sound,) = audio.played
        assert sound.shape == (2000, 2) and (sound[:1600] == tone()[:, None]).all() and not sound[1600:].any()
        assert playback.covers(began, time.monotonic()) and not it.problem
        it.close()


def test_another_rate_is_resampled_to(audio: FakeOutputs) -> None:
    audio.rate, audio.channels = 48_000.0, 1
    it = Speaker()
    it.play(tone(0.2))
    until(lambda: it.counts["played"])
    assert audio.played[0].shape == (10_000, 1) and audio.played[0].max() > 0.9
    it.close()


def test_a_device_that_hangs_holds_up_nobody_and_does_not_deafen_the_microphone(
    audio: FakeOutputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speaker, "SLOW", 1.0)
    audio.flow.clear()
    with closing(OwnPlayback(tmp_path / "hush")) as playback:
        it = Speaker(playback=playback)
        began = time.monotonic()
        assert it.play(tone(0.1)) and not it.play(tone(0.1))
        assert not it.counts["failed"], "it was not waited for"
        until(lambda: it.counts["failed"])
        now = time.monotonic()
        assert playback.covers(began, now) and not playback.covers(now + TAIL, now + 60)
        assert "does not play" in it.problem and not it.play(tone())
        assert dict(it.counts) == {"busy": 1, "failed": 1, "silent": 1}
        it.close()


def test_one_sound_at_a_time(audio: FakeOutputs) -> None:
    it = Speaker()
    audio.flow.clear()
    assert it.play(tone(5.0)) and not it.play(tone())
    assert it.counts["busy"] == 1
    it.close()


def test_without_a_device_it_says_why_and_looks_again(audio: FakeOutputs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaker, "AGAIN", 0.2)
    audio.there = False
    it = Speaker()
    it._failed_at = -1.0  # long ago, on a machine that has just started too
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

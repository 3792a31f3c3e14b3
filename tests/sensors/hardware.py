"""What stands in for hardware: PortAudio's Python module with a made-up microphone."""

import os
import threading
import time
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from tests.patience import PATIENCE


class PortAudioError(Exception):
    """As sounddevice raises it."""


class FakePortAudio(ModuleType):
    """Stands in for `sounddevice`: microphones that play a tone, and that can be pulled out, silenced and hung.

    Attributes:
        inputs: name, rate and channels of each microphone.
        silent: callbacks stop, as when a sound server dies.
        overflow: the next callback says that sound was lost.
        hang: closing a stream blocks while this is cleared.
        takes: rates that a microphone takes, by its name, whatever it reports; any where it is not named.
        tried: rate and channels of each attempt to open one.
        upside_down: the second channel of a stream is the first one's negative.
        servers_source: what PULSE_SOURCE said when a stream was opened last.
    """

    def __init__(self, inputs: list[tuple[str, float, int]]) -> None:
        super().__init__("sounddevice")
        self.inputs = inputs
        self.silent = False
        self.overflow = False
        self.frequency = 440.0
        self.takes: dict[str, set[float]] = {}
        self.tried: list[tuple[float, int]] = []
        self.upside_down = False
        self.servers_source: str | None = None
        self.hang = threading.Event()
        self.hang.set()
        self.opened = self.closed = self.started = 0
        self.PortAudioError = PortAudioError
        self.default = SimpleNamespace(device=[0, -1])
        self.InputStream = self._open

    def query_devices(self, device: int | str | None = None, kind: str | None = None) -> Any:
        known = [
            {"index": i, "name": name, "default_samplerate": rate, "max_input_channels": channels}
            for i, (name, rate, channels) in enumerate(self.inputs)
        ]
        if kind is None and device is None:
            return known
        if device is None:
            if not known:
                raise PortAudioError("Error querying device -1")
            return known[0]
        for found in known:
            if found["index"] == device or (isinstance(device, str) and device.lower() in str(found["name"]).lower()):
                return found
        raise ValueError(f"No input device matching {device!r}")

    def fall_silent(self) -> None:
        self.silent = True

    def _terminate(self) -> None:
        pass

    def _initialize(self) -> None:
        self.started += 1

    def _open(self, **settings: Any) -> "FakeStream":
        if settings["device"] >= len(self.inputs):
            raise PortAudioError("Device unavailable")
        self.tried.append((settings["samplerate"], settings["channels"]))
        name = self.inputs[settings["device"]][0]
        if settings["samplerate"] not in self.takes.get(name, {settings["samplerate"]}):
            raise PortAudioError("Error opening InputStream: Invalid sample rate [PaErrorCode -9997]")
        self.servers_source = os.environ.get("PULSE_SOURCE")
        if settings["channels"] > self.inputs[settings["device"]][2]:
            raise PortAudioError("Invalid number of channels")
        self.opened += 1
        return FakeStream(self, **settings)


class FakeStream:
    """Calls back from its own thread with blocks of a tone, on time on average; each tells when it was heard."""

    def __init__(
        self, audio: FakePortAudio, samplerate: float, blocksize: int, channels: int, callback: Any, **_: Any
    ) -> None:
        self.audio, self.rate, self.block = audio, samplerate, blocksize
        self.channels, self.callback = channels, callback
        self.active = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self.active = True
        self._thread.start()

    def _run(self) -> None:
        began, count = time.monotonic(), 0
        while not self._stop.wait(max(0.0, began + (count + self.block) / self.rate - time.monotonic())):
            t = (count + np.arange(self.block)) / self.rate
            tone = 0.5 * np.sin(2 * np.pi * self.audio.frequency * t)
            block = np.repeat(tone[:, None], self.channels, axis=1).astype(np.float32)
            if self.audio.upside_down:
                block[:, 1:] *= -1
            count += self.block
            if not self.audio.silent:
                overflow, self.audio.overflow = self.audio.overflow, False
                # As hardware has it: however late this thread is run, the sound was heard when it was.
                heard = began + (count - self.block) / self.rate
                times = SimpleNamespace(currentTime=time.monotonic(), inputBufferAdcTime=heard)
                self.callback(block, self.block, times, SimpleNamespace(input_overflow=overflow))

    def abort(self, ignore_errors: bool = True) -> None:
        self.audio.hang.wait(PATIENCE)
        self.active = False
        self._stop.set()

    def close(self, ignore_errors: bool = True) -> None:
        self.audio.closed += 1

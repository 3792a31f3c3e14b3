"""A microphone: anything that PortAudio records from, as mono sound at 16 kHz."""

import threading
import time
from collections import deque
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensors.core.errors import SourceError
from sensors.signals.mixer import Mixer
from sensors.sources.live_config import SensorsConfig
from sensors.sources.loop import STALL, LoopSource
from sensors.sources.portaudio import cause, count_open, known, names, opening, query
from sensors.sources.sound_server import (
    ALSA,
    NO_PLUGIN,
    NoPactlError,
    ServerSource,
    choose,
    recording_from,
    server_sources,
)
from sensors.sources.source import Chunk
from sensors.sources.timed_sound import TimedSound

BLOCKS = 256
"""Blocks between PortAudio's thread and the reader, about 5 s; a full one means that the reader was not run."""
BLOCK = 0.02
"""Sound in a block asked of the device, seconds."""
RATES = (48_000.0, 44_100.0, 16_000.0, 32_000.0, 96_000.0, 22_050.0, 8_000.0)
"""Rates that are tried after the one that the device reports, Hz: some report one that they refuse."""
_BUSY = "close what else uses it, or choose another"
_CABLE = "check its cable"


class Microphone(LoopSource[Chunk]):
    """Sound from an input device of this machine.

    Args:
        device: index, part of the name of a device or of the sound server's source, or `default`;
            `sensors.sources.devices` lists them.
        name: of the source.
        buffer: unread sound that is kept, seconds.
        timeout: longest wait of `read`, seconds.
        stall: silence of the device that means a stall, seconds.
    """

    def __init__(
        self,
        device: str = "default",
        *,
        name: str = "microphone",
        buffer: float = 10.0,
        timeout: float = 2.0,
        stall: float = STALL,
    ) -> None:
        self.device = device
        capacity = max(1, round(buffer / BLOCK))
        driver = lambda: _Stream(device, self.lose, self.remark)  # noqa: E731
        super().__init__(name, driver, capacity=capacity, timeout=timeout, stall=stall)

    @classmethod
    def from_config(cls, config: SensorsConfig) -> "Microphone":
        """The microphone that the settings name.

        Raises:
            SourceError: they say that there is none.
        """
        if config.microphone is None:
            raise SourceError("microphone: the setting sensors.microphone is 'none'; set it to a microphone")
        return cls(config.microphone, buffer=config.sound_buffer, timeout=config.read_timeout, stall=config.stall)

    def __str__(self) -> str:
        return f"{self.name} {self.device!r} ({self.standing})"


def find(sounddevice: ModuleType, device: str) -> tuple[dict[str, Any], ServerSource | None]:
    """PortAudio's description of the input that `device` names, and the sound server's source to open it with.

    PortAudio's own devices go before the server's sources, which are numbered after them.

    Raises:
        SourceError: there is none, or several; the message lists what there is.
    """
    try:
        return query(sounddevice, device, "input"), None
    except (ValueError, sounddevice.PortAudioError) as error:
        why = cause(error)
    devices = sounddevice.query_devices()
    listed = names(devices, "input")
    # Where a name fits several, PortAudio's own list of them has outputs in it, too.
    several = "; give the index of one" if "ultiple" in why else ""
    lacking = ""
    if device != "default" and not several:
        try:
            sources = server_sources()
            listed += [f"{len(devices) + i} {source}" for i, source in enumerate(sources)]
            if device.isdecimal():
                # A number is never a part of a name: names of sources are full of digits.
                at = int(device) - len(devices)
                source = sources[at] if 0 <= at < len(sources) else None
            else:
                source = choose(sources, device)
        except NoPactlError as error:
            source, lacking = None, f"; {error}" if _reaches_server(devices) else ""
        if source is not None:
            pulse = next((d for d in devices if d["name"] == ALSA and d["max_input_channels"] > 0), None)
            if pulse is None:
                raise SourceError(f"microphone {device!r}: the sound server has {source}, but {NO_PLUGIN}")
            return pulse, source
    raise SourceError(f"microphone {device!r}: {why}{several}; {known(listed)}{lacking}")


def _reaches_server(devices: Any) -> bool:
    return any(d["name"] == ALSA for d in devices)


class _Stream:
    """An open PortAudio stream; its callback only copies."""

    def __init__(
        self, device: str, lose: Callable[[str, int], None], remark: Callable[[str], None] = lambda text: None
    ) -> None:
        with opening("microphone", device) as sounddevice:
            info, source = find(sounddevice, device)
            self._rate = 0.0
            self._lose, self._remark = lose, remark
            self._blocks: deque[tuple[float, NDArray[np.float32], bool]] = deque(maxlen=BLOCKS)
            self._came = threading.Event()
            self._overrun = self._overrun_told = 0  # blocks that had no room; written by one thread each
            with recording_from(source):
                self._stream = self._open(sounddevice, info, source.description if source else str(info["name"]))
            count_open(1)
        self._sound = TimedSound(self._rate, BLOCK, lose)
        self._mixer, self._alone = Mixer(), False

    def _open(self, sounddevice: ModuleType, info: dict[str, Any], name: str) -> Any:
        most, usual = int(info["max_input_channels"]), float(info["default_samplerate"])
        refused: Exception | None = None
        # Two channels before one: devices that mix them themselves lose the sound of channels that cancel each other.
        # Bare hardware may give all of its channels only.
        numbers = list(dict.fromkeys(n for n in (min(2, most), 1, most) if n > 0))
        rates = list(dict.fromkeys((usual, *RATES)))
        for self._rate in rates:
            for channels in numbers:
                try:
                    stream = self._start(sounddevice, int(info["index"]), channels)
                except sounddevice.PortAudioError as error:
                    refused = refused or error
                    if "unavailable" in cause(error):
                        raise SourceError(f"microphone {name!r}: {cause(error)}; {_BUSY}") from None
                    continue
                if self._rate != usual:
                    self._remark(f"it reports {usual:g} Hz and refuses them; opened at {self._rate:g} Hz")
                return stream
        if refused is None:
            raise SourceError(f"microphone {name!r}: no input channels; choose another")
        tried = f"{', '.join(f'{rate:g}' for rate in rates)} Hz with {' and '.join(map(str, numbers))} channels"
        raise SourceError(f"microphone {name!r}: {cause(refused)}, tried were {tried}; {_BUSY}")

    def _start(self, sounddevice: ModuleType, index: int, channels: int) -> Any:
        stream = sounddevice.InputStream(
            device=index,
            channels=channels,
            samplerate=self._rate,
            blocksize=round(self._rate * BLOCK),
            dtype="float32",
            callback=self._heard,
        )
        try:
            stream.start()
        except sounddevice.PortAudioError:
            stream.close()
            raise
        return stream

    def _heard(self, block: NDArray[np.float32], count: int, times: Any, status: Any) -> None:
        now = time.monotonic()
        age = times.currentTime - times.inputBufferAdcTime
        shortest = count / self._rate
        # Not every host reports times, and some report nonsense.
        seen = now - (age if shortest / 2 <= age < 1.0 else shortest)
        self._overrun += len(self._blocks) == BLOCKS
        self._blocks.append((seen, block.copy(), bool(status.input_overflow)))
        self._came.set()

    def read(self, timeout: float) -> Chunk | None:
        if not self._blocks:
            self._came.clear()
            if not self._blocks and not self._came.wait(timeout):
                if not self._stream.active:
                    raise SourceError("the device has stopped")
                return None
        seen, block, lost = self._blocks.popleft()
        samples = self._mixer.mix(block)
        if self._mixer.alone is not None and not self._alone:
            self._alone = True
            self._remark(f"its channels cancel each other: channel {self._mixer.alone + 1} is heard alone; {_CABLE}")
        if overrun := self._overrun - self._overrun_told:
            self._overrun_told += overrun
            self._lose("overflow", overrun)
        return self._sound.chunk(seen, samples, lost or overrun > 0, counted=overrun > 0)

    def close(self) -> None:
        try:
            self._stream.abort(ignore_errors=True)
            self._stream.close(ignore_errors=True)
        finally:
            count_open(-1)

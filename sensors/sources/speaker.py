"""A speaker: plays sounds on an output device of this machine, and never keeps anybody waiting."""

import contextlib
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from sensors.core.errors import SourceError
from sensors.signals.spectrogram import SAMPLE_RATE
from sensors.sources.own_playback import OwnPlayback
from sensors.sources.portaudio import cause, count_open, known, names, opening, portaudio, query

SLOW = 1.0
"""Seconds beyond a sound's length after which its device counts as hung: the microphone is not to be deaf for long."""
AGAIN = 10.0
"""Seconds after which a device that could not be used is tried again."""
_CLOSE = 0.5


class Speaker:
    """One sound at a time, in a thread of its own.

    Args:
        device: index, part of a name, or `default`; None: nothing is ever played.
        playback: receives the intervals of playback; None: they are not noted.

    Attributes:
        counts: sounds `played`, `busy` (not played because another one was), `failed` (the device) and `silent`
            (no device, or one that has just failed).
        problem: why there is no sound, or empty.
    """

    def __init__(self, device: str | None = "default", playback: OwnPlayback | None = None) -> None:
        self.device = device
        self.counts: Counter[str] = Counter()
        self.problem = "" if device is not None else "the setting answer.speaker is 'none'"
        self._playback = playback
        self._failed_at = -AGAIN
        self._sounds: queue.Queue[NDArray[np.float32]] = queue.Queue(1)
        self._until: float | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def play(self, wave: NDArray[np.float32]) -> bool:
        """Begin to play, and return at once.

        Args:
            wave: (samples,) float32 at 16 kHz, -1…1.

        Returns:
            Whether it will be played if the device takes it; else it is counted by reason.
        """
        now = time.monotonic()
        if self.device is None or now - self._failed_at < AGAIN or self._stop.is_set():
            self.counts["silent"] += 1
            return False
        if self._until is not None:
            self.counts["busy"] += 1
            if now > self._until:
                self.problem = f"speaker {self.device!r}: hangs; check the sound server"
            return False
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="speaker", daemon=True)
            self._thread.start()
        self._until = now + len(wave) / SAMPLE_RATE + AGAIN
        self._sounds.put_nowait(wave)
        return True

    def close(self) -> None:
        """Stop playing; a device that hangs is left behind."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_CLOSE)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                wave = self._sounds.get(timeout=0.1)
            except queue.Empty:
                continue
            try:
                self._play(wave)
            except Exception as error:  # whatever a library of sounds raises is why nothing is heard
                self._failed_at, self.problem = time.monotonic(), str(error)
                self.counts["failed"] += 1
            else:
                self.problem = ""
                self.counts["played"] += 1
            self._until = None

    def _play(self, wave: NDArray[np.float32]) -> None:
        """Play to the end.

        Raises:
            SourceError: there is no such device, it refuses, or it does not play as fast as sound goes.
        """
        assert self.device is not None
        sounddevice, done = portaudio("speaker"), threading.Event()
        longest = len(wave) / SAMPLE_RATE + SLOW
        try:
            with self._opened(self.device, wave, done) as stream:
                if self._playback is not None:
                    self._playback.begin(longest)
                try:
                    stream.start()
                    end = time.monotonic() + longest
                    while not done.wait(0.05) and not self._stop.is_set():
                        if time.monotonic() > end:
                            raise SourceError(f"speaker {self.device!r}: does not play; check the sound server")
                finally:
                    if not done.is_set():
                        stream.abort()
                    if self._playback is not None:
                        self._playback.end()
        except sounddevice.PortAudioError as error:
            raise SourceError(f"speaker {self.device!r}: {cause(error)}") from None

    @contextlib.contextmanager
    def _opened(self, device: str, wave: NDArray[np.float32], done: threading.Event) -> Iterator[Any]:
        """A stream of the sound, open within; `done` is set when it has been played."""
        with opening("speaker", device, anew=bool(self.problem)) as sounddevice:
            info = find_output(sounddevice, device)
            rate = float(info["default_samplerate"])
            sound = wave if rate == SAMPLE_RATE else soxr.resample(wave, SAMPLE_RATE, rate)
            stream = sounddevice.OutputStream(
                device=info["index"],
                channels=min(2, int(info["max_output_channels"])),
                samplerate=rate,
                dtype="float32",
                callback=_feed(sound, sounddevice.CallbackStop),
                finished_callback=done.set,
            )
            count_open(1)
        try:
            yield stream
        finally:
            try:
                stream.close()
            finally:
                count_open(-1)


def _feed(sound: NDArray[np.float32], stop: type[Exception]) -> Callable[[NDArray[np.float32], int, Any, Any], None]:
    """What PortAudio calls for the next frames of a sound, on every channel."""
    at = 0

    def fill(out: NDArray[np.float32], frames: int, times: Any, status: Any) -> None:
        nonlocal at
        part = sound[at : at + frames]
        out[: len(part)], out[len(part) :] = part[:, None], 0
        at += frames
        if at >= len(sound):
            raise stop

    return fill


def find_output(sounddevice: ModuleType, device: str) -> dict[str, Any]:
    """PortAudio's description of the output that `device` names.

    Raises:
        SourceError: there is none, or several; the message lists what there is.
    """
    try:
        return query(sounddevice, device, "output")
    except (ValueError, sounddevice.PortAudioError) as error:
        listed = known(names(sounddevice.query_devices(), "output"))
        raise SourceError(f"speaker {device!r}: {cause(error)}; {listed}") from None

"""A stage without hardware: a real PulseAudio that hears, a real MJPEG camera that sees, and a script that both play.

The script shows MNIST's digits on cards (slanted, noisy, in changing light) while recorded speakers say them. It knows
what is shown and said when, on the monotonic clock that the sensors use, so that events can be checked by their times.
"""

import argparse
import errno
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from benchmarks.harness.network_camera import MjpegServer
from benchmarks.harness.shown import show
from sensors.signals.spectrogram import SAMPLE_RATE
from teacher.datasets.readers import fsdd, mnist

FPS = 15.0
BLOCK = SAMPLE_RATE // 50
NEEDED = ("pulseaudio", "pactl")


@dataclass(frozen=True)
class Line:
    """One entry of the script, in seconds from its beginning.

    Attributes:
        start: the card appears, if there is one.
        said: the recording begins, if there is one.
        heard: the recording ends.
        end: the card is gone.
        digit: 0…9.
        card: (28, 28) uint8, or None.
        voice: (n,) float32 at 16 kHz, or None.
        shift: of the card, pixels.
    """

    start: float
    said: float
    heard: float
    end: float
    digit: int
    card: NDArray[np.uint8] | None
    voice: NDArray[np.float32] | None
    shift: tuple[float, float]


def write_script(data: Path, seconds: float, seed: int) -> list[Line]:
    """Lines for so many seconds: cards that are named, and now and then a card or a word alone."""
    rng = np.random.default_rng(seed)
    found = mnist.find(data)
    folder = fsdd.find(data)
    assert found is not None and folder is not None
    images, labels = (mnist.read_idx(path, dimensions) for path, dimensions in zip(found["train"], (3, 1), strict=True))
    paths, spoken, test = fsdd.scan(folder)
    lines: list[Line] = []
    at = 1.0
    while True:
        digit = int(rng.integers(10))
        alone = rng.choice(["", "card", "word"], p=[0.88, 0.06, 0.06])
        sound, rate = soundfile.read(paths[rng.choice(np.flatnonzero((spoken == digit) & ~test))], dtype="float32")
        voice = np.asarray(soxr.resample(sound, rate, SAMPLE_RATE), np.float32)
        # As loud as somebody near a microphone; the recordings differ by a factor of ten.
        voice = 0.08 * voice / max(float(np.sqrt(np.mean(voice**2))), 1e-4)
        said = at + rng.uniform(0.5, 0.8)
        heard = said + len(voice) / SAMPLE_RATE
        end = heard + rng.uniform(0.4, 0.6)
        if end > seconds:
            return lines
        card = images[rng.choice(np.flatnonzero(labels == digit))] if alone != "word" else None
        shift = (float(rng.uniform(-25, 25)), float(rng.uniform(-15, 15)))
        lines.append(Line(at, said, heard, end, digit, card, voice if alone != "card" else None, shift))
        # A word alone is well away from the cards on both sides.
        at = end + (1.0 if alone == "word" else rng.uniform(0.3, 0.5))


class Stage:
    """Plays a script to a microphone and a camera of its own; both can be killed and brought back.

    Args:
        home: an empty folder.
        lines: the script; silence and an empty room before and after it.
        seed: of noise and light.
        paint: what the camera sees at a second of the script, and at any in 0…1 before it; None: the script's cards.

    Attributes:
        environment: variables for programs that are to hear it.
        camera: address of the camera.
        began: monotonic second at which the script began; None before.
    """

    def __init__(
        self,
        home: Path,
        lines: list[Line],
        seed: int = 0,
        paint: Callable[[float], NDArray[np.uint8]] | None = None,
    ) -> None:
        self.environment = {name: str(home) for name in ("HOME", "XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH")}
        self.began: float | None = None
        self._home, self._lines, self._picture = home, lines, paint
        self._pipe = home / "microphone"
        self._rng = np.random.default_rng(seed)
        self._pulse: subprocess.Popen[bytes] | None = None
        self._closing = threading.Event()
        seconds = max((line.end for line in lines), default=0.0) + 1.0
        self._sound = 0.0005 * self._rng.standard_normal(round(seconds * SAMPLE_RATE), np.float32)
        for line in lines:
            if line.voice is not None:
                first = round(line.said * SAMPLE_RATE)
                self._sound[first : first + len(line.voice)] += line.voice
        self._server = MjpegServer(FPS, paint=self._paint)
        self.camera = self._server.address
        self._player = threading.Thread(target=self._play, name="player", daemon=True)

    def start(self) -> None:
        """Bring both devices up; the room is empty and silent."""
        self.plug_microphone()
        self._player.start()

    def begin(self) -> None:
        """The script begins now."""
        self.began = time.monotonic()

    @property
    def at(self) -> float:
        """Seconds into the script; below zero before it has begun."""
        return -1.0 if self.began is None else time.monotonic() - self.began

    def wait_until(self, seconds: float) -> None:
        """Wait for this second of the script."""
        time.sleep(max(0.0, seconds - self.at))

    def plug_microphone(self) -> None:
        """Start the sound server."""
        source = f"module-pipe-source source_name=microphone file={self._pipe} rate=16000 channels=1 format=s16le"
        # As a desktop runs it: ahead of programs that compute.
        priority = ["--high-priority=yes", "--realtime=yes"]
        command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", *priority]
        modules = ["-L", "module-native-protocol-unix", "-L", source]
        environment = os.environ | self.environment
        with (self._home / "pulse.log").open("ab") as log:
            self._pulse = subprocess.Popen([*command, *modules], stdout=log, stderr=log, env=environment)
        end = time.monotonic() + 20
        while subprocess.run(["pactl", "info"], capture_output=True, timeout=20, env=environment).returncode:
            assert time.monotonic() < end, "PulseAudio does not start"
            time.sleep(0.2)

    def unplug_microphone(self) -> None:
        """Kill the sound server."""
        if self._pulse is not None:
            self._pulse.kill()
            self._pulse.wait(5)
            self._pulse = None
            # A killed one leaves them behind, and the next would not make its own.
            for left in (self._pipe, self._home / "pid", self._home / "native"):
                left.unlink(missing_ok=True)

    def unplug_camera(self) -> None:
        """Stop serving, so that connections break."""
        self._server.close()

    def plug_camera(self) -> None:
        """Serve again, at the same address."""
        self._server = MjpegServer(FPS, port=self._server.port, paint=self._paint)

    def close(self) -> None:
        """Take everything down."""
        self._closing.set()
        if self._player.ident:
            self._player.join(2)
        self.unplug_microphone()
        self._server.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _paint(self, _: int) -> NDArray[np.uint8]:
        at = self.at
        if self._picture is not None:
            return self._picture(at if self.began is not None else time.monotonic() % 1.0)
        rng = np.random.default_rng(int(at * 1000) % 2**31)
        light = 1.0 + 0.1 * float(np.sin(at / 3))
        for line in self._lines:
            if line.card is not None and line.start <= at < line.end:
                return show(line.card, rng, shift=line.shift, light=light)
        return show(None, rng, light=light)

    def _play(self) -> None:
        """Feed the microphone in real time; what it does not take is lost, as it would be in the air."""
        pipe, due, silence = -1, time.monotonic(), self._rng.standard_normal(SAMPLE_RATE, np.float32) * 0.0005
        while not self._closing.is_set():
            due += BLOCK / SAMPLE_RATE
            time.sleep(max(0.0, due - time.monotonic()))
            if due < time.monotonic() - 0.5:
                due = time.monotonic()
            at = -1 if self.began is None else round((due - self.began) * SAMPLE_RATE)
            block = self._sound[at : at + BLOCK] if 0 <= at <= len(self._sound) - BLOCK else silence[:BLOCK]
            data = (np.clip(block, -1, 1) * 32767).astype("<i2").tobytes()
            try:
                if pipe < 0:
                    pipe = os.open(self._pipe, os.O_WRONLY | os.O_NONBLOCK)
                os.write(pipe, data)
            except OSError as error:
                if error.errno != errno.EAGAIN and pipe >= 0:
                    os.close(pipe)
                    pipe = -1
        if pipe >= 0:
            os.close(pipe)


def parse_options(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The options of a benchmark on a stage: the parser's own, and `--data`, `--seed` and `--json`.

    Without a folder of datasets, or where there can be no stage, the program ends with the reason.
    """
    parser.add_argument("--data", default=os.environ.get("RECIPROCAL_DATA"), help="directory with MNIST and FSDD")
    parser.add_argument("--seed", type=int, default=0, help="of script, stage and learner")
    parser.add_argument("--json", action="store_true", help="print one flat JSON object as the last line")
    options = parser.parse_args()
    if not options.data:
        parser.error("--data: name a directory with MNIST and FSDD, or set RECIPROCAL_DATA")
    if reason := missing():
        parser.error(f"no stage: {reason}")
    return options


def missing() -> str:
    """Why there can be no stage here; empty where there can."""
    for program in NEEDED:
        if shutil.which(program) is None:
            return f"{program} is not installed"
    try:
        import sounddevice  # noqa: F401
    except (ImportError, OSError) as error:
        return f"PortAudio is not installed: {error}"
    return ""

"""Which microphones and cameras this machine has, and what is wrong when there is none.

python -m sensors.sources.devices
"""

import os
import platform
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import cv2

from sensors.core.errors import SourceError
from sensors.sources.portaudio import portaudio
from sensors.sources.sound_server import ALSA, NO_PLUGIN, NoPactlError, ServerSource, server_sources
from sensors.sources.source import Change, Source

DEADLINE = 3.0
"""Seconds after which a library that looks for devices counts as hung."""
_INDICES = 4  # cameras tried one by one where the system does not list them
_VIDEO = Path("/sys/class/video4linux")
_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Device:
    """One input of this machine.

    Attributes:
        index: by which the settings name it.
        name: as the system calls it.
        detail: what else is known.
        default: used when none is named.
    """

    index: int
    name: str
    detail: str = ""
    default: bool = False

    def __str__(self) -> str:
        return f"{'*' if self.default else ' '} {self.index}  {self.name}" + (
            f" ({self.detail})" if self.detail else ""
        )


@dataclass(frozen=True)
class Devices:
    """Inputs of one kind.

    Attributes:
        kind: `microphone` or `camera`.
        found: what there is.
        problem: why there is none, and how to fix it; empty where some are found.
        note: what else may be there and is not listed, and how to fix that; empty where all are.
    """

    kind: str
    found: tuple[Device, ...] = ()
    problem: str = ""
    note: str = ""

    def lines(self) -> list[str]:
        """For a person to read."""
        shown = [str(device) for device in self.found] if self.found else [f"  unavailable: {self.problem}"]
        noted = [f"  {self.note}"] if self.note else []
        return [f"{self.kind}s (sensors.{self.kind}; * is the default):", *shown, *noted]


def list_devices() -> tuple[Devices, Devices]:
    """The microphones and the cameras; never raises, and takes 6 s at the very most."""
    return microphones(), cameras()


def microphones() -> Devices:
    """Every input that PortAudio knows, and every source of the sound server."""
    try:
        found, note = _within(DEADLINE, _inputs, "PortAudio")
    except SourceError as error:
        return Devices("microphone", problem=str(error).removeprefix("microphone: "))
    return Devices("microphone", tuple(found), "" if found else _why_no_microphone(), note)


def cameras() -> Devices:
    """Every camera that the system lists, or that opens where it lists none."""
    try:
        found = _listed_cameras() if _VIDEO.is_dir() else _within(DEADLINE, _opening_cameras, "OpenCV")
    except SourceError as error:
        return Devices("camera", problem=str(error))
    return Devices("camera", tuple(found), "" if found else _why_no_camera())


def connect(sources: Sequence[Source[Any]], patience: float = 3.0) -> dict[str, str]:
    """Connect sources side by side; those that are not live by then are sought on.

    Args:
        sources: with names apart.
        patience: longest wait until each is live or has failed, seconds.

    Returns:
        why a source is not live, by its name; empty when all are.

    Raises:
        SourceError: none is there: all have failed, and none is still being opened. Says what was looked for and why
            there is none. All are disconnected.
    """
    changed = threading.Condition()
    told: dict[str, Change] = {}

    for source in sources:

        def hear(change: Change) -> None:
            with changed:
                told[change.source] = change
                changed.notify_all()

        source.observe(hear)
        source.connect(warmup=0)

    def settled(name: str) -> bool:
        return name in told and told[name].after != "connecting" and not told[name].opening

    failed: dict[str, str] = {}
    lost = 0
    with changed:
        changed.wait_for(lambda: all(settled(source.name) for source in sources), patience)
        for source in sources:
            last = told.get(source.name)
            reason = last.reason if last is not None and last.after in ("stalled", "closed") else ""
            # A film or recording may be over already; one that gave nothing was not there.
            over = last is not None and last.after == "closed" and source.counts.given > 0
            if source.state == "live" or over:
                continue
            reason = reason or "nothing yet"
            failed[source.name] = reason if reason.startswith(source.name) else f"{source}: {reason}"
            # What is still being opened is there, however slow it is.
            lost += settled(source.name)
    if sources and lost == len(sources):
        for source in sources:
            source.disconnect()
        raise SourceError("nothing to perceive with: " + "; ".join(failed.values()))
    return failed


def _inputs() -> tuple[list[Device], str]:
    """The inputs, and what is to be said of those that are not listed."""
    sounddevice = portaudio()
    default = sounddevice.default.device[0]
    known = sounddevice.query_devices()
    found = [
        Device(
            int(d["index"]),
            str(d["name"]),
            f"channels: {d['max_input_channels']}, {d['default_samplerate']:.0f} Hz",
            d["index"] == default,
        )
        for d in known
        if d["max_input_channels"] > 0
    ]
    reached = any(device.name == ALSA for device in found)
    try:
        sources = server_sources()
    except NoPactlError as error:
        return found, str(error) if reached else ""
    if sources and not reached:
        listed = ", ".join(map(str, sources))
        return found, f"the sound server has {listed}, but {NO_PLUGIN}"
    return found + [_listed(len(known) + i, source) for i, source in enumerate(sources)], ""


def _listed(index: int, source: ServerSource) -> Device:
    kind = "what an output plays" if source.monitor else "a source of the sound server"
    preferred = ", the one that it prefers" if source.default else ""
    return Device(index, source.description, f"{source.name}, {source.format}: {kind}{preferred}")


def _listed_cameras() -> list[Device]:
    """Video4Linux lists a camera's pictures and its metadata apart: the first of each camera is the one to open."""
    found: list[Device] = []
    for place in sorted(_VIDEO.glob("video*"), key=lambda p: int(p.name.removeprefix("video"))):
        index = int(place.name.removeprefix("video"))
        name, first = (_text(place / part) for part in ("name", "index"))
        if first in ("0", ""):
            node = Path("/dev") / place.name
            closed = node.exists() and not os.access(node, os.R_OK | os.W_OK)
            detail = f"no permission: sudo usermod -aG video {_user()}, then log in again" if closed else ""
            found.append(Device(index, name or place.name, detail, default=not found))
    return found


def _opening_cameras() -> list[Device]:
    found: list[Device] = []
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    for index in range(_INDICES):
        capture = cv2.VideoCapture(index)
        if capture.isOpened():
            size = (int(capture.get(p)) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
            found.append(Device(index, f"camera {index}", "×".join(map(str, size)), default=not found))
        capture.release()
    return found


def _why_no_microphone() -> str:
    if platform.system() != "Linux":
        return "the system lists no input; plug one in, and allow this terminal to use the microphone"
    cards = _text(Path("/proc/asound/cards"))
    if cards and "no soundcards" not in cards:
        return f"a sound card is there but gives no input; check its plugs, and sudo usermod -aG audio {_user()}"
    return "no sound card, and no PulseAudio or PipeWire that offers one; plug one in, or start the sound server"


def _why_no_camera() -> str:
    if platform.system() != "Linux":
        return "no camera opens; plug one in, close what else uses it, and allow this terminal to use the camera"
    return "no /dev/video*; plug one in (in a container, pass --device /dev/video0), or give a file or a URL"


def _within(seconds: float, look: Callable[[], _Found], library: str) -> _Found:
    """What `look` finds; a library that hangs is left behind.

    Raises:
        SourceError: it failed or took too long.
    """
    found: list[_Found] = []
    problem: list[str] = []

    def run() -> None:
        try:
            found.append(look())
        except Exception as error:  # whatever a library raises is why there is no device
            problem.append(str(error))

    thread = threading.Thread(target=run, name=library, daemon=True)
    thread.start()
    thread.join(seconds)
    if not found:
        raise SourceError(problem[0] if problem else f"{library} did not answer within {seconds:g} s; restart it")
    return found[0]


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _user() -> str:
    return os.environ.get("USER", "$USER")


def main() -> None:
    """Print both lists."""
    for devices in list_devices():
        print("\n".join(devices.lines()))


if __name__ == "__main__":
    main()

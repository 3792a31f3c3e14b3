"""PortAudio, through which microphones and speakers are opened: its import, its devices, and who may open one."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Literal

from sensors.core.errors import SourceError

INSTALL = "install libportaudio2 (Debian/Ubuntu), portaudio (Homebrew) or portaudio (Fedora)"
BUSY = 5.0
"""Longest wait for another device that is being opened, seconds."""
Direction = Literal["input", "output"]

_open_streams = 0
_opened_before = False
# PortAudio opens one device at a time. A device that hangs while it is opened keeps the lock: nobody waits for that
# for ever, and closing needs it not.
_opening = threading.Lock()
_counting = threading.Lock()


def portaudio(kind: str = "microphone") -> ModuleType:
    """The sounddevice module, imported where it is needed: it cannot be without the PortAudio library.

    Args:
        kind: of the device that is wanted, for the message.

    Raises:
        SourceError: it or the library is missing; says how to install it.
    """
    try:
        import sounddevice
    except ImportError:
        raise SourceError(f"{kind}: sounddevice is not installed; pip install 'reciprocal[live]'") from None
    except OSError:
        raise SourceError(f"{kind}: the PortAudio library is missing; {INSTALL}") from None
    module: ModuleType = sounddevice
    return module


@contextmanager
def opening(kind: str, device: str, anew: bool = True) -> Iterator[ModuleType]:
    """PortAudio, while the caller opens a device; other threads wait.

    Args:
        kind: of the device, for the messages.
        device: its name.
        anew: whether devices are looked for again, where none is open. PortAudio looks for them only when it starts:
            without this, one plugged in later is not found.

    Raises:
        SourceError: PortAudio is missing, or hangs in opening another device.
    """
    global _opened_before
    if not _opening.acquire(timeout=BUSY):
        raise SourceError(f"{kind} {device!r}: PortAudio hangs in opening a device; pull it out, or restart")
    try:
        sounddevice = portaudio(kind)
        if anew and _opened_before and not _open_streams:
            sounddevice._terminate()
            sounddevice._initialize()
        _opened_before = True
        yield sounddevice
    finally:
        _opening.release()


def count_open(change: int) -> None:
    """Note that a device was opened (1) or closed (-1): while one is open, devices are not looked for again."""
    global _open_streams
    with _counting:
        _open_streams += change


def query(sounddevice: ModuleType, device: str, direction: Direction) -> dict[str, Any]:
    """PortAudio's description of the device with this index, of this name, or of the `default`.

    Raises:
        ValueError: there is none of this name, or several.
        PortAudioError: there is none.
    """
    which = None if device == "default" else int(device) if device.isdecimal() else device
    found: dict[str, Any] = sounddevice.query_devices(which, direction)
    return found


def names(devices: Any, direction: Direction) -> list[str]:
    """Index and name of each device of a direction."""
    return [f"{d['index']} {d['name']!r}" for d in devices if d[f"max_{direction}_channels"] > 0]


def known(listed: list[str]) -> str:
    """What there is, for a message."""
    return f"there are {', '.join(listed)}" if listed else "this machine has none: plug one in, or start PulseAudio"


def cause(error: Exception) -> str:
    """The first line of an error of PortAudio."""
    lines = str(error.args[0] if error.args else error).strip().splitlines()
    return lines[0].rstrip(".:") if lines else type(error).__name__

"""The sources of a PulseAudio or PipeWire sound server, by their real names.

PortAudio reaches the server through ALSA's device `pulse`, which stands for whatever source the server prefers. Which
sources there are is asked of the server's own program, `pactl`; which one `pulse` opens is told by the variable
PULSE_SOURCE, which the server's library reads when a device is opened.
"""

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sensors.core.errors import SourceError

ALSA = "pulse"
"""Name of the ALSA device that records from the sound server."""
PATIENCE = 1.0
"""Longest wait for one answer of the sound server, seconds."""
NO_PACTL = "its sources are not listed, as pactl is missing; install pulseaudio-utils (Debian/Ubuntu/Fedora)"
NO_PLUGIN = "ALSA has no way to it; install libasound2-plugins (Debian/Ubuntu) or alsa-plugins-pulseaudio (Fedora)"
_VARIABLE = "PULSE_SOURCE"
_FIELD = re.compile(r"^\t(Name|Description|Monitor of Sink|Sample Specification): (.*)$", re.MULTILINE)


class NoPactlError(SourceError):
    """The program that tells the sources of a sound server is not installed."""


@dataclass(frozen=True)
class ServerSource:
    """One source of the sound server.

    Attributes:
        name: by which the server knows it.
        description: for people.
        format: as the server prints it, such as `s16le 2ch 44100Hz`.
        monitor: it is what an output plays, not a microphone.
        default: the one that the server prefers.
    """

    name: str
    description: str
    format: str = ""
    monitor: bool = False
    default: bool = False

    def __str__(self) -> str:
        return f"{self.description!r} ({self.name})"

    def fits(self, wanted: str) -> bool:
        """Whether every word of `wanted` is part of the name or the description, as PortAudio compares names."""
        own = f"{self.name} {self.description}".lower()
        return all(word in own for word in wanted.lower().split())


def server_sources() -> tuple[ServerSource, ...]:
    """What the sound server records from, microphones first; nothing where no server answers.

    Raises:
        NoPactlError: whether there is a server is not known.
    """
    told = _pactl("list", "sources")
    if told is None:
        return ()
    default = re.search(r"^Default Source: (.*)$", _pactl("info") or "", re.MULTILINE)
    found = []
    for part in re.split(r"^Source #", told, flags=re.MULTILINE)[1:]:
        fields: dict[str, str] = dict(_FIELD.findall(part))
        if name := fields.get("Name", ""):
            found.append(
                ServerSource(
                    name,
                    fields.get("Description", name),
                    fields.get("Sample Specification", ""),
                    monitor=fields.get("Monitor of Sink", "n/a") != "n/a",
                    default=default is not None and default[1] == name,
                )
            )
    return tuple(sorted(found, key=lambda source: source.monitor))


def choose(sources: Sequence[ServerSource], wanted: str) -> ServerSource | None:
    """The source that a name, or a part of one, means; None where none fits.

    A whole name goes before a part of one, and a microphone before what an output plays.

    Raises:
        SourceError: several fit; the message lists them.
    """
    exact = [source for source in sources if wanted in (source.name, source.description)]
    fitting = exact or [source for source in sources if source.fits(wanted)]
    best = [source for source in fitting if not source.monitor] or fitting
    if len(best) > 1:
        listed = ", ".join(map(str, best))
        raise SourceError(f"microphone {wanted!r}: several of the sound server's sources fit; name one of {listed}")
    return best[0] if best else None


@contextmanager
def recording_from(source: ServerSource | None) -> Iterator[None]:
    """Have the ALSA device `pulse`, opened within, record from a source; None leaves the choice to the server.

    One thread at a time: the variable is the whole process's. It is put back at the end, as it was.
    """
    if source is None:
        yield
        return
    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = source.name
    try:
        yield
    finally:
        if before is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = before


def _pactl(*question: str) -> str | None:
    """What pactl says; None where no server answers in time.

    Raises:
        NoPactlError: it is not installed.
    """
    # Otherwise it translates the names of the fields.
    plain = {**os.environ, "LC_ALL": "C"}
    try:
        told = subprocess.run(["pactl", *question], capture_output=True, timeout=PATIENCE, env=plain, check=False)
    except FileNotFoundError:
        raise NoPactlError(f"the sound server: {NO_PACTL}") from None
    except (OSError, subprocess.TimeoutExpired):
        return None
    return told.stdout.decode("utf-8", "replace") if told.returncode == 0 else None

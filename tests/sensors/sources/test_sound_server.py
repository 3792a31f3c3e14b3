"""The sources of a sound server: as its program tells them, and as a real one plays."""

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sensors.core.errors import SourceError
from sensors.sources.sound_server import NoPactlError, ServerSource, choose, recording_from, server_sources
from tests.patience import PATIENCE
from tests.sensors.sound_servers import sound_server

PACTL = """#!/bin/sh
[ "$LC_ALL" = C ] || exit 1
case "$1" in
info) printf 'Server Name: pulseaudio\\nDefault Source: alsa_input.air\\n' ;;
list) cat "$0.sources" ;;
esac
"""
LISTED = """Source #3
\tState: SUSPENDED
\tName: alsa_output.hdmi.monitor
\tDescription: Monitor of HDMI
\tSample Specification: s16le 2ch 48000Hz
\tMonitor of Sink: alsa_output.hdmi
\tProperties:
\t\tName: of something else

Source #17
\tState: RUNNING
\tName: alsa_input.air
\tDescription: Zoé's Air Pods: left
\tSample Specification: s16le 1ch 16000Hz
\tMonitor of Sink: n/a
"""
AIR = ServerSource("alsa_input.air", "Zoé's Air Pods: left", "s16le 1ch 16000Hz", default=True)
HDMI = ServerSource("alsa_output.hdmi.monitor", "Monitor of HDMI", "s16le 2ch 48000Hz", monitor=True)


@pytest.fixture
def pactl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "pactl"
    program.write_text(PACTL)
    program.chmod(0o755)
    (tmp_path / "pactl.sources").write_text(LISTED, "utf-8")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return program


def test_sources_are_read_from_what_the_program_says_microphones_first(pactl: Path) -> None:
    assert server_sources() == (AIR, HDMI)


def test_no_answer_is_no_source(pactl: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for script in ("exit 1", "exec sleep 60", "echo nonsense", "exit 0"):
        monkeypatch.setattr("sensors.sources.sound_server.PATIENCE", 0.2 if "sleep" in script else PATIENCE)
        pactl.write_text(f"#!/bin/sh\n{script}\n")
        assert server_sources() == ()


def test_without_the_program_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NoPactlError, match="pactl is missing; install pulseaudio-utils"):
        server_sources()


def test_a_name_means_one_source_or_none_or_an_error() -> None:
    left, right = ServerSource("usb.left", "USB"), ServerSource("usb.right", "USB stick")
    monitor = ServerSource("usb.out.monitor", "Monitor of USB", monitor=True)
    sources = (left, right, monitor)
    assert choose(sources, "LEFT usb") is left
    assert choose(sources, "USB") is left, "a whole description"
    assert choose(sources, "usb.out.monitor") is monitor
    assert choose(sources, "monitor") is monitor
    assert choose(sources, "camera") is None
    with pytest.raises(SourceError, match=r"several .* name one of 'USB' \(usb.left\), 'USB stick' \(usb.right\)$"):
        choose(sources, "usb")


def test_the_choice_holds_while_a_device_is_opened_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for before in (None, "mine"):
        monkeypatch.setenv("PULSE_SOURCE", before) if before else monkeypatch.delenv("PULSE_SOURCE", raising=False)
        with recording_from(None):
            assert os.environ.get("PULSE_SOURCE") == before
        with pytest.raises(ValueError), recording_from(AIR):
            assert os.environ["PULSE_SOURCE"] == "alsa_input.air"
            raise ValueError
        assert os.environ.get("PULSE_SOURCE") == before


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A real server whose two outputs play different tones; each has a source that gives what it plays."""
    air = "module-null-sink sink_name=air sink_properties=device.description='Air\\ Pods'"
    with sound_server(tmp_path, monkeypatch, "module-null-sink sink_name=stick", air):
        players = []
        try:
            for name, pitch in (("stick", 1_000), ("air", 440)):
                tone = 0.4 * np.sin(2 * np.pi * pitch * np.arange(44_100 * round(2 * PATIENCE)) / 44_100)
                soundfile.write(tmp_path / f"{name}.wav", tone, 44_100)
                players.append(subprocess.Popen(["paplay", f"--device={name}", str(tmp_path / f"{name}.wav")]))
            yield
        finally:
            for player in players:
                player.kill()
                player.wait(PATIENCE)


_HEAR = """
import sys
import numpy as np
from sensors.sources.microphone import Microphone
for name in sys.argv[1:]:
    with Microphone(name, timeout=30.0) as microphone:
        sound = np.zeros(0)
        # The players may still be starting.
        while len(sound) < 8000 or np.abs(sound[-8000:]).min() == np.abs(sound[-8000:]).max():
            sound = np.concatenate([sound, microphone.read().samples])
        sound = sound[-8000:]
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    print(np.fft.rfftfreq(len(sound), 1 / 16000)[spectrum.argmax()])
"""


def test_the_chosen_source_of_a_real_server_is_heard(outputs: None) -> None:
    assert {source.name: source.description for source in server_sources()} == {
        "stick.monitor": "Monitor of Null Output",
        "air.monitor": "Monitor of Air Pods",
    }
    # In a process of its own: PortAudio keeps what it found when it was started.
    heard = subprocess.run(
        [sys.executable, "-c", _HEAR, "pods", "stick", "air.monitor"],
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
        check=True,
    )
    for pitch, expected in zip(map(float, heard.stdout.split()), (440, 1_000, 440), strict=True):
        assert math.isclose(pitch, expected, abs_tol=10)

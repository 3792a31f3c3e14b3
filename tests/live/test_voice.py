"""The agent's voice on a real sound server whose microphone hears the speaker, as in a room."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.harness.stage import missing

PROGRAM = """
import json, sys, time
from pathlib import Path
import numpy as np
from sensors.sources.own_playback import PlaybackFilter, OwnPlayback
from sensors.sources.microphone import Microphone
from sensors.sources.source import Chunk
from sensors.sources.speaker import Speaker

playback = OwnPlayback(Path(sys.argv[1]))
own_filter = PlaybackFilter(playback)
rng = np.random.default_rng(0)
sweep = np.sin(2 * np.pi * np.cumsum(np.linspace(300, 3000, 16_000)) / 16_000)
wave = (0.5 * sweep * np.hanning(16_000)).astype(np.float32)
with Microphone(timeout=5.0) as microphone:
    microphone.connect(warmup=1.0)
    speaker = Speaker("default", playback)
    heard, passed = [], []
    def listen(seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            chunk = microphone.read()
            heard.append(chunk.samples)
            if (own := own_filter.observe(chunk)) is not None:
                passed.append(own)
    listen(1.0)
    assert speaker.play(wave)
    listen(3.5)
    speaker.close()
    sound = np.concatenate(heard)
    match = np.correlate(sound, wave, "valid")
    at = int(np.abs(match).argmax())
    part = sound[at : at + len(wave)]
    scale = float(np.linalg.norm(part) * np.linalg.norm(wave))
    print(json.dumps({
        "r": float(abs(match[at]) / max(scale, 1e-9)),
        "loudest": float(np.abs(sound).max()),
        "passed": float(max(np.abs(c.samples).max() for c in passed)),
        "gaps": sum(c.gap for c in passed),
        "kept": sum(len(c.samples) for c in passed) / len(sound),
        "counts": dict(speaker.counts),
        "problem": speaker.problem,
    }))
"""

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(bool(missing()), reason=missing() or "nothing is missing"),
]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A sound server with one loudspeaker, and a microphone that hears it; yields variables for who uses them."""
    environment = os.environ | {name: str(tmp_path) for name in ("HOME", "XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH")}
    modules = ["module-native-protocol-unix", "module-null-sink sink_name=box rate=16000 channels=1"]
    command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", *(f"--load={m}" for m in modules)]
    with (tmp_path / "pulse.log").open("ab") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        # Without anything to play, a sink that is not there in hardware lets its clock run unevenly.
        silence = None
        try:
            end = time.monotonic() + 20
            while subprocess.run(["pactl", "info"], capture_output=True, timeout=20, env=environment).returncode:
                assert time.monotonic() < end, "PulseAudio does not start"
                time.sleep(0.2)
            subprocess.run(["pactl", "set-default-source", "box.monitor"], check=True, timeout=20, env=environment)
            silence = subprocess.Popen(
                ["pacat", "--latency-msec=20", "/dev/zero"], stdout=log, stderr=log, env=environment
            )
            time.sleep(2)
            yield environment
        finally:
            for process in (silence, server):
                if process is not None:
                    process.kill()
                    process.wait(5)


def test_what_it_says_is_heard_and_not_listened_to(room: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "hush")],
        capture_output=True,
        text=True,
        timeout=60,
        env=room | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["counts"] == {"played": 1} and not found["problem"], found
    assert found["r"] > 0.95 and found["loudest"] > 0.3, "the microphone hears what the speaker plays"
    assert found["passed"] < 0.01 and found["gaps"] == 1, "and none of it is passed on"
    assert 0.2 < found["kept"] < 0.8

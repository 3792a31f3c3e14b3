"""A real PulseAudio of a test's own."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.patience import PATIENCE


@contextmanager
def sound_server(folder: Path, monkeypatch: pytest.MonkeyPatch, *modules: str) -> Iterator[None]:
    """A server with these modules, for this process and those that it starts; skips where there can be none.

    Args:
        folder: of the server's socket and log.
        monkeypatch: of the test.
        modules: with their arguments, as PulseAudio takes them.
    """
    for program in ("pulseaudio", "pactl"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    try:
        import sounddevice  # noqa: F401
    except (ImportError, OSError) as error:
        pytest.skip(f"PortAudio is not installed: {error}")
    for name in ("HOME", "XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH"):
        monkeypatch.setenv(name, str(folder))
    command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1"]
    for module in ("module-native-protocol-unix", *modules):
        command += ["-L", module]
    with (folder / "pulse.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        end = time.monotonic() + PATIENCE
        while subprocess.run(["pactl", "info"], capture_output=True, timeout=PATIENCE).returncode:
            assert time.monotonic() < end, "PulseAudio does not start"
            time.sleep(0.1)
        yield
    finally:
        server.terminate()
        server.wait(PATIENCE)

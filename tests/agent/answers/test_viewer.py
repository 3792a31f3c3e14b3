"""The window on a real display without a screen; without one, why there is none."""

import os
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from agent.answers.viewer import ViewerWindow, why_none
from tests.patience import PATIENCE


def test_without_a_display_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    it = ViewerWindow(tmp_path / "response.png")
    assert not it.open and "DISPLAY" in it.problem
    it.close()


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A display whose pixels lie in the file that is yielded."""
    pytest.importorskip("tkinter")
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed: no display to test on")
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-fbdir", str(tmp_path), "-screen", "0", "640x480x24"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as told:
        number = told.readline().strip()
    monkeypatch.setenv("DISPLAY", f":{number}")
    yield tmp_path / "Xvfb_screen0"
    server.terminate()
    server.wait(PATIENCE)


def pixels(screen: Path) -> NDArray[np.uint8]:
    """What the display shows, (height, width, 3) BGR."""
    data = screen.read_bytes()
    header = struct.unpack(">25I", data[:100])
    size, height, line, colours = header[0], header[5], header[12], header[19]
    first = size + 12 * colours
    rows = np.frombuffer(data[first : first + height * line], np.uint8).reshape(height, -1, 4)
    return rows[..., :3]


def share(screen: Path, colour: tuple[int, int, int]) -> float:
    return float((pixels(screen) == colour).all(axis=2).mean())


def draw(path: Path, colour: tuple[int, int, int]) -> None:
    stage = path.with_suffix(".new.png")
    cv2.imwrite(str(stage), np.full((240, 320, 3), colour, np.uint8))
    os.replace(stage, path)


def test_the_viewer_shows_the_newest_response_until_it_is_closed(screen: Path, tmp_path: Path) -> None:
    assert why_none() == ""
    path = tmp_path / "response.png"
    it = ViewerWindow(path)
    try:
        for colour in ((10, 20, 230), (220, 120, 10)):
            draw(path, colour)
            end = time.monotonic() + PATIENCE
            while share(screen, colour) < 0.2:
                assert time.monotonic() < end and it.open, "it is not shown"
                time.sleep(0.1)
    finally:
        began = time.monotonic()
        it.close()
    assert not it.open and time.monotonic() - began < PATIENCE / 2, "it would stay for ever"

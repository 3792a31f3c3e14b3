"""A browser without hardware: Chromium whose microphone is a sound file and whose camera is a film of cards.

Both play a script (see `stage.py`) from its beginning each time the page opens them.
"""

import contextlib
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np
import soundfile

from benchmarks.harness.playwright_process import chromium_type
from benchmarks.harness.shown import show
from benchmarks.harness.stage import Line
from sensors.signals.spectrogram import SAMPLE_RATE

CHROMIUM = Path("/usr/bin/chromium")
FPS = 30
"""Pictures a second of an .mjpeg film, as Chromium plays it."""
VARIANTS = 4
"""Pictures of each card that differ in their noise, shown in turn."""
PAGE = "static/share/index.html"
_FOLLOW = """() => {
    window.told = [];
    const types = ["welcome", "away", "waiting", "state", "perceived", "pair", "alone", "missed", "prompted"];
    for (const type of [...types, "source", "connection"])
        share.addEventListener(type, ({detail}) =>
            window.told.push({...detail, type, png: null, came: performance.now() / 1000}));
}"""


def missing() -> str:
    """What keeps a browser from being driven here; empty where nothing does."""
    try:
        import playwright  # noqa: F401
    except ImportError:
        return "playwright is not installed"
    return "" if CHROMIUM.is_file() else f"{CHROMIUM} is not there"


def write_sound(path: Path, lines: Sequence[Line], seconds: float, seed: int = 0) -> None:
    """What the microphone hears: a quiet room in which the script is said."""
    rng = np.random.default_rng(seed)
    sound = 0.0005 * rng.standard_normal(round(seconds * SAMPLE_RATE), np.float32)
    for line in lines:
        if line.voice is not None:
            first = round(line.said * SAMPLE_RATE)
            sound[first : first + len(line.voice)] += line.voice[: len(sound) - first]
    soundfile.write(path, sound, SAMPLE_RATE, subtype="PCM_16")


def write_film(path: Path, lines: Sequence[Line], seconds: float, seed: int = 0) -> None:
    """What the camera sees: a room in which cards are shown."""
    rng = np.random.default_rng(seed)

    def pictures(line: Line | None) -> list[bytes]:
        card, shift = (None, (0.0, 0.0)) if line is None else (line.card, line.shift)
        shown = [show(card, rng, shift=shift) for _ in range(VARIANTS)]
        return [cv2.imencode(".jpg", each, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes() for each in shown]

    empty = pictures(None)
    ahead = list(lines)
    current: list[bytes] = empty
    with path.open("wb") as film:
        for number in range(round(seconds * FPS)):
            at = number / FPS
            while ahead and ahead[0].end <= at:
                ahead.pop(0)
                current = empty
            if ahead and ahead[0].start <= at and current is empty and ahead[0].card is not None:
                current = pictures(ahead[0])
            film.write(current[number % VARIANTS])


class BrowserStage:
    """A browser whose devices play a script.

    Args:
        home: an empty folder.
        lines: the script.
        seconds: for which the files last before they begin again.
    """

    def __init__(self, home: Path, lines: Sequence[Line], seconds: float) -> None:
        sound, film = home / "sound.wav", home / "film.mjpeg"
        write_sound(sound, lines, seconds)
        write_film(film, lines, seconds)
        self._ending = contextlib.ExitStack()
        kind = self._ending.enter_context(chromium_type())
        self._browser = kind.launch(
            executable_path=str(CHROMIUM),
            args=[
                "--no-sandbox",
                "--use-fake-device-for-media-stream",
                "--use-fake-ui-for-media-stream",
                f"--use-file-for-fake-audio-capture={sound}",
                f"--use-file-for-fake-video-capture={film}",
            ],
        )
        self.errors: list[str] = []
        self.page: Any = None

    def share(self, address: str, name: str = "anna", token: str = "") -> float:
        """Open a tab and share.

        Args:
            address: of the page; certificates that nobody has signed are taken.
            name: of the browser.
            token: that the page asks for; the tab visits the address that holds it first, as people do.

        Returns:
            The monotonic second at which both devices gave.
        """
        page = self._browser.new_page(ignore_https_errors=True)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        if token:
            page.goto(f"{address}?token={token}")
        page.goto(address + PAGE)
        page.fill("#share-name", name)
        page.evaluate(_FOLLOW)
        page.click("#share-button")
        page.wait_for_function("() => window.told.filter(t => t.type === 'source' && t.state === 'live').length === 2")
        page.wait_for_function("() => window.told.some(t => t.type === 'welcome')", timeout=120_000)
        self.page = page
        return time.monotonic()

    def told(self) -> list[dict[str, Any]]:
        """All that the tab was told so far."""
        found: list[dict[str, Any]] = json.loads(self.page.evaluate("JSON.stringify(window.told)"))
        return found

    def wait(self, seconds: float) -> None:
        """Let the tab go on for so long."""
        self.page.wait_for_timeout(1000 * seconds)

    def close_tab(self) -> None:
        """Close the tab."""
        self.page.close()

    def close(self) -> None:
        """End the browser."""
        self._browser.close()
        self._ending.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def began_at(starts: Sequence[float], lines: Sequence[Line], window: tuple[float, float]) -> float:
    """When a script began, from when its words were heard: a device begins a moment before the page gets anything.

    Args:
        starts: monotonic seconds at which utterances began.
        lines: the script.
        window: monotonic seconds between which it began.

    Returns:
        The second at which most words lie where they were heard; the window's end where there is none.
    """
    said = np.array([line.said for line in lines if line.voice is not None])
    apart = (np.array(starts)[:, None] - said).ravel()
    apart = np.sort(apart[(apart >= window[0]) & (apart <= window[1])])
    if not len(apart):
        return window[1]
    near = [int(((apart >= each) & (apart <= each + 0.15)).sum()) for each in apart]
    best = apart[int(np.argmax(near))]
    return float(np.median(apart[(apart >= best) & (apart <= best + 0.15)]))


def shifted(lines: Sequence[Line], seconds: float) -> list[Line]:
    """The same lines, so much later."""
    return [
        replace(
            line,
            start=line.start + seconds,
            said=line.said + seconds,
            heard=line.heard + seconds,
            end=line.end + seconds,
        )
        for line in lines
    ]

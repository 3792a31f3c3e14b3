"""Sharing in a real browser, with page and sensors in this process: what is heard, shown, prompted and drawn."""

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.harness.browser_stage import BrowserStage, missing
from benchmarks.harness.shown import drawing
from benchmarks.harness.stage import Line
from page.config import PageConfig
from page.context import PageContext
from page.feed.run_report import RunFacts
from page.server.page_server import PageServer
from page.sharing.forwarder import Forwarder
from page.sharing.sharing_connections import SharedMessage
from sensors.browsers.browsers import Message
from sensors.browsers.browsers_config import BROWSER, BrowsersConfig
from sensors.core.event import EventBatch
from sensors.live.rig import make_rig
from sensors.live.rig_config import RigConfig
from tests.patience import wait_for
from tests.sensors.speech import word

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(200),
    pytest.mark.skipif(bool(missing()), reason=missing() or "nothing is missing"),
]
TOKEN = "the-token"
KINDS = ("audio", "image", "audio+image")
SEVEN = ((0.3, 0.2), (0.7, 0.2), (0.42, 0.8))
"""Corners of what is drawn, as shares of the board."""


class Run:
    """A page and a rig that perceives with browsers alone."""

    def __init__(self, folder: Path, config: PageConfig, token: str = "") -> None:
        browsers = BrowsersConfig(exam=str(folder / "exam"))
        self.rig = make_rig(RigConfig(source=BROWSER.name, browsers=browsers, senses="audio,image"), 1, KINDS)
        self.found: list[EventBatch] = []
        self.notes: list[str] = []
        facts = RunFacts("run", "0", ["digits"], True, [], ("image", "audio"), "ink")
        self.context = PageContext(folder, config, facts)
        self.server = PageServer(self.context, config, token)
        self._forwarder = Forwarder(self.context.sharing, self, perceives=True)
        self._closing = threading.Event()
        self.rig.start()
        self._thread = threading.Thread(target=self._perceive, daemon=True)
        self._thread.start()

    def ask(self, messages: Sequence[SharedMessage]) -> Any:
        return self.rig.exchange([Message(*message) for message in messages])

    def answer(self, pending: Any, seconds: float) -> tuple[bool, Any]:
        return True, pending

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        self._forwarder.close()
        self.server.close()
        self.context.close()
        self.rig.close()

    def _perceive(self) -> None:
        while not self._closing.is_set():
            self.found += [delivery.batch for delivery in self.rig.step(0.01)]
            self.notes += [note.text for note in self.rig.take_notes()]


def script(seconds: float) -> list[Line]:
    """A card and a word every two seconds."""
    rng = np.random.default_rng(0)
    return [
        Line(at, at + 0.6, at + 1.1, at + 1.5, 0, drawing(int(at)), word(0.5, rng), (0.0, 0.0))
        for at in np.arange(1.0, seconds - 2, 2.0)
    ]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    made = Run(tmp_path, PageConfig(port=18_990))
    yield made
    made.close()


@pytest.fixture
def guarded(tmp_path: Path, certificate: tuple[str, str]) -> Iterator[Run]:
    """As it is served to other machines: over https, and with a token."""
    cert, key = certificate
    made = Run(tmp_path, PageConfig(port=18_995, cert=cert, key=key), TOKEN)
    yield made
    made.close()


def until(stage: BrowserStage, condition: Any, seconds: float = 30.0) -> bool:
    """Let the tab go on until a condition holds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        stage.wait(0.2)
    return False


def draw(page: Any) -> None:
    """Draw a seven with the mouse."""
    board = page.locator(".share .board canvas")
    board.scroll_into_view_if_needed()
    box = board.bounding_box()
    for number, (x, y) in enumerate(SEVEN):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=8)
        if number == 0:
            page.mouse.down()
    page.mouse.up()


def pairs(run: Run) -> int:
    """Pairs that were made so far."""
    return sum(len(batch) for batch in run.found if batch.kind == "audio+image")


def test_a_person_shares_is_told_prompted_and_draws(run: Run, tmp_path: Path, chromium: Any) -> None:
    home = tmp_path / "stage"
    home.mkdir()

    with BrowserStage(home, script(60.0), 60.0) as stage:
        stage.share(run.server.address)
        page = stage.page
        assert until(stage, lambda: pairs(run) >= 2), run.notes
        told = stage.told()
        assert {"perceived", "pair", "state"} <= {one["type"] for one in told}
        assert page.locator("#share-pairs li").count() >= 1
        # Prompted: kept as an exam set, and nothing of it is an event.
        page.fill("#prompts-words", "mug")
        page.click("#prompts-start")
        kept = tmp_path / "exam" / "audio" / "mug"
        assert until(stage, lambda: kept.is_dir() and "done" in page.inner_text("#prompts-place")), run.notes
        # Draw and say: the board takes the camera's place.
        before = pairs(run)
        draw(page)
        assert until(stage, lambda: pairs(run) > before + 1), run.notes
        drawn = [batch for batch in run.found if batch.kind == "audio+image"][-1].samples["image"][-1, 0]
        # A seven: a bar on top, and nothing below on the right.
        assert drawn[4:10, 8:24].max() > 128 and drawn[20:, 22:].max() < 64
        stage.close_tab()
        assert wait_for(lambda: run.rig.states["browser/anna/microphone"] == "stalled")
        assert not stage.errors


def test_over_https_with_a_token_it_is_the_same(guarded: Run, tmp_path: Path, chromium: Any) -> None:
    home = tmp_path / "stage"
    home.mkdir()
    address = guarded.server.address
    assert address.startswith("https://")
    with BrowserStage(home, script(30.0), 30.0) as stage:
        stage.share(address, token=TOKEN)
        assert until(stage, lambda: pairs(guarded) >= 2), guarded.notes
        told = stage.told()
        assert {"perceived", "pair", "state"} <= {one["type"] for one in told}
        assert {one["source"] for one in told if one["type"] == "source" and one["state"] == "live"} == {
            "microphone", "camera"
        }  # fmt: skip
        assert not stage.errors and "token" not in guarded.context.refusals.totals
        # A tab that never saw the token gets neither the page nor the WebSocket.
        stranger = stage.page.context.browser.new_page(ignore_https_errors=True)
        assert stranger.goto(address).status == 401
        stranger.close()
        assert guarded.context.refusals.totals["token"] >= 1

"""A browser prompts, and this machine's own microphone and camera are perceived."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.harness.shown import drawing, show
from sensors.browsers.browsers import Browsers
from sensors.browsers.browsers_config import BrowsersConfig
from sensors.browsers.host_prompts import BUSY, SOURCE, HostPrompts
from sensors.core.event import EventBatch
from sensors.core.percept import Reading
from sensors.perception.perception import Perception, PerceptionConfig
from sensors.signals.readings import Chunk, Frame
from sensors.sources.live_config import SensorsConfig
from tests.sensors.browsers.tab import Tab, pieces
from tests.sensors.browsers.test_browsers import NAMES
from tests.sensors.speech import stream

SECONDS = 2.2
LATER = 2.0
"""Seconds of silence after which everything is decided."""


class Host:
    """This machine's perception, and browsers that may prompt it."""

    def __init__(self, exam: Path | None = None, letters: bool = False) -> None:
        self.prompts = HostPrompts(1, None if exam is None else str(exam), letters)
        self.perception = Perception("host", 1, PerceptionConfig(), NAMES, self.prompts)
        self.prompts.follow(self.perception)
        self.browsers = Browsers(
            BrowsersConfig(), PerceptionConfig(), NAMES, SensorsConfig(), 1, letters=letters, host=self.prompts
        )

    def teach(self, began: float) -> list[EventBatch]:
        """A card is shown while a word is said, from a monotonic second on; events of both kinds."""
        rng = np.random.default_rng(0)
        card = show(drawing(3), rng)
        readings: list[tuple[str, Reading]] = [
            ("microphone", Chunk(began + at, samples)) for at, samples in pieces(stream([(0.8, 0.5)], SECONDS, rng))
        ]
        readings += [("camera", Frame(began + n / 20, card)) for n in range(int(20 * SECONDS))]
        found: list[EventBatch] = []
        self.prompts.take_prompts()
        for source, reading in sorted(readings, key=lambda pair: pair[1].end):
            self.prompts.observe(reading)
            found += self.perception.observe(reading, reading.end, source)
        found += self.perception.advance(began + SECONDS + LATER)
        self.prompts.look(began + SECONDS + LATER)
        return found + [batch for batch, _ in self.prompts.take_found()]


@pytest.fixture
def hosts() -> Iterator[list[Host]]:
    made: list[Host] = []
    yield made
    for host in made:
        host.browsers.close()


def tab_of(host: Host, name: str = "anna", share: str = "s1") -> Tab:
    tab = Tab(host.browsers, name, share)
    tab.hello()
    tab.clock()
    assert tab.look()[0]["host"] is True
    return tab


def prompt(tab: Tab, **changes: Any) -> None:
    tab.text({"type": "prompt", "of": "host", "at": time.monotonic() - tab.lead, **changes})


def test_what_this_machine_perceives_bears_the_label_that_a_browser_shows(hosts: list[Host], tmp_path: Path) -> None:
    host = Host(exam=tmp_path / "exam")
    hosts.append(host)
    tab = tab_of(host)
    prompt(tab, label="three", use="exam")
    assert host.teach(time.monotonic()) == []
    told = tab.look()
    (kept,) = [one for one in told if one["type"] == "prompted"]
    assert kept["kept"] and kept["label"] == "three" and kept["senses"] == NAMES
    assert {one["sense"] for one in told if one["type"] == "perceived"} == set(NAMES)
    files = [path.relative_to(tmp_path / "exam").parent.as_posix() for path in (tmp_path / "exam").rglob("*.*")]
    assert sorted(files) == ["audio/three", "image/three"]


def test_without_a_prompt_this_machine_learns_and_tells_no_browser(hosts: list[Host]) -> None:
    host = Host()
    hosts.append(host)
    tab = tab_of(host)
    assert "audio+image" in [batch.kind for batch in host.teach(time.monotonic())]
    assert [one["type"] for one in tab.look() if one["type"] != "state"] == []


def test_a_letter_is_labelled_speech_with_the_lips_that_the_own_camera_saw(
    hosts: list[Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Mouth:
        def observe(self, picture: Any) -> Any:
            return np.full((60, 80), int(picture.mean()), np.uint8)

    monkeypatch.setattr("sensors.browsers.said_letters.Lips", Mouth)
    host = Host(letters=True)
    hosts.append(host)
    prompt(tab_of(host), label="c", use="letters")
    (batch,) = host.teach(time.monotonic())
    assert batch.kind == "speech+lips+letter" and batch.samples["letter"].tolist() == [[2]]
    assert batch.source == SOURCE


def test_a_tab_that_closes_ends_its_prompt_and_another_may_prompt(hosts: list[Host], tmp_path: Path) -> None:
    host = Host(exam=tmp_path / "exam")
    hosts.append(host)
    anna, ben = tab_of(host), tab_of(host, "ben", "s2")
    prompt(anna, label="three", use="exam")
    prompt(ben, label="four", use="exam")
    assert [(one["kept"], one["why"]) for one in ben.look() if one["type"] == "prompted"] == [(False, BUSY)]
    anna.close()
    # Moments that begin after the tab has gone are events again.
    assert "audio+image" in [batch.kind for batch in host.teach(time.monotonic() + 0.5)]
    prompt(ben, label="four", use="exam")
    assert host.teach(time.monotonic() + 5) == []
    assert (tmp_path / "exam" / "image" / "four").is_dir() and not (tmp_path / "exam" / "image" / "three").exists()


def test_a_machine_without_sensors_of_its_own_says_so() -> None:
    browsers = Browsers(BrowsersConfig(), PerceptionConfig(), NAMES, SensorsConfig(), 1)
    tab = Tab(browsers)
    tab.hello()
    assert tab.look()[0]["host"] is False
    prompt(tab, label="three", use="exam")
    (told,) = [one for one in tab.look() if one["type"] == "prompted"]
    assert not told["kept"] and "no microphone and camera of its own" in told["why"]
    prompt(tab, label="three", use="exam", of="nobody")
    assert "browser or host" in next(one["why"] for one in tab.look() if one["type"] == "away")
    browsers.close()

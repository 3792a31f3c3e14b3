"""Browsers that share: their sound and pictures become events, each browser's its own; whatever they do is survived."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.harness.shown import drawing, show
from sensors.browsers.browsers import Browsers, Message
from sensors.browsers.browsers_config import BrowsersConfig
from sensors.core.event import EventBatch
from sensors.perception.perception import Perception, PerceptionConfig, warm_up
from sensors.sources.live_config import SensorsConfig
from sensors.sources.recorder import Recorder
from sensors.sources.recording import Recording
from tests.patience import wait_for
from tests.sensors.browsers.tab import PIECE, RATE, Tab, jpeg, pieces
from tests.sensors.speech import stream

NAMES = ["audio", "image"]


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    warm_up(Perception("warm", senses=NAMES))


@pytest.fixture
def browsers() -> Iterator[Browsers]:
    config = SensorsConfig()
    made = Browsers(BrowsersConfig(most=2, side=800), PerceptionConfig(), NAMES, config, generation=1)
    yield made
    made.close()


def perceive(browsers: Browsers, seconds: float) -> list[EventBatch]:
    """Perceive for so long."""
    end, found = time.monotonic() + seconds, []
    while True:
        browsers.step()
        found += [batch for batch, _ in browsers.take_found()]
        if time.monotonic() >= end:
            return found
        time.sleep(0.005)


def settle(browsers: Browsers) -> list[EventBatch]:
    """Perceive until nothing waits any more."""
    return perceive(browsers, 0.8)


def teach(browsers: Browsers, *tabs: Tab, seconds: float = 2.2) -> list[EventBatch]:
    """Each tab shows a card while a word is said."""
    rng = np.random.default_rng(0)
    sound = stream([(0.8, 0.5)], seconds, rng)
    card = jpeg(show(drawing(3), rng))
    began = time.monotonic()
    found: list[EventBatch] = []
    for number, (at, samples) in enumerate(pieces(sound)):
        found += perceive(browsers, max(0.0, began + at + PIECE / RATE - time.monotonic()))
        for tab in tabs:
            tab.sound(samples, began + at)
            if number % 2 == 0:
                tab.data(card, began + at)
    return found + settle(browsers)


def test_what_a_browser_hears_and_sees_at_once_is_a_pair_and_is_told(browsers: Browsers) -> None:
    tab = Tab(browsers)
    tab.hello()
    tab.clock()
    found = teach(browsers, tab)
    pairs = [batch for batch in found if batch.kind == "audio+image"]
    assert [batch.source for batch in pairs] == ["browser/anna"]
    now = time.monotonic()
    # Their times are those of this machine's clock.
    assert now - 8 < pairs[0].start[0] < pairs[0].end[0] < now
    told = tab.look()
    kinds = [message["type"] for message in told]
    assert kinds[0] == "welcome" and "state" in kinds
    perceived = {message["sense"]: message for message in told if message["type"] == "perceived" and message["png"]}
    assert set(perceived) == {"audio", "image"}
    # What was perceived is told on the browser's own clock.
    start = now - tab.lead
    assert abs(perceived["audio"]["start"] - (pairs[0].start[0] - tab.lead)) < 0.01
    assert start - 8 < perceived["image"]["start"] < start
    (pair,) = [message for message in told if message["type"] == "pair"]
    assert pair["senses"] == ["audio", "image"] and set(pair["png"]) == {"audio", "image"}


def test_two_browsers_teach_at_once_and_are_kept_apart(browsers: Browsers) -> None:
    anna, ben = Tab(browsers), Tab(browsers, "ben", "s2", "p2", lead=-50.0)
    for tab in (anna, ben):
        tab.hello()
        tab.clock()
    found = teach(browsers, anna, ben)
    pairs = [batch for batch in found if batch.kind == "audio+image"]
    assert sorted(batch.source for batch in pairs) == ["browser/anna", "browser/ben"]
    assert all(sum(message["type"] == "pair" for message in tab.look()) == 1 for tab in (anna, ben))
    figures = browsers.figures()
    assert figures["read/browser/anna/microphone"] == figures["read/browser/ben/microphone"] > 50
    assert set(browsers.states) == {f"browser/{n}/{s}" for n in ("anna", "ben") for s in ("microphone", "camera")}


def test_a_closed_tab_is_a_sensor_that_stalled_and_an_opened_one_is_live_again(browsers: Browsers) -> None:
    changes: list[str] = []
    browsers.observer = lambda change: changes.append(str(change))
    tab = Tab(browsers)
    tab.hello()
    tab.clock()
    tab.sound(np.zeros(PIECE, np.float32), time.monotonic())
    assert wait_for(lambda: browsers.states["browser/anna/microphone"] == "live")
    tab.close()
    assert wait_for(lambda: browsers.states["browser/anna/microphone"] == "stalled")
    assert any("the tab was closed" in change for change in changes)
    assert not browsers.sharing
    again = Tab(browsers, share="s9", session="p9", lead=-7.0)
    again.hello()
    again.clock()

    def speaks() -> bool:
        again.sound(np.zeros(PIECE, np.float32), time.monotonic())
        return browsers.states["browser/anna/microphone"] == "live"

    assert wait_for(speaks)
    perceive(browsers, 0.1)
    assert browsers.figures()["reconnects/browser/anna/microphone"] == 1


def test_what_a_browser_drops_is_a_gap_that_is_counted(browsers: Browsers) -> None:
    tab = Tab(browsers)
    tab.hello()
    tab.clock()
    now = time.monotonic() - 1
    for number in range(20):
        lost = 5 * PIECE if number == 10 else 0
        tab.sound(np.zeros(PIECE, np.float32), now + (number + 5 * (number >= 10)) * PIECE / RATE, lost)
        tab.picture(np.full((48, 64), 100, np.uint8), now + number / 25, lost=3 if number == 10 else 0)
    settle(browsers)
    figures = browsers.figures()
    assert figures["lost/browser/anna/microphone/browser"] == 5
    assert figures["lost/browser/anna/camera/browser"] == 3
    assert figures["perceived/audio.gaps"] == 1


def test_pictures_that_are_damaged_or_too_large_are_counted_and_the_others_taken(browsers: Browsers) -> None:
    tab = Tab(browsers)
    tab.hello()
    tab.clock()
    tab.data(b"\xff\xd8\xff no picture", time.monotonic())
    tab.picture(np.zeros((900, 64), np.uint8), time.monotonic())
    tab.picture(np.zeros((48, 64), np.uint8), time.monotonic())
    assert wait_for(lambda: browsers.states["browser/anna/camera"] == "live")
    settle(browsers)
    figures = browsers.figures()
    assert figures["lost/browser/anna/camera/damaged"] == figures["lost/browser/anna/camera/large"] == 1
    assert figures["read/browser/anna/camera"] == 1


def test_a_browser_whose_clock_is_not_known_or_lies_is_not_believed(browsers: Browsers) -> None:
    tab = Tab(browsers)
    tab.hello()
    tab.sound(np.zeros(PIECE, np.float32), time.monotonic())
    settle(browsers)
    tab.clock()
    tab.sound(np.zeros(PIECE, np.float32), time.monotonic() + 5)
    tab.sound(np.zeros(PIECE, np.float32), time.monotonic() - 60)
    settle(browsers)
    figures = browsers.figures()
    assert figures["lost/browser/anna/microphone/clock"] == 1
    assert figures["lost/browser/anna/microphone/astray"] == 2
    assert figures["read/browser/anna/microphone"] == 0


def test_a_second_tab_of_one_name_takes_over(browsers: Browsers) -> None:
    first, second = Tab(browsers), Tab(browsers, share="s2", session="p2")
    first.hello()
    first.look()
    second.hello()
    told = browsers.exchange([Message("s2", time.monotonic(), True, b'{"type": "hello"}')])
    assert second.look()[0]["type"] == "welcome"
    assert any(share == "s2" and "away" in text for share, text in told)  # a hello without a version
    first.sound(np.zeros(PIECE, np.float32), time.monotonic())
    assert first.look()[-1]["type"] == "who"


def test_a_connection_that_is_not_known_is_asked_who_it_is(browsers: Browsers) -> None:
    tab = Tab(browsers)
    tab.sound(np.zeros(PIECE, np.float32), time.monotonic())
    tab.text({"type": "clock"})
    assert [message["type"] for message in tab.look()] == ["who", "who"]


@pytest.mark.parametrize("name", ["", " x", "a/b", "a\nb", "é" * 17, 7, None])
def test_names_are_short_and_printable(browsers: Browsers, name: object) -> None:
    tab = Tab(browsers)
    tab.hello(name=name)
    (answer,) = tab.look()
    assert answer["type"] == "away" and "name" in answer["why"] and not browsers.states


def test_browsers_beyond_the_bound_are_told_and_one_that_is_gone_makes_room(browsers: Browsers) -> None:
    tabs = [Tab(browsers, f"b{i}", f"s{i}", f"p{i}") for i in range(3)]
    for tab in tabs:
        tab.hello()
    assert tabs[2].look()[0]["type"] == "away" and len(browsers.states) == 4
    tabs[0].close()
    tabs[2].hello()
    assert tabs[2].look()[0]["type"] == "welcome"
    browsers.step()
    assert sorted(browsers.states) == sorted(f"browser/b{i}/{s}" for i in (1, 2) for s in ("microphone", "camera"))
    assert browsers.figures()["refused/browser_crowded"] == 1


def test_a_flood_is_bounded_and_counted(browsers: Browsers) -> None:
    tab = Tab(browsers)
    tab.hello()
    tab.clock()
    assert wait_for(lambda: browsers.states["browser/anna/microphone"] != "connecting")
    for number in range(3000):
        tab.sound(np.zeros(16, np.float32), time.monotonic())
        if number % 10 == 0:
            tab.text({"type": "nonsense"})
    settle(browsers)
    figures = browsers.figures()
    taken = figures["read/browser/anna/microphone"]
    lost = sum(n for name, n in figures.items() if name.startswith("lost/browser/anna/microphone/"))
    assert taken <= 3000 and taken + lost >= 3000
    assert figures["lost/browser/anna/unknown"] == 300


def test_damaged_messages_are_counted_and_change_nothing(browsers: Browsers) -> None:
    tab = Tab(browsers)
    tab.hello()
    now = time.monotonic()
    browsers.exchange([Message("s1", now, False, b"x"), Message("s1", now, True, b"{"), Message("zz", now, True, b"[")])
    assert browsers.figures()["refused/browser_damaged"] == 3
    assert browsers.sharing


def test_what_a_browser_shares_is_recorded_under_its_name(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "session")
    browsers = Browsers(BrowsersConfig(), PerceptionConfig(), NAMES, SensorsConfig(), 1, recorder)
    tab = Tab(browsers)
    tab.hello()
    tab.clock()
    for number in range(5):
        tab.sound(np.full(PIECE, 0.1, np.float32), time.monotonic() - 0.3 + number * PIECE / RATE)
        tab.picture(np.full((48, 64), 90, np.uint8), time.monotonic())
    settle(browsers)
    browsers.close()
    recorder.close()
    recording = Recording(tmp_path / "session")
    assert recording.kinds == {"browser/anna/microphone": "sound", "browser/anna/camera": "pictures"}
    assert len(list(recording.samples("browser/anna/microphone"))) == 5


def test_news_of_an_earlier_connection_is_not_told_to_a_later_one(browsers: Browsers) -> None:
    tab = Tab(browsers)
    tab.hello()
    tab.look()
    # The page dies: nobody says that the connection is gone, and what is to be told waits.
    perceive(browsers, 1.2)
    again = Tab(browsers, share="s2")
    again.hello()
    told = again.look()
    assert told[0]["type"] == "welcome"

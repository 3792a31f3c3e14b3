"""The ways of finding views: what each sees, and that the setting chooses among them."""

from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.harness.shown import drawing, show
from sensors.core.errors import ConfigError
from sensors.cutters.seeing import ViewFinder, register_view_finder, view_finder, view_finders
from sensors.cutters.seeing.thing import crop
from sensors.perception.perception import StreamConfig
from sensors.senses import configure
from sensors.signals.frames import fit_picture
from sensors.signals.readings import Frame
from sensors.sources.live_config import SensorsConfig
from tests.sensors.cutters.hands import SKIN, shown

FPS = 15
Picture = NDArray[np.uint8]


@pytest.fixture
def colour() -> Iterator[None]:
    configure({"image": {"color": True}})
    yield
    configure({})


def watch(name: str, script: Callable[[float], Picture], seconds: float, color: bool = True) -> list[Any]:
    """All reports of a finder that is shown what a script says."""
    finder = view_finder(name).make(StreamConfig(), color, fit_picture)
    found: list[Any] = []
    for i in range(round(seconds * FPS)):
        found += finder.observe(Frame(100 + i / FPS, script(i / FPS)), 100 + i / FPS)
    return [*found, *finder.flush()]


def visit(begin: float, end: float, colour: tuple[int, int, int] | None = (200, 60, 30)) -> Callable[[float], Picture]:
    """A hand that comes up, holds for a while with a tremble, and goes."""

    def script(at: float) -> Picture:
        seed = int(1000 * at)
        if not begin <= at < end:
            return shown(None, seed=seed)
        away = max(0.0, 0.5 - (at - begin), 0.5 - (end - at)) / 0.5
        x, y = 150 + round(2 * np.sin(9 * at)), 100 + round(250 * away**2 + 2 * np.cos(7 * at))
        return shown((x, y), colour=colour, seed=seed)

    return script


def overlap(box: tuple[int, int, int, int] | None, middle: tuple[int, int], size: int) -> float:
    assert box is not None
    left, top = max(box[0], middle[0] - size // 2), max(box[1], middle[1] - size // 2)
    right = min(box[0] + box[2], middle[0] + size // 2)
    low = min(box[1] + box[3], middle[1] + size // 2)
    both = max(0, right - left) * max(0, low - top)
    return both / (box[2] * box[3] + size * size - both)


def test_the_setting_names_every_finder_and_refuses_others() -> None:
    text = next(f.metadata["help"] for f in SensorsConfig.__dataclass_fields__.values() if f.name == "view")
    assert all(f"{name}:" in text for name in view_finders())
    with pytest.raises(ConfigError, match=r"sensors\.view='thin': choose one of auto, card, thing, whole"):
        view_finder("thin")


def test_a_finder_is_registered_once() -> None:
    own = view_finder("thing")
    with pytest.raises(ValueError, match="registered already"):
        register_view_finder(own)
    with pytest.raises(ValueError, match="lower-case"):
        register_view_finder(ViewFinder("Two Words", "", own.make))


def test_a_thing_that_is_held_is_one_view_where_it_is(colour: None) -> None:
    found = watch("thing", visit(2.0, 5.0), 6.5)
    assert {view.number for view in found} == {0}
    assert 2.3 < found[0].start - 100 < 3.2
    assert not found[-1].lasting and 4.3 < found[-1].end - 100 < 5.1
    assert all(overlap(view.box, (150, 100), 70) > 0.6 for view in found)
    assert found[0].sample.shape == (3, 32, 32)
    # The thing is blue with green stripes, whatever holds it.
    red, _, blue = found[0].sample.reshape(3, -1).mean(axis=1)
    assert blue > red + 30


def test_an_empty_hand_is_no_thing(colour: None) -> None:
    assert watch("thing", visit(2.0, 5.0, colour=None), 6.0) == []


def test_light_that_changes_is_no_thing(colour: None) -> None:
    def script(at: float) -> Picture:
        light = (1.25 if 2 < at < 3 else 0.8 if at > 4 else 1.0) * (1 + 0.05 * np.sin(at))
        return shown(None, light=light, seed=int(1000 * at))

    assert watch("thing", script, 6.0) == []


def test_another_thing_is_another_view(colour: None) -> None:
    one, other = visit(1.5, 3.5), visit(4.0, 6.0, colour=(20, 210, 230))
    found = watch("thing", lambda at: one(at) if at < 3.7 else other(at), 7.0)
    assert {view.number for view in found} == {0, 1}
    ends = [view for view in found if not view.lasting]
    assert len(ends) == 2 and ends[0].end < ends[1].start


def test_a_thing_that_turns_is_one_view_of_many_sides(colour: None) -> None:
    def script(at: float) -> Picture:
        if at < 1.5 or at > 5.5:
            return shown(None, seed=int(1000 * at))
        share = min(max((at - 2) / 3, 0.0), 1.0)
        side = (round(200 * (1 - share) + 20 * share), 60, round(30 + 190 * share))
        return shown((150, 100), colour=side, seed=int(1000 * at))

    found = watch("thing", script, 6.5)
    assert {view.number for view in found} == {0}
    kinds = {view.sample.tobytes() for view in found if view.lasting}
    assert len(kinds) >= 5
    first, last = (found[i].sample.reshape(3, -1).mean(axis=1) for i in (0, -1))
    assert first[2] > first[0] and last[0] > last[2]


def test_what_was_there_from_the_beginning_and_is_taken_away_is_no_thing(colour: None) -> None:
    found = watch("thing", lambda at: shown((150, 100) if at < 2.0 else None, seed=int(1000 * at)), 5.0)
    assert found == []


def test_a_crop_is_square_and_stays_inside_the_picture() -> None:
    picture = np.arange(100 * 160 * 3, dtype=np.uint32).astype(np.uint8).reshape(100, 160, 3)
    assert crop(picture, (10, 20, 30, 20)).shape == (37, 37, 3)
    assert crop(picture, (140, 80, 20, 20)).shape == (25, 25, 3)
    assert crop(picture, (0, 0, 150, 90)).shape == (186, 186, 3)


def card(at: float) -> Picture:
    """A card that is shown from second 1.5 to 3."""
    rng = np.random.default_rng(int(1000 * at))
    return np.repeat(show(drawing(3) if 1.5 <= at < 3.0 else None, rng)[..., None], 3, axis=2)


def test_a_card_is_seen_as_before_whatever_else_may_be_seen() -> None:
    alone, either = watch("card", card, 5.0, color=False), watch("auto", card, 5.0, color=False)
    assert len({view.number for view in alone}) == 1 and alone[-1].lasting is False
    for one, other in zip(alone, either, strict=True):
        assert (one.number, one.start, one.end, one.lasting) == (other.number, other.start, other.end, other.lasting)
        assert np.array_equal(one.sample, other.sample)


def test_a_card_that_a_hand_brings_is_a_card_and_no_thing() -> None:
    def script(at: float) -> Picture:
        picture = shown(None, seed=int(1000 * at))
        if 1.5 <= at < 4.0:
            away = max(0.0, 0.5 - (at - 1.5), 0.5 - (4.0 - at)) / 0.5
            x, y = 110, 50 + round(220 * away**2 + np.cos(7 * at))
            cv2.line(picture, (x + 60, y + 120), (x + 90, 280), SKIN, 34, cv2.LINE_AA)
            cv2.rectangle(picture, (x, y), (x + 120, y + 120), (228, 230, 229), -1)
            cv2.line(picture, (x + 60, y + 30), (x + 60, y + 90), (30, 30, 30), 8)
        return picture

    found = watch("auto", script, 5.5, color=False)
    assert {view.number for view in found} == {0}
    # Ink is bright on black; a thing would be its grey self.
    assert all((view.sample < 20).mean() > 0.7 for view in found)


def test_cards_and_things_are_numbered_together(colour: None) -> None:
    thing = visit(1.5, 3.5)
    found = watch("auto", lambda at: thing(at), 4.5)
    assert {view.number for view in found} == {0} and found[-1].lasting is False


def test_the_whole_scene_is_seen_when_it_has_changed_and_settled(colour: None) -> None:
    def script(at: float) -> Picture:
        return shown(None if at < 2 else (100, 90) if at < 4 else (220, 120), seed=int(1000 * at), size=110)

    found = watch("whole", script, 6.0)
    begun = {view.number: view.start - 100 for view in reversed(found)}
    assert sorted(begun) == [0, 1, 2]
    assert [round(begun[i]) for i in range(3)] == [0, 2, 4]
    assert found[0].sample.shape == (3, 32, 32)

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.harness.shown import drawing, show
from sensors.cutters.views import View, Views, ViewsConfig, difference
from sensors.signals.cards import card_image
from sensors.sources.source import Frame

FPS = 15


class _Stage:
    """Frames of what is shown, one after the other, through `Views`."""

    def __init__(self, config: ViewsConfig | None = None) -> None:
        self.views = Views(card_image, config)
        self.rng = np.random.default_rng(0)
        self.time = 10.0
        self.reports: list[View] = []

    def show(
        self, number: int | NDArray[np.uint8] | None, seconds: float, shake: float = 0.0, drift: float = 0.0
    ) -> list[View]:
        before = len(self.reports)
        for k in range(round(seconds * FPS)):
            self.time += 1 / FPS
            shift = (shake * self.rng.uniform(-1, 1), shake * self.rng.uniform(-1, 1))
            light = 1 + drift * np.sin(k / FPS)
            digit = drawing(number) if isinstance(number, int) else number
            picture = show(digit, self.rng, shift=shift, light=float(light))
            self.reports += self.views.observe(Frame(self.time, picture))
        known = {(v.number, v.lasting) for v in self.reports[:before]}
        new = [v for v in self.reports[before:] if (v.number, v.lasting) not in known]
        # What is still there is reported again and again.
        return [v for k, v in enumerate(new) if (v.number, v.lasting) not in {(w.number, w.lasting) for w in new[:k]}]


def test_a_card_held_up_is_a_view_from_when_it_held_still() -> None:
    stage = _Stage()
    assert stage.show(None, 1.0) == []
    shown = stage.time + 1 / FPS
    (view,) = stage.show(1, 1.0, drift=0.2)
    assert view.lasting and view.start == pytest.approx(shown) and view.end - view.start >= 0.25
    assert view.sample.shape == (1, 32, 32) and view.sample.dtype == np.uint8
    gone = stage.time
    (over,) = stage.show(None, 1.5)
    assert not over.lasting and over.number == view.number and over.end == pytest.approx(gone)


def test_what_stays_is_reported_again() -> None:
    stage = _Stage()
    stage.show(4, 3.0)
    ends = [v.end for v in stage.reports]
    assert len({v.number for v in stage.reports}) == 1 and all(v.lasting for v in stage.reports)
    assert max(np.diff(ends)) < 0.6 and stage.time - ends[-1] < 0.6


def test_another_card_in_the_same_place_is_another_view() -> None:
    stage = _Stage()
    for number in range(1, 8):
        *over, view = stage.show(number, 1.0)
        assert view.number == number - 1 and view.lasting
        assert [(v.number, v.lasting) for v in over] == [(number - 2, False)] * (number > 1)
    assert stage.views.counts["views"] == 7


def test_a_shaken_card_is_one_view() -> None:
    stage = _Stage()
    (view,) = stage.show(3, 1.0)
    assert stage.show(3, 0.5, shake=12) == []
    assert stage.show(3, 1.0) == []
    assert stage.views.counts["resumed"] == 1
    (over,) = stage.views.flush()
    assert over.number == view.number and over.end == pytest.approx(stage.time)


def test_a_covered_card_is_one_view() -> None:
    stage = _Stage()
    stage.show(3, 1.0)
    assert stage.show(None, 0.5) == []
    assert stage.show(3, 1.0) == []
    assert stage.views.counts["resumed"] == 1 and stage.views.counts["empty"] >= 1


def test_a_card_that_resembles_the_one_taken_away_is_another_view() -> None:
    one, other = drawing(5), drawing(5)
    other[:12] = 0
    samples = [card_image(show(digit, np.random.default_rng(0))) for digit in (one, other)]
    assert samples[0] is not None and samples[1] is not None
    assert ViewsConfig().back < difference(samples[0], samples[1]) < ViewsConfig().same
    stage = _Stage()
    stage.show(one, 1.0)
    stage.show(None, 0.5)
    over, view = stage.show(other, 1.0)
    assert (over.number, over.lasting, view.number, view.lasting) == (0, False, 1, True)
    # Without the empty room in between the card may have been turned or moved.
    stage.show(one, 1.0)
    assert stage.views.counts["views"] == 2


def test_a_card_shown_again_later_is_a_new_view() -> None:
    stage = _Stage()
    stage.show(3, 1.0)
    stage.show(None, 1.5)
    (again,) = stage.show(3, 1.0)
    assert again.number == 1


def test_what_moves_is_no_view() -> None:
    stage = _Stage()
    assert stage.show(5, 3.0, shake=25) == []
    assert stage.views.known > stage.time - 0.5


def test_a_change_too_small_to_be_movement_is_noticed_when_looked_at_again() -> None:
    stage = _Stage(ViewsConfig(still=0.5))
    stage.show(1, 1.0)
    over, view = stage.show(2, 1.0)
    assert (over.number, over.lasting, view.number) == (0, False, 1)


def test_without_pictures_a_view_is_over() -> None:
    stage = _Stage()
    stage.show(1, 1.0)
    assert stage.views.expire(stage.time + 0.3) == []
    (over,) = stage.views.expire(stage.time + 0.6)
    assert not over.lasting and over.end == pytest.approx(stage.time)
    assert stage.views.known == pytest.approx(stage.time + 0.1)
    assert stage.views.counts["gaps"] == 1


def test_late_and_bad_frames_are_dropped_and_counted() -> None:
    views = Views(lambda picture: None)
    grey = np.zeros((24, 32), np.uint8)
    views.observe(Frame(2.0, grey))
    views.observe(Frame(1.0, grey))
    views.observe(Frame(3.0, np.zeros((24, 32, 4), np.uint8)))
    assert views.counts == {"late": 1, "bad": 1}


def test_seen_never_runs_ahead_of_a_view_to_come() -> None:
    stage, mark = _Stage(), 0.0
    for number, seconds in ((None, 0.5), (1, 0.8), (2, 0.6), (None, 1.0), (3, 0.7)):
        for _ in range(round(seconds * FPS)):
            for view in stage.show(number, 1 / FPS):
                assert not view.lasting or view.start >= mark - 1e-9
            assert stage.views.known >= mark - 1e-9
            mark = stage.views.known


def test_difference_ignores_light_and_contrast() -> None:
    rng = np.random.default_rng(0)
    one = rng.integers(0, 100, (24, 32)).astype(np.uint8)
    assert difference(one, one * 2 + 10) == pytest.approx(0, abs=1e-6)
    assert difference(one, 255 - one) == pytest.approx(2)
    assert difference(one, rng.integers(0, 100, (24, 32)).astype(np.uint8)) == pytest.approx(1, abs=0.2)
    flat = np.full((24, 32), 80, np.uint8)
    assert difference(flat, flat + 9) == 0 and difference(flat, one) == 1

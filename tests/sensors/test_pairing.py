from dataclasses import replace

import numpy as np
import pytest

from benchmarks.pairing import Flaws, measure
from sensors.event import NO_LESSON
from sensors.pairing import Moment, Pairing, PairingConfig
from sensors.segmentation import Utterance
from sensors.views import View

SOUND, PICTURE = np.zeros(1, np.float32), np.zeros((1, 32, 32), np.uint8)


def _said(start: float, end: float, whole: bool = True) -> Utterance:
    return Utterance(start, end, SOUND, whole)


def _shown(number: int, start: float, end: float, lasting: bool = False) -> View:
    return View(number, start, end, PICTURE, lasting)


def _parts(moments: list[Moment]) -> list[tuple[float | None, int | None, int]]:
    return [(m.utterance.start if m.utterance else None, m.view.number if m.view else None, m.lesson) for m in moments]


def test_a_word_beside_a_lasting_view_is_paired_at_once() -> None:
    pairing = Pairing()
    assert pairing.observe(_shown(0, 1.0, 1.3, lasting=True), 1.3) == []
    pairing.advance(2.6, heard=2.0, seen=2.6)
    assert _parts(pairing.observe(_said(2.0, 2.4), 2.6)) == [(2.0, 0, 0)]
    assert pairing.counts["paired"] == 1


def test_several_words_beside_one_view_are_one_lesson_and_another_view_is_another() -> None:
    pairing = Pairing(lesson=7)
    items: list[Utterance | View] = [_shown(0, 1, 4), _said(1.5, 2), _said(2.5, 3), _shown(1, 6, 8), _said(6.5, 7)]
    found = [m for item in items for m in pairing.observe(item, 4.0)] + pairing.flush()
    assert _parts(found) == [(1.5, 0, 7), (2.5, 0, 7), (6.5, 1, 8)]
    assert pairing.lesson == 9


@pytest.mark.parametrize(("gap", "together"), [(0.45, True), (0.55, False)])
@pytest.mark.parametrize("before", [True, False])
def test_the_window_says_what_is_together(gap: float, together: bool, before: bool) -> None:
    pairing = Pairing()
    word = _said(10.0, 10.5)
    view = _shown(0, 9.0 - gap, 10.0 - gap) if before else _shown(0, 10.5 + gap, 12.0)
    found = pairing.observe(word, 10.5) + pairing.observe(view, 12.0) + pairing.flush()
    assert len(found) == (1 if together else 2)
    assert pairing.counts["paired"] == together


def test_the_view_that_was_there_longest_counts_then_the_nearest() -> None:
    pairing = Pairing()
    for view in (_shown(0, 8.0, 10.1), _shown(1, 10.15, 12.0), _shown(2, 12.1, 13.0)):
        pairing.observe(view, 13.0)
    pairing.advance(13.0, heard=10.0, seen=13.0)
    assert _parts(pairing.observe(_said(10.0, 10.6), 13.0)) == [(10.0, 1, 0)]
    assert pairing.counts["ambiguous"] == 1
    near = Pairing()
    for view in (_shown(0, 8.0, 9.8), _shown(1, 10.7, 12.0)):
        near.observe(view, 13.0)
    near.observe(_said(10.0, 10.6), 13.0)
    assert _parts(near.advance(13.0, seen=13.0))[0] == (10.0, 1, 0)


def test_a_word_waits_for_the_view_that_is_about_to_come_and_no_longer() -> None:
    pairing = Pairing(PairingConfig(lateness=0.1))
    assert pairing.observe(_said(1.0, 1.5), 1.7) == []
    assert pairing.advance(2.05, heard=2.0, seen=2.05) == []
    assert _parts(pairing.advance(2.15, heard=2.1, seen=2.15)) == [(1.0, None, NO_LESSON)]
    other = Pairing()
    other.observe(_said(1.0, 1.5), 1.7)
    other.advance(1.9, heard=1.8, seen=1.6)
    found = other.observe(_shown(0, 1.9, 2.2, lasting=True), 2.2) + other.advance(2.3, seen=2.3)
    assert _parts(found + other.flush()) == [(1.0, 0, 0)]


def test_a_view_without_words_is_an_event_when_no_word_can_come_any_more() -> None:
    pairing = Pairing()
    pairing.observe(_shown(0, 1.0, 2.0), 2.1)
    assert pairing.advance(2.5, heard=2.5, seen=2.5) == []
    assert _parts(pairing.advance(3.0, heard=3.0, seen=3.0)) == [(None, 0, NO_LESSON)]
    assert pairing.advance(9.0, heard=9.0, seen=9.0) == [] and pairing.flush() == []


def test_half_a_word_is_paired_with_nothing() -> None:
    pairing = Pairing()
    pairing.observe(_shown(0, 1.0, 9.0), 1.3)
    assert _parts(pairing.observe(_said(2.0, 2.4, whole=False), 2.6)) == [(2.0, None, NO_LESSON)]
    assert pairing.counts["broken"] == 1


def test_a_view_is_reported_again_and_its_end_may_be_lost() -> None:
    pairing = Pairing()
    view = _shown(0, 1.0, 1.3, lasting=True)
    for end in (1.3, 1.8, 2.3):
        pairing.observe(replace(view, end=end), end)
    pairing.advance(5.0, heard=2.9, seen=5.0)
    assert _parts(pairing.observe(_said(3.0, 3.3), 5.0)) == [(3.0, 0, 0)]
    # Not reported for more than 1.2 s and the window: it is taken to be over.
    found = pairing.observe(_said(4.5, 4.8), 6.0) + pairing.advance(6.0, heard=6.0, seen=6.0)
    assert _parts(found) == [(4.5, None, NO_LESSON)]
    assert pairing.observe(_shown(0, 1.0, 2.4), 6.1) == []
    assert pairing.counts["stale"] == 1 and pairing.flush() == []


def test_a_source_that_stands_still_holds_nothing_up_for_longer_than_patience() -> None:
    pairing = Pairing(PairingConfig(patience=3.0))
    pairing.observe(_said(1.0, 1.5), 1.7)
    assert pairing.advance(4.0, heard=4.0) == []
    assert _parts(pairing.advance(6.0, heard=6.0)) == [(1.0, None, NO_LESSON)]


def test_too_many_that_wait_are_decided_early_and_nothing_is_lost() -> None:
    pairing = Pairing(PairingConfig(most=4, patience=60.0))
    found: list[Moment] = []
    for k in range(50):
        found += pairing.observe(_said(k + 0.0, k + 0.3), float(k))
        found += pairing.observe(_shown(k, 100.0 + 2 * k, 101.0 + 2 * k), float(k))
        assert max(pairing.waiting) <= 5
    found += pairing.flush()
    assert sorted(m.utterance.start for m in found if m.utterance) == [float(k) for k in range(50)]
    assert sorted(m.view.number for m in found if m.view) == list(range(50))
    assert pairing.counts["hurried"] > 0


def test_bad_times_cost_next_to_nothing_and_lose_nothing() -> None:
    for seed in range(2):
        figures = measure(900.0, seed, Flaws(drift=400e-6))  # as far apart after a quarter as 100 ppm after an hour
        assert figures["pairs_due"] > 150
        assert figures["precision"] >= 0.99 and figures["recall"] >= 0.99
        assert figures["lost"] == figures["doubled"] == figures["lessons_mixed"] == 0


def test_drift_beyond_the_window_is_seen_in_the_figures() -> None:
    assert measure(300.0, 0, Flaws(drift=0.02))["recall"] < 0.9

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.proofs.pairing import TimingFaults, arrivals, measure, run, script
from sensors.core.event import NO_LESSON
from sensors.cutters.segmentation import Utterance
from sensors.cutters.views import View
from sensors.perception.pairing import Moment, Pairing, PairingConfig

SOUND, PICTURE = np.zeros(1, np.float32), np.zeros((1, 32, 32), np.uint8)


def _said(start: float, end: float, whole: bool = True) -> Utterance:
    return Utterance(start, end, SOUND, whole)


def _shown(number: int, start: float, end: float, lasting: bool = False) -> View:
    return View(number, start, end, PICTURE, lasting)


def _pairing(config: PairingConfig | None = None, lesson: int = 0) -> Pairing:
    return Pairing(("audio", "image"), config, lesson)


def _take(pairing: Pairing, item: Utterance | View, now: float) -> list[Moment]:
    return pairing.observe("image" if isinstance(item, View) else "audio", item, now)


def _to(pairing: Pairing, now: float, heard: float | None = None, seen: float | None = None) -> list[Moment]:
    marks = {"audio": heard, "image": seen}
    return pairing.advance(now, {sense: mark for sense, mark in marks.items() if mark is not None})


def _parts(moments: list[Moment]) -> list[tuple[float | None, int | None, int]]:
    """Of each moment the start of its utterance, the number of its view, and its lesson."""
    return [
        (
            m.percepts["audio"].start if "audio" in m.percepts else None,
            m.percepts["image"].number if "image" in m.percepts else None,
            m.lesson,
        )
        for m in moments
    ]


def test_a_word_beside_a_lasting_view_is_paired_at_once() -> None:
    pairing = _pairing()
    assert _take(pairing, _shown(0, 1.0, 1.3, lasting=True), 1.3) == []
    _to(pairing, 2.6, heard=2.0, seen=2.6)
    assert _parts(_take(pairing, _said(2.0, 2.4), 2.6)) == [(2.0, 0, 0)]
    assert pairing.counts["audio.paired"] == 1


def test_several_words_beside_one_view_are_one_lesson_and_another_view_is_another() -> None:
    pairing = _pairing(lesson=7)
    items: list[Utterance | View] = [_shown(0, 1, 4), _said(1.5, 2), _said(2.5, 3), _shown(1, 6, 8), _said(6.5, 7)]
    found = [m for item in items for m in _take(pairing, item, 4.0)] + pairing.flush()
    assert _parts(found) == [(1.5, 0, 7), (2.5, 0, 7), (6.5, 1, 8)]
    assert pairing.lesson == 9


@pytest.mark.parametrize(("gap", "together"), [(0.45, True), (0.55, False)])
@pytest.mark.parametrize("before", [True, False])
def test_the_window_decides_which_percepts_are_paired(gap: float, together: bool, before: bool) -> None:
    pairing = _pairing()
    word = _said(10.0, 10.5)
    view = _shown(0, 9.0 - gap, 10.0 - gap) if before else _shown(0, 10.5 + gap, 12.0)
    found = _take(pairing, word, 10.5) + _take(pairing, view, 12.0) + pairing.flush()
    assert len(found) == (1 if together else 2)
    assert pairing.counts["audio.paired"] == together


def test_the_view_that_was_there_longest_counts_then_the_nearest() -> None:
    pairing = _pairing()
    for view in (_shown(0, 8.0, 10.1), _shown(1, 10.15, 12.0), _shown(2, 12.1, 13.0)):
        _take(pairing, view, 13.0)
    _to(pairing, 13.0, heard=10.0, seen=13.0)
    assert _parts(_take(pairing, _said(10.0, 10.6), 13.0)) == [(10.0, 1, 0)]
    assert pairing.counts["ambiguous"] == 1
    near = _pairing()
    for view in (_shown(0, 8.0, 9.8), _shown(1, 10.7, 12.0)):
        _take(near, view, 13.0)
    _take(near, _said(10.0, 10.6), 13.0)
    assert _parts(_to(near, 13.0, seen=13.0))[0] == (10.0, 1, 0)


def test_a_word_waits_for_the_view_that_is_about_to_come_and_no_longer() -> None:
    pairing = _pairing(PairingConfig(lateness=0.1))
    assert _take(pairing, _said(1.0, 1.5), 1.7) == []
    assert _to(pairing, 2.05, heard=2.0, seen=2.05) == []
    assert _parts(_to(pairing, 2.15, heard=2.1, seen=2.15)) == [(1.0, None, NO_LESSON)]
    other = _pairing()
    _take(other, _said(1.0, 1.5), 1.7)
    _to(other, 1.9, heard=1.8, seen=1.6)
    found = _take(other, _shown(0, 1.9, 2.2, lasting=True), 2.2) + _to(other, 2.3, seen=2.3)
    assert _parts(found + other.flush()) == [(1.0, 0, 0)]


def test_a_view_without_words_is_an_event_when_no_word_can_come_any_more() -> None:
    pairing = _pairing()
    _take(pairing, _shown(0, 1.0, 2.0), 2.1)
    assert _to(pairing, 2.5, heard=2.5, seen=2.5) == []
    assert _parts(_to(pairing, 3.0, heard=3.0, seen=3.0)) == [(None, 0, NO_LESSON)]
    assert _to(pairing, 9.0, heard=9.0, seen=9.0) == [] and pairing.flush() == []


def test_half_a_word_is_paired_with_nothing() -> None:
    pairing = _pairing()
    _take(pairing, _shown(0, 1.0, 9.0), 1.3)
    assert _parts(_take(pairing, _said(2.0, 2.4, whole=False), 2.6)) == [(2.0, None, NO_LESSON)]
    assert pairing.counts["audio.broken"] == 1


def test_a_view_is_reported_again_and_its_end_may_be_lost() -> None:
    pairing = _pairing()
    view = _shown(0, 1.0, 1.3, lasting=True)
    for end in (1.3, 1.8, 2.3):
        _take(pairing, replace(view, end=end), end)
    _to(pairing, 5.0, heard=2.9, seen=5.0)
    assert _parts(_take(pairing, _said(3.0, 3.3), 5.0)) == [(3.0, 0, 0)]
    # Not reported for more than 1.2 s and the window: it is taken to be over.
    found = _take(pairing, _said(4.5, 4.8), 6.0) + _to(pairing, 6.0, heard=6.0, seen=6.0)
    assert _parts(found) == [(4.5, None, NO_LESSON)]
    assert _take(pairing, _shown(0, 1.0, 2.4), 6.1) == []
    assert pairing.counts["stale"] == 1 and pairing.flush() == []


def test_a_source_that_stands_still_holds_nothing_up_for_longer_than_patience() -> None:
    pairing = _pairing(PairingConfig(patience=3.0))
    _take(pairing, _said(1.0, 1.5), 1.7)
    assert _to(pairing, 4.0, heard=4.0) == []
    assert _parts(_to(pairing, 6.0, heard=6.0)) == [(1.0, None, NO_LESSON)]


def test_too_many_that_wait_are_decided_early_and_nothing_is_lost() -> None:
    pairing = _pairing(PairingConfig(most=4, patience=60.0))
    found: list[Moment] = []
    for k in range(50):
        found += _take(pairing, _said(k + 0.0, k + 0.3), float(k))
        found += _take(pairing, _shown(k, 100.0 + 2 * k, 101.0 + 2 * k), float(k))
        assert max(pairing.waiting.values()) <= 5
    found += pairing.flush()
    assert sorted(m.percepts["audio"].start for m in found if "audio" in m.percepts) == [float(k) for k in range(50)]
    assert sorted(m.percepts["image"].number or 0 for m in found if "image" in m.percepts) == list(range(50))
    assert pairing.counts["hurried"] > 0


def test_bad_times_cost_next_to_nothing_and_lose_nothing() -> None:
    for seed in range(2):
        figures = measure(
            900.0, seed, TimingFaults(drift=400e-6)
        )  # as far apart after a quarter as 100 ppm after an hour
        assert figures["pairs_due"] > 150
        assert figures["precision"] >= 0.99 and figures["recall"] >= 0.99
        assert figures["lost"] == figures["doubled"] == figures["lessons_mixed"] == 0


def test_drift_beyond_the_window_is_seen_in_the_figures() -> None:
    assert measure(300.0, 0, TimingFaults(drift=0.02))["recall"] < 0.9


def test_sound_and_pictures_are_paired_as_by_earlier_versions() -> None:
    """The hash was taken from the algorithm that knew utterances and views alone."""
    outcome = hashlib.sha256()
    for seed in range(6):
        rng, flaws = np.random.default_rng(seed), TimingFaults(0.05, 1e-3, 0.2, 0.3)
        items, _ = arrivals(script(200.0, rng), flaws, rng)
        config = PairingConfig(most=(64, 2)[seed % 2], window=(0.5, 1.5)[seed // 3])
        for moment in run(items, _pairing(config), flaws.drift):
            outcome.update(repr((moment.start, moment.end, *_parts([moment]))).encode())
    assert outcome.hexdigest() == "fba475bd0af1c957f778523da10a6c8c2853412d4e672697b6fd79338fb96ba0"


@dataclass(frozen=True)
class _Felt:
    """A percept of any sense."""

    start: float
    end: float
    number: int | None = None
    lasting: bool = False
    whole: bool = True


SENSES = ("audio", "image", "touch", "far")


def _numbers(moments: Sequence[Moment], *senses: str) -> list[tuple[int | None, ...]]:
    return [tuple(m.percepts[s].number if s in m.percepts else None for s in senses) for m in moments]


def test_a_word_is_with_the_best_of_each_other_sense() -> None:
    pairing = Pairing(("audio", "image", "touch"))
    pairing.observe("image", _Felt(1.0, 4.0, 0), 4.0)
    pairing.observe("touch", _Felt(1.5, 2.2, 0), 4.0)
    pairing.observe("touch", _Felt(2.4, 4.0, 1), 4.0)
    found = pairing.observe("audio", _Felt(2.0, 2.8), 4.0) + pairing.observe("audio", _Felt(3.2, 3.5), 4.0)
    found = sorted(found + pairing.flush(), key=lambda m: ("audio" not in m.percepts, m.start))
    assert [(tuple(m.percepts), m.start, m.lesson) for m in found[:2]] == [
        (("audio", "image", "touch"), 2.0, 0),
        (("audio", "image", "touch"), 3.2, 0),
    ]
    assert [m.percepts["touch"].number for m in found[:2]] == [1, 1]
    # What no word was with is joined with what it overlaps, in that one's lesson.
    assert [(tuple(m.percepts), m.lesson) for m in found[2:]] == [(("image", "touch"), 0)]
    assert found[2].percepts["touch"].number == 0
    assert pairing.lesson == 1 and pairing.waiting == {"audio": 0, "image": 0, "touch": 0}


def test_a_word_waits_for_every_sense_and_for_none_that_has_nothing_to_say() -> None:
    pairing = Pairing(("audio", "image", "touch"))
    pairing.observe("image", _Felt(1.0, 3.0, 0, lasting=True), 3.0)
    assert pairing.observe("audio", _Felt(2.0, 2.4), 2.5) == []
    assert pairing.advance(2.6, {"audio": 2.5, "image": 2.6, "touch": 2.0}) == []
    found = pairing.advance(3.2, {"audio": 3.0, "image": 3.2, "touch": 3.15})
    assert [tuple(m.percepts) for m in found] == [("audio", "image")]


def test_lasting_percepts_without_a_word_are_joined_when_no_word_can_come() -> None:
    pairing = Pairing(("audio", "image", "touch"))
    pairing.observe("image", _Felt(1.0, 3.0, 0), 3.0)
    pairing.observe("touch", _Felt(2.0, 9.0, 0, lasting=True), 3.0)
    pairing.observe("image", _Felt(5.0, 5.5, 1), 5.5)
    assert pairing.advance(3.5, {"audio": 3.4, "image": 3.5, "touch": 3.5}) == []
    found = pairing.advance(5.6, {"audio": 5.5, "image": 5.5, "touch": 5.5})
    assert _numbers(found, "image", "touch") == [(0, 0)]
    found = pairing.flush()
    assert _numbers(found, "image", "touch") == [(1, 0)] and found[0].lesson == 0
    assert pairing.counts["touch.paired"] == 1 and pairing.counts["image.paired"] == 2


def test_what_was_paired_waits_for_what_still_overlaps_it() -> None:
    """A card that a word was said to is left; what was touched meanwhile is still being touched, without a word."""
    pairing = Pairing(("audio", "image", "touch"))
    pairing.observe("image", _Felt(1.0, 2.0, 0), 2.0)
    pairing.observe("audio", _Felt(0.8, 1.1), 2.0)
    pairing.observe("touch", _Felt(1.9, 2.4, 0, lasting=True), 2.4)
    found = pairing.advance(6.0, {"audio": 6.0, "image": 6.0, "touch": 2.4})
    pairing.observe("touch", _Felt(1.9, 6.0, 0), 6.1)
    found += pairing.advance(9.0, {"audio": 9.0, "image": 9.0, "touch": 9.0})
    assert [(tuple(m.percepts), m.lesson) for m in found] == [
        (("audio", "image"), 0),
        (("image", "touch"), 0),
    ]


def test_two_momentary_senses_share_their_moments_and_none_is_used_twice() -> None:
    """Two microphones: the far one has missed the first word."""
    pairing = Pairing(("audio", "far"))
    pairing.observe("audio", _Felt(1.0, 1.3), 1.4)
    pairing.observe("audio", _Felt(1.6, 2.0), 2.1)
    pairing.observe("far", _Felt(1.61, 2.01), 2.1)
    found = pairing.advance(4.0, {"audio": 4.0, "far": 4.0}) + pairing.flush()
    assert [(tuple(m.percepts), m.start) for m in found] == [(("audio",), 1.0), (("audio", "far"), 1.6)]
    assert [m.lesson for m in found] == [NO_LESSON, 0]


@dataclass(frozen=True)
class _Life:
    """One thing perceived by one sense: its reports, each with the second at which it comes."""

    sense: str
    reports: tuple[tuple[float, _Felt], ...]


@st.composite
def _lives(draw: st.DrawFn) -> tuple[list[_Life], PairingConfig]:
    tenth = st.integers(0, 200).map(lambda n: n / 10)
    short = st.integers(1, 20).map(lambda n: n / 10)
    lives: list[_Life] = []
    counts: Counter[str] = Counter()
    for _ in range(draw(st.integers(0, 25))):
        sense = draw(st.sampled_from(SENSES))
        start, length, late = draw(tenth), draw(short), draw(short) / 4
        if sense in ("audio", "far"):
            felt = _Felt(start, start + length, whole=draw(st.booleans()) or draw(st.booleans()))
            lives.append(_Life(sense, ((felt.end + late, felt),)))
            continue
        number, ends = counts[sense], sorted(start + draw(short) for _ in range(draw(st.integers(1, 4))))
        counts[sense] += 1
        over = draw(st.booleans())
        reports = [_Felt(start, end, number, lasting=not over or end < ends[-1]) for end in ends]
        lives.append(_Life(sense, tuple((felt.end + late, felt) for felt in reports)))
    few = draw(st.sampled_from([1, 3, 64]))
    return lives, PairingConfig(most=few, window=draw(st.sampled_from([0.0, 0.5, 2.0])), patience=draw(short) + 1)


@given(_lives(), st.integers(0, 2**16))
@settings(max_examples=200, deadline=None)
def test_of_any_senses_each_momentary_percept_comes_out_once_and_each_lasting_one_at_least_once(
    given_: tuple[list[_Life], PairingConfig], seed: int
) -> None:
    lives, config = given_
    rng = np.random.default_rng(seed)
    pairing, moments = Pairing(SENSES, config), list[Moment]()
    reports = sorted((at, i) for i, life in enumerate(lives) for at, _ in life.reports)
    told = Counter[int]()
    for at, i in reports:
        moments += pairing.observe(lives[i].sense, lives[i].reports[told[i]][1], at)
        told[i] += 1
        if rng.random() < 0.3:
            marks = {sense: at - float(rng.uniform(0, 3)) for sense in SENSES if rng.random() < 0.7}
            moments += pairing.advance(at, marks)
    moments += pairing.flush()
    assert pairing.waiting == dict.fromkeys(SENSES, 0)
    assert not any(track.lasting or track.momentary for track in pairing._tracks.values())
    out = Counter((sense, id(p) if p.number is None else p.number) for m in moments for sense, p in m.percepts.items())
    for life in lives:
        felt = life.reports[0][1]
        times = out.pop((life.sense, id(felt) if felt.number is None else felt.number))
        assert times == 1 if felt.number is None else times >= 1
    assert not out
    for moment in moments:
        assert (moment.lesson == NO_LESSON) == (len(moment.percepts) == 1)
        assert all(p.whole for p in moment.percepts.values()) or len(moment.percepts) == 1
    for sense in SENSES:
        became = [pairing.counts[f"{sense}.{what}"] for what in ("came", "paired", "alone", "broken")]
        assert became[0] == sum(became[1:]) == sum(life.sense == sense for life in lives)
    # A lesson has one number: each that was given is in some moment.
    assert {m.lesson for m in moments} - {NO_LESSON} == set(range(pairing.lesson))

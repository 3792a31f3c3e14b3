from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from sensors.core.errors import ConfigError
from sensors.cutters.segmentation import SegmentationConfig, Segmenter, Utterance
from sensors.signals.spectrogram import SAMPLE_RATE
from sensors.sources.sample_clock import SampleClock
from sensors.sources.source import Chunk
from tests.sensors.speech import chunks, stream

WORDS = [(1.0, 0.4), (2.0, 0.6), (3.5, 0.25)]


def _observe(segmenter: Segmenter, pieces: list[Chunk]) -> list[Utterance]:
    return [u for piece in pieces for u in segmenter.observe(piece)]


def test_words_become_utterances_at_their_times() -> None:
    sound = stream(WORDS, 5.0, np.random.default_rng(0))
    segmenter = Segmenter()
    found = _observe(segmenter, list(chunks(sound, 100.0)))
    assert len(found) == len(WORDS)
    for utterance, (start, length) in zip(found, WORDS, strict=True):
        assert utterance.start == pytest.approx(100 + start, abs=0.05)
        assert utterance.end == pytest.approx(100 + start + length, abs=0.05)
        assert utterance.whole
        first = round((utterance.start - 100) * SAMPLE_RATE)
        np.testing.assert_array_equal(utterance.samples, sound[first : first + len(utterance.samples)])


@pytest.mark.parametrize("size", [37, 160, 4096])
def test_the_size_of_chunks_does_not_matter(size: int) -> None:
    sound = stream(WORDS, 5.0, np.random.default_rng(1))
    usual, other = Segmenter(), Segmenter()
    expected = _observe(usual, list(chunks(sound)))
    found = _observe(other, list(chunks(sound, size=size)))
    assert [len(u.samples) for u in found] == [len(u.samples) for u in expected]
    assert [u.start for u in found] == pytest.approx([u.start for u in expected], abs=1e-6)


def test_an_utterance_is_told_soon_after_its_end() -> None:
    sound = stream([(1.0, 0.4)], 3.0, np.random.default_rng(2))
    segmenter = Segmenter()
    told = next(c.start + 0.02 for c in chunks(sound) if segmenter.observe(c))
    assert 1.4 < told < 1.4 + segmenter.config.pause + 0.1


def test_noise_alone_is_no_utterance() -> None:
    rng = np.random.default_rng(3)
    for level in (1e-5, 1e-3, 0.1):
        segmenter = Segmenter()
        assert not _observe(segmenter, list(chunks(level * rng.standard_normal(20 * SAMPLE_RATE, np.float32))))
    silent = Segmenter()
    assert not _observe(silent, list(chunks(np.zeros(5 * SAMPLE_RATE, np.float32))))


def test_the_floor_follows_the_room_and_what_begins_to_hum_is_nothing_said() -> None:
    rng = np.random.default_rng(4)
    sound = stream([(14.0, 0.5)], 16.0, rng)
    sound[5 * SAMPLE_RATE :] += 0.02 * rng.standard_normal(11 * SAMPLE_RATE, np.float32)
    found = _observe(Segmenter(), list(chunks(sound)))
    *hum, said = found
    assert hum and not any(u.whole for u in hum) and all(u.end < 12 for u in hum)
    assert said.whole and said.start == pytest.approx(14.0, abs=0.05)


def test_a_gap_splits_an_utterance_and_says_so() -> None:
    sound = stream([(1.0, 1.0)], 4.0, np.random.default_rng(5))
    cut, pieces = round(1.5 * SAMPLE_RATE), list(chunks(sound[: round(1.5 * SAMPLE_RATE)]))
    after = list(chunks(sound[cut:], start=1.8))
    segmenter = Segmenter()
    found = _observe(segmenter, [*pieces, Chunk(1.8, after[0].samples, gap=True), *after[1:]])
    assert [u.whole for u in found] == [False, False]
    assert found[0].end == pytest.approx(1.5, abs=0.02)
    assert found[1].start == pytest.approx(1.8, abs=0.05)
    assert segmenter.counts["gaps"] == 1 and segmenter.counts["broken"] == 2


def test_a_gap_in_silence_breaks_nothing() -> None:
    sound = stream(WORDS, 5.0, np.random.default_rng(6))
    cut = round(1.7 * SAMPLE_RATE)
    segmenter = Segmenter()
    after = list(chunks(sound[cut:], start=2.2))
    found = _observe(segmenter, [*chunks(sound[:cut]), *after])
    assert all(u.whole for u in found) and len(found) == 3
    assert found[1].start == pytest.approx(2.5, abs=0.05), "lost sound shows in the times even if nobody says so"


def lose(sound: NDArray[np.float32], first: float, last: float) -> list[Chunk]:
    """Chunks of what is left when the device loses sound, as the microphone gives them: it does not know at once."""
    clock, pieces = SampleClock(SAMPLE_RATE), []
    for piece in chunks(sound):
        if first <= piece.start < last:
            continue
        start, gap, unsure = clock.stamp(piece.start, len(piece.samples))
        pieces.append(Chunk(start, piece.samples, gap, unsure))
    return pieces


def test_what_begins_within_a_pause_of_a_gap_may_be_half_a_word() -> None:
    # A word of two halves around a closure of 120 ms, the first of which was lost.
    sound = stream([(1.0, 0.3), (1.42, 0.3), (2.5, 0.3)], 4.0, np.random.default_rng(13))
    cut = round(1.32 * SAMPLE_RATE)
    segmenter = Segmenter()
    found = _observe(segmenter, list(chunks(sound[cut:], start=1.32)))
    assert [round(u.start, 1) for u in found] == [1.4, 2.5]
    assert [u.whole for u in found] == [False, True]


@pytest.mark.parametrize("seconds", [0.02, 0.08, 0.2])
def test_missing_chunks_are_never_spanned_though_nobody_says_that_they_are(seconds: float) -> None:
    sound = stream([(1.0, 0.5), (2.5, 0.5)], 4.0, np.random.default_rng(14))
    pieces = [p for p in chunks(sound) if not 1.2 <= p.start < 1.2 + seconds - 1e-9]
    segmenter = Segmenter()
    found = _observe(segmenter, pieces)
    assert not any(u.whole for u in found if u.start < 2) and segmenter.counts["gaps"] == 1
    assert [u.whole for u in found if u.start > 2] == [True]


@pytest.mark.parametrize(("first", "last"), [(1.1, 1.18), (1.3, 1.6), (1.7, 1.78)])
def test_a_loss_that_is_noticed_later_breaks_what_was_said_meanwhile(first: float, last: float) -> None:
    sound = stream([(1.0, 0.8), (4.0, 0.5)], 6.0, np.random.default_rng(15))
    segmenter = Segmenter()
    found = _observe(segmenter, lose(sound, first, last))
    assert found and not any(u.whole for u in found if u.start < 3)
    assert [u.whole for u in found if u.start > 3] == [True]
    assert segmenter.counts["gaps"] == 1
    assert segmenter.counts["broken"] == sum(not u.whole for u in found)


def test_a_busy_moment_delays_a_word_and_does_not_break_it() -> None:
    sound = stream([(1.0, 0.5)], 4.0, np.random.default_rng(16))
    segmenter, clock, mark = Segmenter(), SampleClock(SAMPLE_RATE), 0.0
    found: list[Utterance] = []
    for piece in chunks(sound):
        # From 1.3 s on nothing is heard for 0.6 s, then all of it at once.
        seen = 1.9 if 1.3 <= piece.start < 1.9 else piece.start
        start, gap, unsure = clock.stamp(seen, len(piece.samples))
        told = segmenter.observe(Chunk(start, piece.samples, gap, unsure))
        assert all(u.start >= mark - 1e-9 for u in told)
        mark = segmenter.known
        found += told
    assert [u.whole for u in found] == [True] and segmenter.counts["gaps"] == 0


def test_an_utterance_that_is_unsure_when_the_sound_ends_is_not_whole() -> None:
    sound = stream([(1.0, 0.5)], 2.0, np.random.default_rng(17))
    for end in (Segmenter.flush, lambda segmenter: segmenter.expire(9.0)):
        segmenter = Segmenter()
        pieces = [Chunk(c.start, c.samples, unsure=c.start > 1.5) for c in chunks(sound)]
        assert not _observe(segmenter, pieces)
        (cut,) = end(segmenter)
        assert not cut.whole and segmenter.counts["broken"] == 1


def test_a_word_under_way_when_the_stream_ends_is_not_whole() -> None:
    sound = stream([(1.0, 0.8)], 2.0, np.random.default_rng(18))
    segmenter = Segmenter()
    assert not _observe(segmenter, list(chunks(sound[: round(1.5 * SAMPLE_RATE)])))
    (cut,) = segmenter.flush()
    assert not cut.whole and cut.end == pytest.approx(1.5, abs=0.02)


def test_missing_and_swapped_chunks_leave_no_word_that_is_spliced() -> None:
    """Of words that chunks are missing from, or come in another order, none passes for whole."""
    rng = np.random.default_rng(19)
    words = [(1.0 + k, 0.5) for k in range(30)]
    pieces = list(chunks(stream(words, 32.0, rng)))
    lost = set(rng.choice(len(pieces), len(pieces) // 50, replace=False).tolist())
    swapped = list(pieces)
    for i in rng.choice(np.arange(0, len(pieces) - 1, 2), len(pieces) // 50, replace=False):
        swapped[i], swapped[i + 1] = swapped[i + 1], swapped[i]
    for given in ([p for i, p in enumerate(pieces) if i not in lost], swapped):
        hurt = [a.start + 0.01 for a, b in pairwise(given) if abs(b.start - a.start - 0.02) > 1e-6]
        segmenter = Segmenter()
        whole = [u for u in _observe(segmenter, given) if u.whole]
        assert 3 < len(whole) < 27
        assert not [u for u in whole for t in hurt if u.start + 0.02 < t < u.end - 0.02]
        assert segmenter.counts["gaps"] >= 20
    assert segmenter.counts["late"] >= 20


def test_a_backlog_whose_times_run_together_is_heard_and_not_thrown_away() -> None:
    sound = stream([(0.5, 0.4), (3.0, 0.4)], 4.0, np.random.default_rng(20))
    segmenter, clock = Segmenter(), SampleClock(SAMPLE_RATE)
    found: list[Utterance] = []
    for piece in chunks(sound):
        start, gap, unsure = clock.stamp(max(piece.start, 2.0), len(piece.samples))
        found += segmenter.observe(Chunk(start, piece.samples, gap, unsure))
    assert segmenter.counts["late"] == 0
    assert found[-1].whole and found[-1].start == pytest.approx(3.0, abs=0.06)


def test_long_speech_is_cut_where_it_dips_and_nothing_of_it_is_lost() -> None:
    rng = np.random.default_rng(7)
    words = [(1 + 0.5 * k, 0.5) for k in range(11)]
    sound = stream(words, 8.5, rng)
    segmenter = Segmenter(SegmentationConfig(longest=2.0))
    found = _observe(segmenter, list(chunks(sound)))
    assert len(found) >= 3 and not any(u.whole for u in found)
    assert segmenter.counts["too_long"] == len(found) - 1
    assert all(len(u.samples) <= 2.0 * SAMPLE_RATE for u in found)
    # The words fade in and out: that is where it dips.
    between = [start for start, _ in words[1:]]
    for before, after in pairwise(found):
        assert min(abs(before.end - moment) for moment in between) < 0.04
        assert after.start - before.end < 0.04
    assert found[0].start == pytest.approx(1.0, abs=0.05) and found[-1].end == pytest.approx(6.5, abs=0.06)


def test_speech_of_the_greatest_length_without_a_dip_is_cut_all_the_same() -> None:
    sound = stream([(1.0, 5.0)], 7.0, np.random.default_rng(7))
    found = _observe(Segmenter(SegmentationConfig(longest=2.0)), list(chunks(sound)))
    assert sum(len(u.samples) for u in found) / SAMPLE_RATE == pytest.approx(5.1, abs=0.15)
    assert all(len(u.samples) + 3_200 >= SAMPLE_RATE for u in found[:-1])


def test_faint_ends_count_in_noise_and_echoes_do_not_in_silence() -> None:
    rng = np.random.default_rng(15)
    for noise, faint, inside in (
        (0.003, 0.012, True),
        (1e-5, 0.0045, True),
        (0.0015, 0.0045, False),
        (1e-5, 0.0025, False),
    ):
        # A word with a faint half behind it: 18, 26, 26 and 32 dB below it. What is 26 dB below counts in a quiet room.
        sound = stream([(2.0, 0.5)], 4.0, rng, noise)
        sound[round(2.5 * SAMPLE_RATE) : round(2.8 * SAMPLE_RATE)] += faint * rng.standard_normal(4_800, np.float32)
        (found,) = _observe(Segmenter(), list(chunks(sound)))
        assert found.end == pytest.approx(2.8 if inside else 2.5, abs=0.06)


def test_a_phrase_is_one_utterance_or_one_for_each_word() -> None:
    # Three words with 70 ms of silence between them: no pause that ends an utterance.
    words = [(1.0, 0.35), (1.42, 0.3), (1.79, 0.4)]
    sound = stream([*words, (4.0, 0.5)], 6.0, np.random.default_rng(16))
    phrase = _observe(Segmenter(), list(chunks(sound)))
    assert [(round(u.start, 1), round(u.end, 1)) for u in phrase] == [(1.0, 2.2), (4.0, 4.5)]
    segmenter = Segmenter(words=True)
    found = _observe(segmenter, list(chunks(sound)))
    assert len(found) == 4 and all(u.whole for u in found)
    for utterance, (start, length) in zip(found, words, strict=False):
        assert utterance.start == pytest.approx(start, abs=0.05)
        assert utterance.end == pytest.approx(start + length, abs=0.06)
    assert not any(after.start < before.end for before, after in pairwise(found)), "no sound is in two words"


def test_of_a_phrase_that_is_cut_the_words_that_are_whole_stay_whole() -> None:
    words = [(1.0, 0.35), (1.42, 0.3), (1.79, 0.4)]
    sound = stream(words, 3.0, np.random.default_rng(17))
    segmenter = Segmenter(words=True)
    found = _observe(segmenter, list(chunks(sound[: round(2.0 * SAMPLE_RATE)]))) + segmenter.flush()
    assert [u.whole for u in found] == [True, True, False]
    assert segmenter.counts["broken"] == 1


def test_clicks_are_dropped_and_counted() -> None:
    sound = stream([(1.0, 0.05), (2.0, 0.04), (3.0, 0.5)], 5.0, np.random.default_rng(8))
    segmenter = Segmenter()
    found = _observe(segmenter, list(chunks(sound)))
    assert len(found) == 1
    assert segmenter.counts["too_short"] == 2


def test_jitter_and_drift_of_the_times_are_followed() -> None:
    rng = np.random.default_rng(9)
    sound = stream([(1.0 + k, 0.4) for k in range(58)], 60.0, rng)
    drift = 1 + 2e-3  # 12 s of an hour, so that one minute shows it
    segmenter, clock = Segmenter(), SampleClock(SAMPLE_RATE)
    pieces = []
    for c in chunks(sound):
        start, gap, unsure = clock.stamp(c.start * drift + rng.uniform(0, 0.02), len(c.samples))
        pieces.append(Chunk(start, c.samples, gap, unsure))
    found = _observe(segmenter, pieces)
    assert len(found) == 58 and segmenter.counts["gaps"] == 0
    errors = [u.start - (1.0 + k) * drift for k, u in enumerate(found)]
    assert np.abs(errors).max() < 0.06


def test_late_and_bad_chunks_are_dropped_and_counted() -> None:
    segmenter = Segmenter()
    quiet = np.zeros(320, np.float32)
    for k in range(50):
        segmenter.observe(Chunk(10 + k * 0.02, quiet))
    segmenter.observe(Chunk(10.1, quiet))
    segmenter.observe(Chunk(11.0, np.full(320, np.nan, np.float32)))
    segmenter.observe(Chunk(11.0, np.empty(0, np.float32)))
    assert segmenter.counts == {"late": 1, "bad": 2}


def test_heard_never_runs_ahead_of_the_reported_utterances() -> None:
    sound = stream(WORDS, 5.0, np.random.default_rng(10))
    segmenter, mark = Segmenter(), 0.0
    for chunk in chunks(sound):
        for utterance in segmenter.observe(chunk):
            assert utterance.start >= mark - 1e-9
        assert segmenter.known >= mark - 1e-9
        mark = segmenter.known
    assert mark > 4.9


def test_when_sound_stops_coming_an_utterance_ends() -> None:
    sound = stream([(1.0, 1.0)], 2.5, np.random.default_rng(11))[: round(1.6 * SAMPLE_RATE)]
    segmenter = Segmenter()
    assert not _observe(segmenter, list(chunks(sound)))
    assert not segmenter.expire(1.7)
    (cut,) = segmenter.expire(3.0)
    assert not cut.whole and cut.end == pytest.approx(1.6, abs=0.02)
    assert not segmenter.expire(4.0) and segmenter.known == pytest.approx(3.0)
    assert segmenter.counts["gaps"] == 1


def test_memory_is_bounded() -> None:
    segmenter = Segmenter()
    rng = np.random.default_rng(12)
    for chunk in chunks(stream([(k + 1.0, 0.5) for k in range(28)], 30.0, rng)):
        segmenter.observe(chunk)
        assert segmenter.buffered < 7 * SAMPLE_RATE


def test_settings_are_checked() -> None:
    with pytest.raises(ConfigError, match="longest"):
        SegmentationConfig(longest=60.0)
    with pytest.raises(ConfigError, match="loud"):
        SegmentationConfig(loud=1.0, quiet=2.0)


def test_after_a_long_silence_the_background_is_learned_anew() -> None:
    rng = np.random.default_rng(0)

    def room(start: float, level: float) -> list[Chunk]:
        sound = (level * rng.standard_normal(2 * SAMPLE_RATE)).astype(np.float32)
        sound[SAMPLE_RATE : SAMPLE_RATE + SAMPLE_RATE // 2] *= 30
        return [Chunk(start + at / SAMPLE_RATE, sound[at : at + 320]) for at in range(0, len(sound), 320)]

    segmenter = Segmenter()
    found = [u for chunk in room(0.0, 0.0001) + room(10.0, 0.003) for u in segmenter.observe(chunk)]
    assert [round(u.start, 1) for u in found] == [1.0, 11.0] and all(u.whole for u in found)

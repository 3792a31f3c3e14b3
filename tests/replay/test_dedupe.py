"""Seen ids against a plain set, in memory and from the journal."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay import dedupe
from replay.dedupe import Journal, Seen, source_key

Offers = list[tuple[int, int, list[int]]]
OFFERS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 1), st.lists(st.integers(0, 60), min_size=1, unique=True)),
    max_size=40,
)


def offer(seen: Seen, offers: Offers) -> None:
    for source, generation, seq in offers:
        seen.add(source, generation, np.array(seq))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(OFFERS)
def test_seen_equals_a_plain_set(offers: Offers) -> None:
    seen, plain = Seen(), set[tuple[int, int, int]]()
    for source, generation, seq in offers:
        fresh = seen.unseen(source, generation, np.array(seq))
        assert fresh.tolist() == [(source, generation, n) not in plain for n in seq]
        seen.add(source, generation, np.array(seq)[fresh])
        plain |= {(source, generation, n) for n in seq}
    spelt = {(s, g, n) for s, g, first, last in seen.intervals() for n in range(first, last + 1)}
    assert spelt == plain


def test_memory_is_bounded_and_only_the_oldest_gap_closes() -> None:
    seen = Seen()
    for n in range(dedupe.MAX_INTERVALS + 1):
        seen.add(1, 0, np.array([n * 10]))
    assert len(seen) == dedupe.MAX_INTERVALS
    assert seen.unseen(1, 0, np.array([5, 15, 20])).tolist() == [False, True, False]
    for source in range(dedupe.MAX_STREAMS + 10):
        seen.add(source + 2, 0, np.array([0]))
    assert len(seen) == dedupe.MAX_STREAMS
    assert not seen.unseen(dedupe.MAX_STREAMS + 11, 0, np.array([0]))[0]


@settings(max_examples=50, deadline=None, derandomize=True)
@given(OFFERS)
def test_journal_brings_everything_back(tmp_path_factory: pytest.TempPathFactory, offers: Offers) -> None:
    path = tmp_path_factory.mktemp("journal") / "seen.log"
    seen, journal = Seen(), Journal(path)
    for source, generation, seq in offers:
        journal.append(source, generation, seen.add(source, generation, np.array(seq)), seen)
    again = Seen()
    assert Journal(path).load(again) == 0
    assert sorted(again.intervals()) == sorted(seen.intervals())


def test_a_full_journal_is_rewritten_small_and_loses_nothing(tmp_path: Path) -> None:
    seen, journal = Seen(), Journal(tmp_path / "seen.log")
    for n in range(40_000):
        journal.append(9, n // 30_000, seen.add(9, n // 30_000, np.array([n])), seen)
    again = Seen()
    assert Journal(tmp_path / "seen.log").load(again) == 0
    assert sorted(again.intervals()) == [(9, 0, 0, 29_999), (9, 1, 30_000, 39_999)]
    assert not (tmp_path / "seen.log.new").exists()


def test_a_damaged_record_is_passed_over_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "seen.log"
    seen, journal = Seen(), Journal(path)
    for n in (0, 10, 20):
        journal.append(1, 0, seen.add(1, 0, np.array([n])), seen)
    raw = bytearray(path.read_bytes())
    raw[40 + 17] ^= 4
    path.write_bytes(raw)
    again = Seen()
    assert Journal(path).load(again) == 1
    assert again.unseen(1, 0, np.array([0, 10, 20])).tolist() == [False, True, False]


def test_source_keys_are_stable_across_processes() -> None:
    assert source_key("teacher-0") == 0xB84B96F79661B062
    assert source_key("teacher-0") != source_key("teacher-1")

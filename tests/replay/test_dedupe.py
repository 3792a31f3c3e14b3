"""Seen ids against a plain set."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from replay import dedupe
from replay.dedupe import Seen, source_key

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


def test_source_keys_are_stable_across_processes() -> None:
    assert source_key("teacher-0") == 0xB84B96F79661B062
    assert source_key("teacher-0") != source_key("teacher-1")

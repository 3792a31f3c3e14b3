"""The letters teacher: which letters it pairs and which it only says, in which order, and that it goes on exactly."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.core.errors import ConfigError, StateError
from sensors.core.event import NO_LESSON, EventBatch
from teacher.config import LettersConfig
from teacher.datasets.letters import LetterData
from teacher.letters import LettersMachine
from teacher.subjects import Cursor
from tests.teacher.spelled_toy import toy_letters

PAIRS, ALONE = "speech+lips+letter", "speech+letter"
DATA = toy_letters()
SEEN_ROWS = {int(r) for r in DATA.train if DATA.utterances.letters[r] in DATA.seen}
UNSEEN_ROWS = {int(r) for r in DATA.train if DATA.utterances.letters[r] in DATA.unseen}


def machine(data: LetterData = DATA, seed: int = 3, generation: int = 0, **changes: Any) -> LettersMachine:
    return LettersMachine(LettersConfig(**changes), data, "teacher-letters", seed, generation)


def rows(batch: EventBatch) -> list[int]:
    return [int(r) for r in batch.samples["speech"][:, 0, 0]]


def of_kind(batches: list[EventBatch], kind: str) -> list[int]:
    return [row for batch in batches if batch.kind == kind for row in rows(batch)]


def same(a: EventBatch, b: EventBatch) -> bool:
    columns = all((a.samples[m] == b.samples[m]).all() for m in a.samples)
    return a.kind == b.kind and columns and (a.seq == b.seq).all() and (a.start == b.start).all()


def test_pairs_are_of_letters_seen_and_speech_alone_of_letters_unseen() -> None:
    it = machine(batch_events=6)
    batches = [it.step() for _ in range(60)]
    assert {batch.kind for batch in batches} == {PAIRS, ALONE}
    u = DATA.utterances
    for batch in batches:
        at = rows(batch)
        assert (batch.samples["letter"][:, 0] == u.letters[at]).all() and batch.samples["letter"].dtype == np.uint16
        assert (batch.samples["speech"] == u.speech[at]).all()
        if batch.kind == PAIRS:
            assert (batch.samples["lips"] == u.stored_lips[at]).all()
        assert (batch.lesson == NO_LESSON).all() and (batch.end > batch.start).all()
    assert set(of_kind(batches, PAIRS)) == SEEN_ROWS
    assert set(of_kind(batches, ALONE)) == UNSEEN_ROWS
    assert not (SEEN_ROWS | UNSEEN_ROWS) & set(DATA.test.tolist())
    seq = np.concatenate([batch.seq for batch in batches])
    assert (seq == np.arange(len(seq))).all()


def test_every_row_comes_once_before_any_comes_again_and_then_in_another_order() -> None:
    it = machine(batch_events=7)
    batches = [it.step() for _ in range(80)]
    for kind, part in ((PAIRS, SEEN_ROWS), (ALONE, UNSEEN_ROWS)):
        said = of_kind(batches, kind)
        passes = [said[i : i + len(part)] for i in range(0, len(said) - len(part) + 1, len(part))]
        assert len(passes) >= 3
        assert all(set(one) == part for one in passes)
        assert passes[0] != sorted(passes[0]) and passes[0] != passes[1]
    assert of_kind([machine(seed=4).step()], PAIRS) != of_kind([machine().step()], PAIRS)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.5, 1.0])
def test_the_mix_is_as_set_and_pairs_come_first(share: float) -> None:
    it = machine(unseen_share=share, pairs_first=20, batch_events=8)
    batches = [it.step() for _ in range(203)]
    assert [len(batch) for batch in batches[:3]] == [8, 8, 4]
    assert {batch.kind for batch in batches[:3]} == {PAIRS}
    later = [batch.kind for batch in batches[3:]]
    # Evenly: at no time is the share off by more than one batch.
    for end in range(1, len(later)):
        assert abs(later[:end].count(ALONE) - share * end) <= 1


def test_with_no_first_pairs_speech_only_events_may_come_first() -> None:
    it = machine(unseen_share=1.0, pairs_first=0)
    assert {it.step().kind for _ in range(20)} == {ALONE}


def test_new_letters_come_one_after_another_at_once_when_due() -> None:
    grow, size = 40, 4
    it = machine(grow_events=grow, batch_events=size, pairs_first=12, unseen_share=0.5)
    batches = [it.step() for _ in range(200)]
    first: dict[int, int] = {}
    for batch in batches:
        for letter, seq in zip(batch.samples["letter"][:, 0].tolist(), batch.seq.tolist(), strict=True):
            if batch.kind == ALONE:
                first.setdefault(letter, seq)
    assert list(first) == list(DATA.unseen)
    # Speech alone is every second batch: a new letter waits for one.
    for before, after in pairwise(first.values()):
        assert grow - 2 * size <= after - before <= grow + 2 * size
    assert first[20] - 12 <= 2 * size
    said = of_kind(batches, ALONE)
    assert set(said) == UNSEEN_ROWS
    # What was not said while letters were new comes before the reshuffled passes.
    last_new = next(i for i in range(len(said)) if set(said[:i]) >= UNSEEN_ROWS)
    assert all(said[:last_new].count(row) <= 1 for row in UNSEEN_ROWS if DATA.utterances.letters[row] == 25)
    assert len(set(said[last_new : last_new + len(UNSEEN_ROWS)])) == len(UNSEEN_ROWS)


@settings(max_examples=25, deadline=None)
@given(
    share=st.floats(0.0, 1.0),
    size=st.integers(1, 9),
    grow=st.sampled_from([0, 1, 13, 90]),
    first=st.integers(1, 40),
    ahead=st.integers(0, 60),
)
def test_setting_the_cursor_back_emits_the_same_again(
    share: float, size: int, grow: int, first: int, ahead: int
) -> None:
    changes: dict[str, Any] = {"unseen_share": share, "batch_events": size, "grow_events": grow, "pairs_first": first}
    it = machine(**changes)
    for _ in range(ahead):
        it.step()
    state = it.state_dict()
    told = [it.step() for _ in range(12)]
    again = machine(seed=9, generation=5, **changes)
    again.load_state_dict(state)
    assert all(same(a, b) for a, b in zip(told, [again.step() for _ in range(12)], strict=True))
    it.cursor = Cursor(state["batch"], state["seq"])
    assert same(told[0], it.step())


def test_a_generation_says_the_same_corpus_in_another_order() -> None:
    one, two = machine(generation=0), machine(generation=1)
    a, b = ([m.step() for _ in range(40)] for m in (one, two))
    assert of_kind(a, PAIRS) != of_kind(b, PAIRS)
    assert a[0].generation == 0 and b[0].generation == 1


def test_a_state_of_something_else_is_refused() -> None:
    it = machine()
    state = it.state_dict()
    for wrong in (
        {**state, "name": "teacher-0"},
        {**state, "batch": -1},
        {**state, "seq": 1.5},
        {**state, "lesson": 0},
        {**state, "version": 2},
        {k: v for k, v in state.items() if k != "seed"},
    ):
        with pytest.raises(StateError, match="teacher teacher-letters"):
            it.load_state_dict(wrong)


def test_a_corpus_without_the_requested_letters_is_refused() -> None:
    with pytest.raises(ConfigError, match="unseen_share"):
        machine(replace(DATA, unseen=()))
    machine(replace(DATA, unseen=()), unseen_share=0.0)
    with pytest.raises(ConfigError, match="toy-letters has no training rows of letters seen"):
        machine(replace(DATA, seen=()))
    machine(replace(DATA, seen=()), unseen_share=1.0, pairs_first=0)


def test_letters_without_utterances_are_passed_over() -> None:
    it = machine(toy_letters(letters=23), grow_events=8, unseen_share=0.5)
    letters = {x for _ in range(60) for x in it.step().samples["letter"][:, 0].tolist()}
    assert letters == set(range(23))

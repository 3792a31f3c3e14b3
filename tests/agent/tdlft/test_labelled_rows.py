from typing import Any

import numpy as np
import pytest
import torch

from agent.checkpoints.checkpoint import load_state, save_state
from agent.tdlft.labelled_rows import HEARD, PAIRS, LabelledRows, LabelledTables, changed, take_rows
from agent.tdlft.lips import to_rows
from sensors.core.errors import StateError
from tests.agent.letter_rigs import LetterTables, said
from tests.agent.rigs import alike


def take(replay: LabelledTables) -> LabelledRows:
    work = take_rows(replay)
    while True:
        try:
            next(work)
        except StopIteration as end:
            rows: LabelledRows = end.value
            return rows


def test_both_tables_are_taken_as_rows() -> None:
    rows = take(LetterTables().pairs([4, 1, 4]).pairs([0], seed=5).heard([2, 2]))
    assert rows.labels.tolist() == [4, 1, 4, 0] and rows.heard_labels.tolist() == [2, 2]
    assert np.array_equal(rows.lips[:3], to_rows(said([4, 1, 4])["lips"]))
    assert np.array_equal(rows.speech[:3], said([4, 1, 4])["speech"].reshape(3, -1))
    assert rows.every_speech.shape == (6, 624) and rows.every_label.tolist() == [4, 1, 4, 0, 2, 2]
    assert rows.unpaired == (2,)


def test_tables_that_are_not_there_are_empty() -> None:
    rows = take(LetterTables())
    assert rows.lips.shape == (0, 3600) and rows.heard_speech.shape == (0, 624) and rows.unpaired == ()
    assert not rows.enough(1)


def test_a_repeated_utterance_counts_once() -> None:
    once = take(LetterTables().pairs([0, 1]).heard([2]))
    again = take(LetterTables().pairs([0, 1]).pairs([0, 1]).heard([2]).heard([2]))
    alike(once.state_dict(), again.state_dict(), "rows")
    samples = said([0, 1])
    relabelled: dict[str, Any] = {**samples, "letter": samples["letter"][::-1].copy()}
    tables = LetterTables().pairs([0, 1])
    tables.batches[PAIRS].append(relabelled)
    assert len(take(tables).labels) == 4, "the same sound with another label is another event"


@pytest.mark.parametrize(
    ("labels", "pairs", "enough"),
    [([0, 0, 1, 1], 4, True), ([0, 0, 1, 1], 5, False), ([0, 0, 0, 1], 4, False), ([3, 3, 3, 3], 4, False)],
)
def test_two_letters_said_twice_are_the_least(labels: list[int], pairs: int, enough: bool) -> None:
    assert take(LetterTables().pairs(labels)).enough(pairs) is enough


def test_change_is_the_share_that_came_or_went() -> None:
    keys = np.arange(8)
    assert changed(keys, keys[::-1]) == 0 and changed(keys[:0], keys[:0]) == 1
    assert changed(keys[:6], keys) == 0.25 and changed(keys, keys[:6]) == 0.25
    assert changed(keys[:0], keys) == 1 and changed(keys, keys + 2) == 0.25


def test_state_comes_back_whole_or_not_at_all(tmp_path: Any) -> None:
    rows = take(LetterTables().pairs([0, 1]).heard([2]))
    save_state(tmp_path, "rows", rows.state_dict())
    state = load_state(tmp_path, "rows")
    alike(LabelledRows.from_state(state).state_dict(), rows.state_dict(), "rows")
    with pytest.raises(StateError, match="lacks lips"):
        LabelledRows.from_state({k: v for k, v in state.items() if k != "lips"})
    for broken in (torch.zeros(3, 3600), torch.zeros(2, 3600, dtype=torch.float64), [1.0]):
        with pytest.raises(StateError, match="lips must be a tensor"):
            LabelledRows.from_state(state | {"lips": broken})


def test_kinds_are_those_of_labelled_events() -> None:
    assert (PAIRS, HEARD) == ("speech+lips+letter", "speech+letter")

"""Strict keys of saved states."""

from typing import Any

import pytest

from sensors.core.errors import StateError
from sensors.core.state import check_state, load_counts


def test_exactly_what_was_written_passes() -> None:
    check_state({"version": 3, "a": 1, "b": 2}, {"a", "b"}, 3, "ring")


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"a": 1, "b": 2}, "format version None"),
        ({"version": 2, "a": 1, "b": 2}, "format version 2, this program reads 3"),
        ({"version": 3, "b": 2}, "lacks a"),
        ({"version": 3, "a": 1, "b": 2, "c": 3}, "unknown c"),
        (["version", "a", "b"], "list"),
        (None, "NoneType"),
    ],
)
def test_anything_else_is_refused(state: Any, message: str) -> None:
    with pytest.raises(StateError, match=f"^ring: .*{message}"):
        check_state(state, {"a", "b"}, 3, "ring")


SAVED = {"version": 3, "name": "mouth", "seq": 7, "lesson": 0}


def test_counts_come_in_the_order_asked() -> None:
    assert load_counts(SAVED, "mouth", ("lesson", "seq"), 3, "teacher mouth") == [0, 7]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "hand"}, "belongs to 'hand'"),
        ({"seq": -1}, "saved seq=-1, expected an integer >= 0"),
        ({"seq": True}, "saved seq=True"),
        ({"lesson": 1.5}, "saved lesson=1.5"),
        ({"more": 1}, "unknown more"),
        ({"version": 4}, "later version"),
    ],
)
def test_what_is_no_state_of_that_source_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(StateError, match=f"^teacher mouth: .*{message}"):
        load_counts(SAVED | change, "mouth", ("seq", "lesson"), 3, "teacher mouth")

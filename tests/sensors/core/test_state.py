"""Strict keys of saved states."""

from typing import Any

import pytest

from sensors.core.errors import StateError
from sensors.core.state import check_state


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

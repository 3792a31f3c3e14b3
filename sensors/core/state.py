"""Strict `state_dict` keys: whatever is saved is checked when it comes back."""

from collections.abc import Mapping, Sequence
from typing import Any

from sensors.core.errors import StateError

StateDict = dict[str, Any]


def check_state(state: Mapping[str, Any], keys: set[str], version: int, owner: str) -> None:
    """Refuse a saved state that is not exactly what `owner` wrote.

    Args:
        state: what was read; holds `version` beside `keys`.
        keys: the names that must be there, and no others.
        version: the format version that `owner` reads.
        owner: the component's name, for the message.

    Raises:
        StateError: a key is missing or unknown, the version differs, or it is no mapping.
    """
    if not isinstance(state, Mapping):
        raise StateError(f"{owner}: expected a saved state of named values, got {type(state).__name__}")
    found = state.get("version")
    if isinstance(found, int) and found > version:
        raise StateError(
            f"{owner}: saved by a later version of the program (format {found}, this one reads {version}); "
            "go on with that version"
        )
    if found != version:
        raise StateError(f"{owner}: saved with format version {found!r}, this program reads {version}")
    names = set(state) - {"version"}
    if missing := sorted(keys - names):
        raise StateError(f"{owner}: saved state lacks {', '.join(missing)}")
    if unknown := sorted(names - keys):
        raise StateError(f"{owner}: saved state has unknown {', '.join(unknown)}")


def load_counts(state: Mapping[str, Any], name: str, counts: Sequence[str], version: int, owner: str) -> list[int]:
    """The counts of a saved state that holds `version`, `name` and nothing else but them, in the order asked.

    Args:
        state: what was read.
        name: of the source that it must belong to.
        counts: their names; each is an integer >= 0.
        version: the format version that `owner` reads.
        owner: the component's name, for the message.

    Raises:
        StateError: another version or source, a key too many or too few, or a value that is no count.
    """
    check_state(state, {"name", *counts}, version, owner)
    if state["name"] != name:
        raise StateError(f"{owner}: saved state belongs to {state['name']!r}")
    for key in counts:
        if isinstance(state[key], bool) or not isinstance(state[key], int) or state[key] < 0:
            raise StateError(f"{owner}: saved {key}={state[key]!r}, expected an integer >= 0")
    return [state[key] for key in counts]

"""Removed settings that had no effect; saved settings of a run or a robot may still hold them."""

from collections.abc import Mapping
from typing import Any

RETIRED: Mapping[str, Mapping[str, Any]] = {"sensors": {"cascade": None}}
"""Section -> setting -> the one value that it had."""


def without_retired(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by section, without those of `RETIRED` that have the value they had; all others are left as they are."""
    kept = dict(values)
    for section, gone in RETIRED.items():
        if isinstance(found := kept.get(section), Mapping):
            kept[section] = {k: v for k, v in found.items() if k not in gone or v != gone[k]}
    return kept

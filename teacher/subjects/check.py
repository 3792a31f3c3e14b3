"""What can be known of the data of all subjects of a run before anything is started."""

from collections.abc import Sequence
from typing import Any

from teacher.config import DataConfig
from teacher.datasets.check import refuse_unused
from teacher.datasets.choose import VARIABLE
from teacher.subjects.contract import Subject, settings_of, unlabelled


def check_subjects(taught: Sequence[Subject], data: DataConfig, sections: Any, source: str = "") -> None:
    """Tell at once what would stop the teachers of these subjects.

    A directory that is named and of which no subject uses anything is a mistake. `RECIPROCAL_DATA` may name what other
    runs use: where labelled subjects alone are taught, it is no mistake. Where others are taught, too, it is one only
    if these lack their data.

    Args:
        taught: the subjects.
        data: which data, and where.
        sections: the run's settings by section.
        source: how the user named the directory: an option, or a variable; by default as `data` does.

    Raises:
        UserError: one or two lines that name the fault and the fix.
    """
    chosen = {one.name: dict(one.choose(data)) for one in taught}
    choices = {kind: choice for found in chosen.values() for kind, choice in found.items()}
    first = [one for one in unlabelled(taught) if chosen[one.name]]
    named = source or ("--data" if data.data else VARIABLE)
    if first or named != VARIABLE:
        missed = {kind: choice for one in first or taught for kind, choice in chosen[one.name].items()}
        refuse_unused(data, choices, missed, source)
    for one in taught:
        one.check(data, settings_of(one, sections), source)

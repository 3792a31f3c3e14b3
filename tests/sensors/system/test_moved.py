"""Imports for an earlier version: the message names the place of today."""

import importlib

import pytest

from sensors.system.moved import RENAMED, instead_of


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import sensors.pictures", "there is no module sensors.pictures; import sensors.signals.pictures instead"),
        ("import sensors.hush", "there is no module sensors.hush; import sensors.sources.own_playback instead"),
        (
            "import teacher.datasets.mnist",
            "there is no module teacher.datasets.mnist; import teacher.datasets.readers.mnist ",
        ),
        (
            "from teacher.datasets import mnist",
            "there is no teacher.datasets.mnist; import teacher.datasets.readers.mnist ",
        ),
        (
            "from runtime.settings import RunConfig",
            "there is no module runtime.settings; import runtime.config.settings ",
        ),
        (
            "from sensors.perception import Perception",
            "sensors.perception has no Perception; import it from sensors.perception.perception instead",
        ),
        ("import sensors.absent", ""),
        ("from sensors.senses import NoSuchThing", ""),
        # Several rooms of the agent have a contract.
        ("import agent.contract", ""),
        ("import numpy.absent", ""),
        ("from numpy import absent", ""),
    ],
)
def test_a_failed_import_names_the_place_of_today(code: str, expected: str) -> None:
    with pytest.raises(ImportError) as caught:
        exec(code, {})
    told = instead_of(caught.value)
    assert told.startswith(expected) and bool(told) == bool(expected)


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_every_renamed_module_is_where_the_table_says(old: str, new: str) -> None:
    importlib.import_module(new)
    with pytest.raises(ImportError):
        importlib.import_module(old)

"""Settings that algorithms and subjects of plugins bring."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.algorithms import Setup, algorithm
from agent.hardware import choose_hardware
from runtime.command.cli import parse_arguments
from runtime.command.parser import PrintedText
from runtime.config.learning import sections
from runtime.config.settings import RunConfig
from runtime.config.settings_list import settings
from sensors.core.errors import ConfigError, UserError
from sensors.plugins import load_plugins
from tests.agent.rigs import ListReplay, tables
from tests.agent.rigs import config as learner_config

HEAD = """
from dataclasses import dataclass, replace
import numpy as np
from agent.algorithms import CONTRASTIVE, register_algorithm
from agent.algorithms.contrastive import Contrastive
from agent.config import ContrastiveConfig
from sensors.core.config import Config, setting
from sensors.core.modalities import Modality
from sensors.senses import Sense, register_sense
from sensors.senses.drawing import curves_view
from teacher.config import TeacherConfig
from teacher.subjects import register_subject, subject

@dataclass(frozen=True)
class Own(ContrastiveConfig):
    depth: int = setting(2, help="layers of the maps", unit="layers", low=1, high=9)

@dataclass(frozen=True)
class Lessons(TeacherConfig):
    pages: int = setting(3, help="pages of a lesson", low=1, high=5)

class Mine(Contrastive):
    pass

FORM = Modality("NAME", (64, 6), np.dtype(np.float32), "pressure", 1.0, "sequence", -4.0, 4.0)
"""
ALGORITHM = """
Mine.declared = register_algorithm(replace(CONTRASTIVE, name="NAME", build=Mine, settings=Own))
"""
SUBJECT = """
class Taught(type(subject("digits"))):
    name, settings = "NAME", Lessons
    def teachers(self, count):
        return [f"teacher-NAME-{n}" for n in range(count)]
register_subject(Taught())
"""
SENSE = """
register_sense(Sense(FORM, "touch", curves_view(-4, 4), settings=Own))
"""


def plugin(folder: Path, *parts: str, name: str = "mine") -> str:
    path = folder / "plugin.py"
    path.write_text((HEAD + "".join(parts)).replace("NAME", name))
    return str(path)


def test_an_algorithm_s_settings_are_a_section_of_its_name(tmp_path: Path, plugins_undone: Callable[[], None]) -> None:
    file = plugin(tmp_path, ALGORITHM)
    with pytest.raises(PrintedText, match=r"\[mine\]\n(.*\n)*  mine\.depth = 2   \(int, 1…9, layers\)"):
        parse_arguments(["--plugin", file, "--help-settings"])
    request = parse_arguments(["--plugin", file, "--learn", "mine", "--teach", "digits", "--set", "mine.depth=4"])
    config = RunConfig.of(request.changes)
    assert RunConfig.from_saved(config.to_dict()) == config and config.to_dict()["mine"]["depth"] == 4
    assert sections(config)["mine"]["depth"] == 4 and "contrastive" not in sections(config)
    learner, replay = learner_config(batch=64), ListReplay(tables(256))
    own = algorithm("mine").make(Setup(learner, choose_hardware(learner), replay, replay, 0, sections(config)))
    assert own.name == "mine" and vars(own)["own"].depth == 4
    with pytest.raises(ConfigError, match=r"mine\.depth=40: outside 1…9 layers"):
        RunConfig.of({"mine.depth": "40"})
    with pytest.raises(ConfigError, match="unknown setting bogus"):
        RunConfig.from_saved({**config.to_dict(), "mine": {"bogus": 1}})


def test_two_parts_of_one_file_have_sections_each(tmp_path: Path, plugins_undone: Callable[[], None]) -> None:
    felt = SENSE.replace("FORM", "replace(FORM, name='felt')")
    file = plugin(tmp_path, ALGORITHM, SUBJECT.replace("NAME", "yours"), felt)
    load_plugins([file])
    keys = {setting.key for setting in settings()}
    assert {"mine.depth", "yours.pages", "yours.style", "felt.depth", "tdlft.share", "contrastive.width"} <= keys
    assert len({setting.key for setting in settings()}) == len(list(settings())), "no setting is there twice"


@pytest.mark.parametrize(
    ("parts", "name", "told"),
    [
        ((ALGORITHM,), "replay", "algorithm 'replay': a section of the settings has this name"),
        ((SUBJECT,), "replay", "subject 'replay': a section of the settings has this name"),
        ((SUBJECT,), "image", "subject 'image': the sense 'image' has settings of this name"),
        ((SUBJECT,), "tdlft", "subject 'tdlft': the algorithm 'tdlft' has settings of this name"),
        ((SENSE,), "contrastive", "sense 'contrastive': the algorithm 'contrastive' has settings of this name"),
        ((ALGORITHM, SUBJECT), "mine", "subject 'mine': the algorithm 'mine' has settings of this name"),
        ((SENSE, ALGORITHM), "mine", "algorithm 'mine': the sense 'mine' has settings of this name"),
        ((ALGORITHM.replace("Own)", "dict)"),), "mine", "its settings are no subclass of sensors.core.config.Config"),
        ((ALGORITHM.replace("Own)", "Bare)"),), "mine", "algorithm 'mine': give each of its settings a default"),
    ],
)
def test_no_two_sections_have_one_name(
    tmp_path: Path, plugins_undone: Callable[[], None], parts: tuple[str, ...], name: str, told: str
) -> None:
    bare = "\n@dataclass(frozen=True)\nclass Bare(Config):\n    depth: int\n"
    with pytest.raises(UserError, match=re.escape(told) + r".*;\nmend the file"):
        load_plugins([plugin(tmp_path, bare, *parts, name=name)])


def test_an_algorithm_that_builds_another_one_is_refused(tmp_path: Path, plugins_undone: Callable[[], None]) -> None:
    load_plugins([plugin(tmp_path, 'register_algorithm(replace(CONTRASTIVE, name="mine", build=Contrastive))\n')])
    learner, replay = learner_config(batch=64), ListReplay(tables(256))
    told = r"algorithm mine: builds a Contrastive, which is declared as contrastive;\nlet its class"
    with pytest.raises(ConfigError, match=told):
        algorithm("mine").make(Setup(learner, choose_hardware(learner), replay, replay, 0))

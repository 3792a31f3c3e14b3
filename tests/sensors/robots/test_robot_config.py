import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sensors.core.errors import ConfigError
from sensors.core.modalities import modality
from sensors.core.retired import without_retired
from sensors.robots.robot_config import RobotConfig
from sensors.robots.robot_program import _config, make_parser
from sensors.senses import register_sense, sense


def test_settings_of_senses_survive_as_sections_of_their_own() -> None:
    config = RobotConfig.from_dict({"image": {"size": 96}, "sensors": {"fps": 10}})
    values = config.to_dict()
    assert values["image"]["size"] == 96 and values["sensors"]["fps"] == 10 and "senses" not in values
    assert RobotConfig.from_dict(values) == config


def test_a_file_may_hold_a_setting_that_had_no_effect() -> None:
    assert RobotConfig.from_dict(without_retired({"sensors": {"cascade": None, "fps": 10}})).sensors.fps == 10
    with pytest.raises(ConfigError, match="unknown setting cascade"):
        RobotConfig.from_dict(without_retired({"sensors": {"cascade": "faces.xml"}}))


def test_a_section_called_senses_is_refused_and_the_real_ones_are_listed() -> None:
    with pytest.raises(
        ConfigError, match="unknown setting senses; known: audio, image, perception, publisher, sensors"
    ):
        RobotConfig.from_dict({"senses": {"image": {"size": 96}}})


@pytest.mark.parametrize("name", ["publisher", "sensors", "perception"])
def test_a_sense_takes_no_section_away(name: str, plugins_undone: None) -> None:
    with pytest.raises(ValueError, match=f"sense '{name}': a section of the settings has this name"):
        register_sense(replace(sense("letter"), modality=replace(modality("letter"), name=name)))
    assert RobotConfig.from_dict({"publisher": {"keep": 7}}).publisher.keep == 7


@pytest.mark.parametrize(
    ("arguments", "values", "view", "color"),
    [
        ([], {}, "auto", False),
        (["--view", "thing"], {}, "thing", True),
        (["--view", "thing"], {"image": {"color": False}}, "thing", False),
        ([], {"sensors": {"view": "whole"}}, "whole", True),
        (["--view", "card"], {"sensors": {"view": "whole"}}, "card", False),
    ],
)
def test_a_robot_sees_what_it_is_told_to(
    arguments: list[str], values: dict[str, Any], view: str, color: bool, tmp_path: Path
) -> None:
    (tmp_path / "robot.json").write_text(json.dumps(values))
    config = _config(make_parser().parse_args([*arguments, "--config", str(tmp_path / "robot.json")]))
    assert config.sensors.view == view and config.to_dict()["image"]["color"] is color


def test_a_robot_refuses_a_view_that_there_is_not() -> None:
    with pytest.raises(ConfigError, match=r"sensors\.view='thin': choose one of auto, card, thing, whole"):
        _config(make_parser().parse_args(["--view", "thin"]))

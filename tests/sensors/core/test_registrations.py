"""Names that no part may take."""

import dataclasses

from runtime.config.settings import RunConfig
from sensors.core.registrations import SECTIONS
from sensors.robots.robot_config import RobotConfig


def test_sections_are_those_of_a_run_and_of_a_robot() -> None:
    fields = {field.name for kind in (RunConfig, RobotConfig) for field in dataclasses.fields(kind)}
    assert fields == SECTIONS

import json
import math

import pytest

from runtime.config.settings import RunConfig
from runtime.config.settings_list import settings
from sensors.core.config import Config
from sensors.core.errors import ConfigError
from sensors.robots.robot_config import RobotConfig


def test_every_setting_is_listed_with_help_and_a_valid_default() -> None:
    listed = {s.key: s for s in settings()}
    sections = (
        "data",
        "teacher",
        "letters",
        "replay",
        "learner",
        "tdlft",
        "contrastive",
        "monitor",
        "answer",
        "run",
        "page",
    )
    senses = ("audio", "image")
    perceiving = ("sensors", "perception", "ingest", "live", "browsers")
    assert {key.partition(".")[0] for key in listed} == {*sections, *perceiving, *senses}
    for s in listed.values():
        assert s.help, s.key
        if s.default is not None:
            assert RunConfig().override({s.key: str(s.default)}) == RunConfig(), s.key


def every_config() -> list[type[Config]]:
    """All groups of settings of a run and of a robot."""
    return [RunConfig, RobotConfig]


def test_every_number_has_finite_bounds_that_its_default_keeps() -> None:
    found = [s for kind in every_config() for s in settings(kind) if s.kind.startswith(("int", "float"))]
    assert len(found) > 100
    for s in found:
        assert s.low is not None and s.high is not None, f"{s.key} has no bounds"
        assert math.isfinite(s.low) and math.isfinite(s.high) and s.low <= s.high, s.key
        for text in ("inf", "-inf", "nan", "1e300", str(10**400)):
            if s.key.partition(".")[0] != "publisher":
                with pytest.raises(ConfigError, match=s.key.rpartition(".")[2]):
                    RunConfig().override({s.key: text})


def test_settings_are_json_without_infinity() -> None:
    json.dumps(RunConfig().to_dict(), allow_nan=False)

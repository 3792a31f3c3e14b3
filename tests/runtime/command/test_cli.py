from pathlib import Path

import pytest

from runtime.command.cli import OPTIONS, describe_settings, parse_arguments
from runtime.command.parser import PrintedText
from runtime.config.settings import RunConfig
from runtime.config.settings_list import settings
from sensors.core.errors import ConfigError


def test_options_become_settings() -> None:
    request = parse_arguments(
        ["--style", "classroom", "--minutes", "5", "--download", "--set", "replay.capacity=4096", "--run-dir", "x"]
    )
    assert request.changes == {
        "teacher.style": "classroom",
        "run.minutes": "5",
        "data.download": "true",
        "replay.capacity": "4096",
    }
    assert (request.run_dir, request.resume) == (Path("x").absolute(), None)
    assert RunConfig().override(request.changes).run.minutes == 5.0


@pytest.mark.parametrize("teach", ["digits", "letters", "digits+letters"])
def test_teach_is_an_option(teach: str) -> None:
    request = parse_arguments(["--teach", teach, "--letters", "synthetic"])
    config = RunConfig().override(request.changes)
    assert (config.run.teach, config.data.letters) == (teach, "synthetic")
    with pytest.raises(ConfigError, match="neither a subject"):
        RunConfig().override(parse_arguments(["--teach", "music"]).changes)


def test_nothing_given_changes_nothing() -> None:
    assert parse_arguments([]).changes == {}


def test_every_prominent_option_stands_for_a_setting() -> None:
    known = {s.key for s in settings()}
    assert all(key in known for options in OPTIONS.values() for key in options.values())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--sensors", "live", "--teacher", "simulated"], "one of the two"),
        (["--minute", "5"], "--minute"),
        (["--minutes"], "--minutes"),
        (["--set", "minutes=5"], "section.field=value"),
        (["--set", "run.minutes"], "section.field=value"),
        (["--resume", "a", "--run-dir", "b"], "one of the two"),
        (["--teacher", "strict"], "simulated"),
    ],
)
def test_mistakes_are_named_in_one_line(arguments: list[str], told: str) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        parse_arguments(arguments)
    assert "\n" not in str(caught.value)


def test_help_shows_options_with_defaults_and_examples() -> None:
    with pytest.raises(PrintedText) as shown:
        parse_arguments(["--help"])
    page = str(shown.value)
    assert all(flag in page for options in OPTIONS.values() for flag in options)
    assert "[hybrid]" in page and "examples:" in page


@pytest.mark.parametrize("width", [30, 80])
def test_settings_page_names_every_setting(width: int) -> None:
    page = describe_settings(list(settings()), width)
    assert all(f"  {s.key} = " in page for s in settings())
    assert "run.minutes = none   (float or none, 0.01…1e+09, min)" in page

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


def test_speed_max_stands_for_as_fast_as_it_is_perceived() -> None:
    for text, speed in (("max", 0.0), ("2.5", 2.5)):
        request = parse_arguments(["--sensors", "talk.mp4", "--speed", text])
        assert RunConfig.of(request.changes).live.speed == speed
    with pytest.raises(ConfigError, match="speed"):
        RunConfig.of(parse_arguments(["--speed", "-1"]).changes)


def test_topics_may_be_given_one_by_one() -> None:
    request = parse_arguments(["--topic", "image=/camera/left", "--topic", "audio=/microphone"])
    assert request.changes == {"live.topics": "image=/camera/left,audio=/microphone"}


def test_streams_of_a_file_are_listed(tmp_path: Path) -> None:
    from tests.sensors.files.film_files import write_film

    path = write_film(tmp_path / "talk.mp4")
    with pytest.raises(PrintedText) as printed:
        parse_arguments(["--list-topics", str(path)])
    lines = str(printed.value).splitlines()
    assert lines[0] == "talk.mp4:"
    assert lines[1].split() == ["pictures", "25", "Hz", "(30)", "128", "×", "96", "h264", "fits", "image"]
    assert lines[2].split() == ["sound", "44.1", "kHz", "stereo", "aac", "fits", "audio"]

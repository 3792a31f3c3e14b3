from argparse import ArgumentParser

import pytest

from runtime.command.cli import parse_arguments
from runtime.command.entry import Subcommand, entries, entry_of, register_entry, run_entry
from runtime.command.parser import PrintedText
from sensors.core.errors import ConfigError


def nothing(parser: ArgumentParser) -> None:
    """No arguments of its own."""


def test_the_first_argument_names_a_command() -> None:
    assert [entry.name for entry in entries()][:3] == ["ask", "show", "info"]
    named = entry_of(["info", "runs/x"])
    assert named is not None and named.name == "info"
    assert entry_of([]) is None and entry_of(["--minutes", "5"]) is None
    with pytest.raises(ConfigError, match=r"'tell' is no command; there are ask, show, info"):
        entry_of(["tell", "runs/x"])


def test_help_lists_every_command_and_each_has_a_page() -> None:
    with pytest.raises(PrintedText) as shown:
        parse_arguments(["--help"])
    for entry in entries():
        assert f" {entry.usage}" in str(shown.value) and entry.about in str(shown.value)
        with pytest.raises(PrintedText) as page:
            run_entry(entry, ["--nonsense", "--help"])
        assert entry.about in str(page.value) and "RUN" in str(page.value)


def test_a_mistake_is_one_line() -> None:
    entry = entry_of(["info"])
    assert entry is not None
    for arguments, told in ((["a", "--x"], "unrecognized arguments: --x"), ([], "required: RUN")):
        with pytest.raises(ConfigError, match=told) as caught:
            run_entry(entry, arguments)
        assert "\n" not in str(caught.value)


def test_names_are_words_and_taken_once() -> None:
    for name in ("ask", "As", "a-b", ""):
        with pytest.raises(ValueError, match="taken, or is no lower-case word"):
            register_entry(Subcommand(name, "", "", nothing, lambda given, others: iter(())))

"""Commands beside the run itself, such as `launch.py ask RUN`: each is an entry that its module registers.

Entries are listed by `--help` and found by the first argument. A module of an entry imports torch and the like only
when it runs, so that the command line is read at once.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from runtime.command.parser import Help, Parser
from sensors.core.errors import ConfigError
from sensors.system.program import program


@dataclass(frozen=True)
class Subcommand:
    """One command.

    Attributes:
        name: the first argument.
        usage: the command with its usual arguments, for `--help`.
        about: one phrase for people.
        arguments: adds its own arguments to a parser.
        run: does the work, given the arguments and those that the parser does not know; yields lines to print.
        extras: whether arguments that the parser does not know are its own, as names of senses are.
    """

    name: str
    usage: str
    about: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Sequence[str]], Iterator[str]]
    extras: bool = False


_ENTRIES: dict[str, Subcommand] = {}


def register_entry(entry: Subcommand) -> Subcommand:
    """Add a command.

    Raises:
        ValueError: its name is taken, or is no lower-case word.
    """
    if entry.name in _ENTRIES or not entry.name.isidentifier() or entry.name != entry.name.lower():
        raise ValueError(f"command {entry.name!r}: this name is taken, or is no lower-case word")
    _ENTRIES[entry.name] = entry
    return entry


def entries() -> tuple[Subcommand, ...]:
    """All commands, in the order of their registration."""
    # They import this module.
    import runtime.command.entries  # noqa: F401

    return tuple(_ENTRIES.values())


def entry_of(arguments: Sequence[str]) -> Subcommand | None:
    """The command that a command line names; None: it is that of a run.

    Raises:
        ConfigError: there is no such command.
    """
    if not arguments or arguments[0].startswith("-"):
        return None
    known = {entry.name: entry for entry in entries()}
    if arguments[0] not in known:
        raise ConfigError(
            f"{arguments[0]!r} is no command; there are {', '.join(known)} ({program()} --help lists the options)"
        )
    return known[arguments[0]]


def parser_of(entry: Subcommand) -> Parser:
    """The parser of a command's arguments, without its name."""
    parser = Parser(prog=f"{program()} {entry.name}", description=entry.about, allow_abbrev=False, add_help=False)
    entry.arguments(parser)
    parser.add_argument("-h", "--help", action=Help, nargs=0, help="show this page")
    return parser


def run_entry(entry: Subcommand, arguments: Sequence[str]) -> Iterator[str]:
    """Do what a command line asks for; yields lines to print.

    Args:
        entry: the command.
        arguments: that follow its name.

    Raises:
        PrintedText: `--help` asks for it.
        UserError: what was given is wrong.
    """
    parser = parser_of(entry)
    given, others = parser.parse_known_args(list(arguments))
    if others and not entry.extras:
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    return entry.run(given, others)

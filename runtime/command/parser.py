"""How arguments are read: mistakes are errors of the user, and `--help` is a text to print."""

import argparse
from typing import NoReturn

from sensors.core.errors import ConfigError


class PrintedText(Exception):
    """A text to print; nothing else is done."""


class Help(argparse.Action):
    """`--help`: nothing that follows on the command line matters, right or wrong."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        """Show the page."""
        raise PrintedText(parser.format_help().rstrip("\n"))


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """A mistake on the command line.

        Raises:
            ConfigError: always.
        """
        raise ConfigError(f"{message} ({self.prog} --help lists the options)")

"""Run the main job: `python launch.py --teacher simulated`; `python launch.py --help` lists the options."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# Before all else that is searched, as PYTHONPATH may name a folder with modules of the same names.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from runtime.command.signals import leave
from sensors.system.address import redact_text
from sensors.system.interrupts import INTERRUPTED, Interrupts
from sensors.system.output import failure, steady_output


def main(arguments: Sequence[str] | None = None, actor_classes: Mapping[str, Any] | None = None) -> int:
    """Run from the command line; returns the exit code: 0 well, 1 broke down, 2 bad input, 130 stopped at once.

    Args:
        arguments: of the command line; this process's own by default.
        actor_classes: actors other than the usual ones, by role.
    """
    with steady_output(), Interrupts() as interrupts:
        try:
            return _run(sys.argv[1:] if arguments is None else arguments, actor_classes)
        except BaseException as error:
            # Libraries make other errors of an interruption while they are imported.
            if not interrupts.explains(error):
                raise
            interrupts.say()
            return INTERRUPTED


def _run(arguments: Sequence[str], actor_classes: Mapping[str, Any] | None) -> int:
    # All imports are here, where Ctrl-C leaves no traceback.
    from sensors.core.errors import UserError
    from sensors.system.rooms import check_rooms

    try:
        # Before any other room is imported: a module of the same name would fail in its own way.
        check_rooms()
        from runtime.command.entry import entry_of, run_entry
        from runtime.command.parser import PrintedText

        try:
            if (entry := entry_of(arguments)) is not None:
                for line in run_entry(entry, arguments[1:]):
                    print(line)
                return _printed()
            # Reads the declarations of all settings, which the other commands need not wait for.
            from runtime.command.cli import parse_arguments

            request = parse_arguments(arguments)
        except PrintedText as text:
            print(text)
            return _printed()
        # Ray takes a second to import: --help and mistakes on the command line need not wait for it.
        from runtime.session import run_session

        return run_session(request, actor_classes)
    except UserError as error:
        print(f"error: {redact_text(str(error), arguments)}", file=sys.stderr)
        return 2


def _printed() -> int:
    """The exit code of what only prints."""
    if why := failure():
        print(f"error: {why}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    leave(main())

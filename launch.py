"""Run the main job: `python launch.py --teacher simulated`; `python launch.py --help` lists the options."""

import sys
from collections.abc import Sequence
from pathlib import Path

# Before all else that is searched, as PYTHONPATH may name a folder with modules of the same names.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from runtime.cli import parse_arguments
from runtime.signals import leave
from sensors.errors import UserError
from sensors.rooms import check_rooms


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; returns the exit code: 0 well, 1 broke down, 2 bad input."""
    try:
        check_rooms()
        request = parse_arguments(sys.argv[1:] if arguments is None else arguments)
        # Ray takes a second to import: --help and mistakes on the command line need not wait for it.
        from runtime.session import conduct

        return conduct(request)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    leave(main())

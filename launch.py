"""Run the main job: `python launch.py --teacher simulated`; `python launch.py --help` lists the options."""

import sys
from collections.abc import Sequence

from runtime.cli import parse_arguments
from runtime.signals import leave
from sensors.address import redact_text
from sensors.errors import UserError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; returns the exit code: 0 well, 1 broke down, 2 bad input."""
    try:
        request = parse_arguments(sys.argv[1:] if arguments is None else arguments)
        # Ray takes a second to import: --help and mistakes on the command line need not wait for it.
        from runtime.session import conduct

        return conduct(request)
    except UserError as error:
        print(f"error: {redact_text(str(error))}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    leave(main())

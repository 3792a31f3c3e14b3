"""A robot without Ray: microphone and camera here, the learner elsewhere.

    python -m sensors.remote --make-keys keys --name kitchen      # on the host; copy keys/kitchen to the robot
    python -m sensors.remote --camera 0 --microphone default --keys kitchen --to tcp://host:5570
    python -m sensors.remote --to tcp://127.0.0.1:5570            # on the host itself, without keys

The robot sends its events to the host, which acknowledges each batch once it is stored. Until then the robot keeps the
batch in a journal on its disk. If the robot is killed, the next start sends what the journal holds. Ctrl-C, SIGTERM or
a closed terminal end the robot after the host has stored the rest. A robot whose output cannot be written goes on. Exit
codes: 0, 1 (not everything was stored), 2 (a mistake to correct), 130 (stopped before it began).
"""

import sys
from collections.abc import Sequence

from sensors.system.interrupts import INTERRUPTED, Interrupts
from sensors.system.output import steady_output


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a robot, or make its keys; returns the exit code.

    Args:
        arguments: of the command line; this process's own by default.
    """
    with steady_output(), Interrupts("stopped before anything was perceived") as interrupts:
        try:
            # Imported here, where Ctrl-C leaves no traceback: it takes a second or more.
            from sensors.robots.robot_program import run_robot

            return run_robot(sys.argv[1:] if arguments is None else arguments, __doc__ or "")
        except BaseException:
            # Libraries make other errors of an interruption while they are imported or look for devices.
            if not interrupts.came:
                raise
            interrupts.say()
            return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())

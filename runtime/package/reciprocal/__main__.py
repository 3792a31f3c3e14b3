"""The commands of an installation: `reciprocal`, the same as `python -m reciprocal`, and `reciprocal-robot`."""

import importlib.util
from typing import NoReturn

from reciprocal import HOME
from runtime.command.signals import leave


def main() -> NoReturn:
    """Run `launch.py` of this installation."""
    # By its file: another package may have the name `launch`.
    spec = importlib.util.spec_from_file_location("reciprocal.launch", HOME / "launch.py")
    assert spec is not None and spec.loader is not None
    launch = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(launch)
    leave(launch.main())


def robot() -> int:
    """Run `sensors.remote`: a robot's program, or `--make-keys` on its host."""
    from sensors.remote import main as run

    return run()


if __name__ == "__main__":
    main()

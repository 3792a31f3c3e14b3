"""Where the program's own rooms lie: every process must import these, and none of the same name elsewhere."""

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

from sensors.core.errors import ConfigError

HOME = Path(__file__).resolve().parents[2]
"""The folder that holds the rooms: the checkout, or `reciprocal/rooms` of an installed wheel."""

ROOMS = ("agent", "page", "replay", "runtime", "sensors", "teacher")
"""The packages that this program imports by these names."""


def check_rooms() -> None:
    """Make sure that each room's name stands for this program's own package.

    Raises:
        ConfigError: another module has the name; the message says where that module lies.
    """
    for room in ROOMS:
        place = _place(room)
        if place is None or place.parent != HOME / room:
            raise ConfigError(
                f"the module {room} is {place or 'missing'}, not this program's {HOME / room}: "
                f"take that folder out of PYTHONPATH, or import nothing of that name before this program"
            )


def child_process(module: str, *arguments: str) -> dict[str, Any]:
    """Keyword arguments for `subprocess` that run one of the rooms' modules in a new process.

    The new process stands in the rooms' folder, as Python looks for modules in the current folder first: the user's
    folder may hold any module, of ours or of a library. Paths among the arguments must be absolute.

    Args:
        module: the dotted name.
        arguments: its command line.

    Returns:
        `args`, `cwd` and `env`.
    """
    # With PYTHONSAFEPATH set, Python does not look into the current folder.
    path = os.pathsep.join(filter(None, (str(HOME), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-m", module, *arguments]
    return {"args": command, "cwd": HOME, "env": {**os.environ, "PYTHONPATH": path}}


def _place(module: str) -> Path | None:
    """The file that a top-level module is, or would be, imported from; None where there is none."""
    try:
        spec = importlib.util.find_spec(module)
    except ValueError:
        # A module that was put into `sys.modules` by hand has no spec.
        file = getattr(sys.modules[module], "__file__", None)
        return Path(file).resolve() if file else None
    return Path(spec.origin).resolve() if spec is not None and spec.origin is not None else None

"""Reciprocal as an installed package: importing it makes the program's rooms importable.

The rooms have plain names (`agent`, `sensors`, …), and so have other people's packages: ROS 2 brings a `launch`. In an
environment they therefore lie inside this package, where they overwrite nothing, and in a process that imports this
package their names, and no others, stand for them.

    import reciprocal
    from sensors.core.event import Event
"""

import importlib.machinery
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

_HERE = Path(__file__).resolve().parent

HOME = _HERE / "rooms" if (_HERE / "rooms").is_dir() else _HERE.parents[2]
"""The folder that holds the rooms: inside this package in a wheel, the checkout in an editable installation."""

ROOMS = ("agent", "page", "replay", "runtime", "sensors", "teacher")
"""The rooms' names."""


class _Rooms:
    """Finds the rooms in their own folder, whatever else of these names `sys.path` leads to."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if path is None and name in ROOMS:
            return importlib.machinery.PathFinder.find_spec(name, [str(HOME)], target)
        return None


sys.meta_path.insert(0, _Rooms())

"""Ray's workers import this program's rooms, wherever the run was started."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from sensors.system.rooms import HOME

PATH_VARIABLES = ("RECIPROCAL_CACHE", "RAY_AUTH_TOKEN_PATH")
"""Environment variables that hold a path and are read by Ray's processes or by actors."""


@contextlib.contextmanager
def standing_at_home() -> Iterator[None]:
    """Stand in the rooms' folder while Ray is started or joined, and then where the process stood before.

    Ray has every worker look for modules first in the folder where the driver stood when it connected. That must not be
    the user's folder, which may hold an `agent.py`, a `sensors/`, or a module of the same name as a library.
    Processes that Ray starts here stand in the rooms' folder, too: paths that they are given must be absolute.
    """
    for name in PATH_VARIABLES:
        value = os.environ.get(name)
        # A folder that was removed meanwhile has no path.
        with contextlib.suppress(OSError):
            if value and not value.startswith("~"):
                os.environ[name] = str(Path(value).absolute())
    with contextlib.ExitStack() as stack:
        # There is no way back into a folder that may not be entered; nothing can be read there either.
        with contextlib.suppress(OSError):
            before = os.open(".", os.O_PATH | os.O_DIRECTORY)
            stack.callback(os.close, before)
            stack.callback(_return_to, before)
        os.chdir(HOME)
        yield


def _return_to(folder: int) -> None:
    with contextlib.suppress(OSError):
        os.fchdir(folder)


def rooms_elsewhere() -> Callable[[], None]:
    """What a worker on another machine of a joined cluster does first: it finds the rooms where they lie there.

    Ray sends the function itself, not its name, so that the worker needs no room to read it.
    """
    home = str(HOME)

    def find_rooms() -> None:
        import importlib
        import importlib.util
        import os

        if not os.path.isdir(os.path.join(home, "sensors")) and importlib.util.find_spec("reciprocal"):
            importlib.import_module("reciprocal")

    return find_rooms

"""How this program was started, so that what it tells people to type works where they are."""

import os
import shlex
import shutil
import sys
from pathlib import Path


def program() -> str:
    """The beginning of the command line, without arguments: it works when it is pasted in the same directory.

    `python launch.py`, `python -m sensors.remote`, or the name of the installed command.
    """
    script, arguments = Path(sys.argv[0]), sys.argv[1:]
    if script.suffix != ".py" and os.access(script, os.X_OK) and script.is_file():
        found = shutil.which(script.name)
        same = found is not None and Path(found).resolve() == script.resolve()
        return script.name if same else shlex.quote(sys.argv[0])
    whole = sys.orig_argv
    return shlex.join(whole[: len(whole) - len(arguments)])


def beside_python(command: str) -> str:
    """A command of this Python's environment, as it is called from the present directory."""
    path = Path(sys.executable).with_name(command)
    if not path.exists():
        return command
    here = Path.cwd()
    if path.parent == here:
        return f"./{command}"
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))

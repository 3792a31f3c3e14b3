"""How this program was started, so that what it tells people to type works where they are."""

import os
import shlex
import shutil
import sys
from pathlib import Path

from sensors.system.address import redact_argument


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


def hide_passwords() -> str:
    """Leave passwords out of this process's command line, which `ps` shows to every user of the machine.

    Returns:
        What people should know where that fails; empty: it is done, or there was none.
    """
    try:
        given = Path("/proc/self/cmdline").read_bytes()
        shown = b"\0".join(os.fsencode(redact_argument(os.fsdecode(part))) for part in given.split(b"\0"))
        if shown == given:
            return ""
        # psutil reads the command line, but cannot change it. Where the kernel reads the arguments from is field 48 of
        # the file, and the 46th after the name in brackets.
        start = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[45])
        with open("/proc/self/mem", "r+b", buffering=0) as memory:
            memory.seek(start)
            memory.write(shown[: len(given) - 1].ljust(len(given), b"\0"))
    except (OSError, ValueError, IndexError) as error:
        why = getattr(error, "strerror", None) or error
        return f"the command line, as ps shows it, holds a password ({why}); give the address in a file, with --config"
    return ""

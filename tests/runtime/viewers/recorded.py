"""What a file for rerun holds, as rerun's own command tells it."""

import re
import subprocess
import sys
from pathlib import Path


def rows_of(file: Path) -> dict[str, int]:
    """Rows by the paths of a file's entries, without those of its views."""
    command = [sys.executable, "-m", "rerun", "rrd", "print", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    found: dict[str, int] = {}
    for rows, path in re.findall(
        r"^Chunk\(\w+\) with (\d+) rows .*? - (/\S+) - data columns", done.stdout, re.MULTILINE
    ):
        if not path.startswith(("/view", "/container", "/__", "/blueprint")):
            found[path] = found.get(path, 0) + int(rows)
    return found

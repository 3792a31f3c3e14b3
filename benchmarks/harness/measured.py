"""What figures were measured on, and how they are told: for people, and as one line of JSON."""

import json
import os
import platform
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any


def machine() -> dict[str, Any]:
    """Processor, cores, the last minute's load, and today's date. Imports nothing heavy: what is killed uses it too."""
    name = platform.processor() or platform.machine()
    if (cpuinfo := Path("/proc/cpuinfo")).exists():
        models = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        name = models[0] if models else name
    return {
        "machine": f"{name}, {os.cpu_count()} cores",
        "load": round(os.getloadavg()[0], 2),
        "date": date.today().isoformat(),
    }


def tell(figures: Mapping[str, Any], about: Mapping[str, Any], as_json: bool) -> None:
    """Print every figure on a line of its own and what they were measured on; the last line is JSON if asked for.

    Args:
        figures: by name.
        about: machine, date, seed and the like.
        as_json: whether to end with one flat JSON object of both.
    """
    width = max((len(name) for name in (*figures, *about)), default=0)
    for name, value in (*figures.items(), *about.items()):
        print(f"{name:>{width}}  {value}")
    if as_json:
        print(json.dumps({**figures, **about}))

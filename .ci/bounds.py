"""Tell which upper bounds in pyproject.toml shut out a release that the package index has.

    .venv/bin/python .ci/bounds.py

One line each, with the reason that stands beside the bound. The exit code is 0 whatever is found: a new release of
somebody else's is no failure of this project. Without an index it says so.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"


def bounded(text: str) -> dict[Requirement, str]:
    """Requirements of a pyproject.toml that have an upper bound, each with the comment at its end of line."""
    project = tomllib.loads(text)["project"]
    given = [*project["dependencies"], *(r for extra in project["optional-dependencies"].values() for r in extra)]
    found = {}
    for line in dict.fromkeys(given):
        requirement = Requirement(line)
        if any(s.operator in ("<", "<=", "==", "~=") for s in requirement.specifier):
            reason = re.search(re.escape(f'"{line}"') + r",?[ \t]*#[ \t]*(.+)", text)
            found[requirement] = reason[1].strip() if reason else ""
    return found


def newest(name: str) -> Version | None:
    """The newest release that the index has for this Python; None where the index does not answer."""
    command = [sys.executable, "-m", "pip", "index", "versions", name, "--disable-pip-version-check"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    line = re.search(r"^Available versions: (.+)$", done.stdout, re.MULTILINE)
    versions = []
    for text in line[1].split(", ") if line else []:
        try:
            versions.append(Version(text))
        except InvalidVersion:
            continue
    return max((v for v in versions if not v.is_prerelease), default=None)


def report(text: str, look: Callable[[str], Version | None] = newest) -> list[str]:
    """A line for each requirement with an upper bound.

    Args:
        text: of a pyproject.toml.
        look: gives the newest release of a name.
    """
    lines = []
    for requirement, reason in bounded(text).items():
        release = look(requirement.name)
        if release is None:
            lines.append(f"{requirement}: the index does not answer")
        elif requirement.specifier.contains(release):
            lines.append(f"{requirement}: lets in the newest, {release}")
        else:
            lines.append(f"warning: {requirement} shuts out {release}" + (f" ({reason})" if reason else ""))
    return lines


if __name__ == "__main__":
    print(*report(PYPROJECT.read_text()), sep="\n")

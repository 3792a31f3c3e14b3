"""Folders that hold other people's modules with the names of this program's rooms."""

from pathlib import Path

BROKEN = "raise ImportError(f'foreign module {__name__}')\n"
"""What each of them does when it is imported."""


def foreign_modules(folder: Path) -> Path:
    """A folder as a user may stand in: modules named as rooms, and one named as a module of the standard library."""
    for package in ("teacher", "runtime"):
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").write_text(BROKEN)
    (folder / "sensors").mkdir()
    for module in ("agent", "replay", "random"):
        (folder / f"{module}.py").write_text(BROKEN)
    return folder


def ros_path(folder: Path) -> Path:
    """A folder as a sourced ROS 2 shell names in PYTHONPATH: with a package `launch`, and one named as a room."""
    for package in ("launch", "sensors"):
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").write_text("ORIGIN = 'ROS'\n")
    return folder

"""The build's hook: what a wheel holds beside the rooms, and an editable installation has from the checkout itself."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface):  # type: ignore[misc]  # hatchling is there while a wheel is built
    """Adds the package `reciprocal` and `launch.py`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before files are gathered; `version` is `standard` for a wheel, `editable` for an installation."""
        # In the settings of pyproject.toml both kinds would get copies, and those of the editable one would grow old.
        if version == "standard":
            build_data["force_include"] |= {
                "runtime/package/reciprocal": "reciprocal",
                "launch.py": "reciprocal/rooms/launch.py",
            }

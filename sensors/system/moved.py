"""Where a module or name lies today that code for an earlier version imports from another place."""

import re
from collections.abc import Mapping

from sensors.system.rooms import HOME, ROOMS

RENAMED: Mapping[str, str] = {
    "agent.checkpoint": "agent.checkpoints.checkpoint",
    "agent.embeddings.contract": "agent.tdlft.embeddings.contract",
    "agent.layouts.contract": "agent.networks.layouts.contract",
    "agent.tdlft_config": "agent.tdlft.config",
    "agent.tdlft_turn": "agent.tdlft.turn",
    "agent.tdlft_turns": "agent.tdlft.turns",
    "agent.turns": "agent.events.turns",
    "replay.held": "replay.stored",
    "runtime.board": "runtime.reporting.run_status",
    "runtime.leavings": "runtime.run_folder.own_files",
    "sensors.hush": "sensors.sources.own_playback",
    "sensors.journal": "sensors.live.sensor_log",
    "sensors.lips": "sensors.signals.lips",
    "sensors.pictures": "sensors.signals.pictures",
    "sensors.recorder": "sensors.sources.recorder",
    "sensors.roster": "sensors.robots.robot_table",
    "sensors.window": "sensors.core.resend_window",
}
"""Old -> new place of modules that have another name now, or whose name several modules of the room have."""


def instead_of(error: ImportError) -> str:
    """What to import in place of what a failed import names.

    Args:
        error: of an import from one of the rooms.

    Returns:
        A phrase such as 'there is no module sensors.errors; import sensors.core.errors instead'; empty where nothing of
        the rooms was asked for, or more than one place is possible.
    """
    place = error.name or ""
    room, _, rest = place.partition(".")
    if room not in ROOMS:
        return ""
    if isinstance(error, ModuleNotFoundError):
        found = RENAMED.get(place, "") or (_module(room, rest.rpartition(".")[2]) if rest else "")
        return f"there is no module {place}; import {found} instead" if found else ""
    asked = re.match(r"cannot import name '(\w+)' from ", error.msg)
    if asked is None:
        return ""
    whole = f"{place}.{asked[1]}"
    if found := RENAMED.get(whole, "") or _module(room, asked[1]):
        return f"there is no {whole}; import {found} instead"
    found = _definition(room, asked[1])
    # A module that is not there yet, in a circle of imports, is not another place.
    return f"{place} has no {asked[1]}; import it from {found} instead" if found not in ("", place) else ""


def _module(room: str, last: str) -> str:
    """The room's module of this last name, where there is exactly one; else empty."""
    found = [".".join(path.relative_to(HOME).with_suffix("").parts) for path in (HOME / room).rglob(f"{last}.py")]
    return found[0] if len(found) == 1 else ""


def _definition(room: str, name: str) -> str:
    """The room's module that defines this class, function or constant, where exactly one does; else empty."""
    line = re.compile(rf"^(?:class {name}\b|def {name}\b|{name}\b *[:=])", re.MULTILINE)
    found = [path for path in (HOME / room).rglob("*.py") if line.search(path.read_text("utf-8"))]
    return ".".join(found[0].relative_to(HOME).with_suffix("").parts) if len(found) == 1 else ""

"""Settings in nested groups: by dotted keys, and which groups there are. Groups of senses appear at the top."""

import dataclasses
from collections.abc import Mapping
from typing import Any, get_type_hints

from sensors.config import Config
from sensors.errors import ConfigError
from sensors.senses import SensesConfig, senses_config


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by dotted key."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= flatten(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return flat


def groups(kind: type[Config]) -> dict[str, type[Config]]:
    """Groups among the settings of a class, by name. Where it has those of the senses, each sense's is one of them."""
    hints = get_type_hints(kind)
    pairs = ((f.name, hints[f.name]) for f in dataclasses.fields(kind))
    found = {name: hint for name, hint in pairs if isinstance(hint, type) and issubclass(hint, Config)}
    if found.get("senses") is SensesConfig:
        del found["senses"]
        # No sense can be registered by the name of another group.
        found |= groups(senses_config())
    return found


def inner_group(kind: type[Config], part: str, key: str) -> type[Config]:
    """The group of this name in a class.

    Args:
        kind: the class.
        part: name of the group.
        key: the whole dotted key, for the message.

    Raises:
        ConfigError: there is none.
    """
    inner = groups(kind)
    if part not in inner:
        known = ", ".join(inner) or "none"
        raise ConfigError(f"{key}: unknown section {part!r}; known: {known} (see --help-settings)")
    return inner[part]

"""Settings in nested groups: by dotted keys, and which groups there are.

Groups that senses, algorithms and subjects bring appear at the top, each by the name of what brings it.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from runtime.config.part_settings import PartsConfig, parts_config
from sensors.core.config import Config
from sensors.core.errors import ConfigError
from sensors.senses import SensesConfig, senses_config

HOLDERS: Mapping[Any, Callable[[], type[Config]]] = {PartsConfig: parts_config, SensesConfig: senses_config}
"""Classes of fields whose groups are shown in the field's place, and what gives the class that has the groups now."""


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by dotted key."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= flatten(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return flat


def groups(kind: type[Config]) -> dict[str, type[Config]]:
    """Groups among the settings of a class, by name, with those of each holder in its place."""
    hints = get_type_hints(kind)
    found: dict[str, type[Config]] = {}
    for f in dataclasses.fields(kind):
        hint = hints[f.name]
        if hint in HOLDERS:
            # Nothing can be registered by the name of another group.
            found |= groups(HOLDERS[hint]())
        elif isinstance(hint, type) and issubclass(hint, Config):
            found[f.name] = hint
    return found


def holders(kind: type[Config]) -> dict[str, type[Config]]:
    """The fields of a class that are holders: name -> the class that has their groups now."""
    hints = get_type_hints(kind)
    return {f.name: HOLDERS[hints[f.name]]() for f in dataclasses.fields(kind) if hints[f.name] in HOLDERS}


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

"""Settings: frozen dataclasses whose fields carry their help, unit and bounds.

A component declares `class ReplayConfig(Config)` with fields made by `setting(...)`; the command line,
`--help-settings` and a run's `config.json` are generated from these declarations.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar, get_args, get_type_hints

from sensors.core.errors import ConfigError

T = TypeVar("T")


def setting(
    default: T,
    *,
    help: str,
    unit: str = "",
    choices: Sequence[T] | None = None,
    low: float | None = None,
    high: float | None = None,
) -> T:
    """Declare one field of a `Config`: its default, what it means, its unit and its allowed values."""
    metadata = {"help": help, "unit": unit, "choices": choices, "low": low, "high": high}
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Config:
    """Base of every component's settings; checks types and bounds when made.

    Raises:
        ConfigError: a value has the wrong type, is no allowed choice or is out of range.
    """

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            object.__setattr__(self, f.name, _check(f, hints[f.name], value))

    def to_dict(self) -> dict[str, Any]:
        """Plain values by field name; nested configs become nested dicts (JSON-ready)."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`; unknown names are refused, missing ones take their defaults.

        Raises:
            ConfigError: an unknown name or a bad value.
        """
        hints = get_type_hints(cls)
        known = {f.name for f in dataclasses.fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ConfigError(f"unknown setting {', '.join(unknown)}; known: {', '.join(sorted(known))}")
        made: dict[str, Any] = {}
        for name, value in values.items():
            kind = hints[name]
            if isinstance(kind, type) and issubclass(kind, Config) and not isinstance(value, kind):
                made[name] = _group(kind, name, value)
            else:
                made[name] = value
        return cls(**made)

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed, checked again."""
        return dataclasses.replace(self, **changes)


def _group(kind: type[Config], name: str, value: Any) -> Config:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{name}={value!r}: expected a group of settings")
    try:
        return kind.from_dict(value)
    except ConfigError as error:
        raise ConfigError(f"{name}.{error}") from None


def parse(config: type[Config], name: str, text: str) -> Any:
    """Turn command-line text into the value of field `name`.

    Raises:
        ConfigError: no such field, or the text does not read as the field's type.
    """
    hints = get_type_hints(config)
    # A group that declares no settings holds other groups, whose settings have keys of their own.
    fields = {f.name: f for f in dataclasses.fields(config) if not _is_empty(hints[f.name])}
    if name not in fields:
        raise ConfigError(f"unknown setting {name!r}; known: {', '.join(sorted(fields))}")
    kinds = get_args(hints[name]) or (hints[name],)
    if type(None) in kinds and text.lower() in ("none", ""):
        return None
    kind = next(k for k in kinds if k is not type(None))
    if issubclass(kind, Config):
        inner = ", ".join(f"{name}.{f.name}" for f in dataclasses.fields(kind))
        raise ConfigError(f"{name} is a group of settings; set one of {inner}")
    try:
        if kind is bool:
            value: Any = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[text.lower()]
        else:
            value = kind(text)
    except (ValueError, KeyError):
        raise ConfigError(f"{name}={text!r}: expected {kind.__name__}") from None
    return _check(fields[name], hints[name], value)


def _is_empty(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Config) and not dataclasses.fields(hint)


def _check(f: "dataclasses.Field[Any]", hint: Any, value: Any) -> Any:
    kinds = get_args(hint) or (hint,)
    if float in kinds and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        expected = " or ".join(k.__name__ for k in kinds)
        raise ConfigError(f"{f.name}={value!r}: expected {expected}")
    if value is None:
        return value
    choices, low, high = (f.metadata.get(k) for k in ("choices", "low", "high"))
    if choices is not None and value not in choices:
        raise ConfigError(f"{f.name}={value!r}: choose one of {', '.join(map(str, choices))}")
    if isinstance(value, float) and math.isnan(value):
        raise ConfigError(f"{f.name}: not a number")
    if (low is not None and value < low) or (high is not None and value > high):
        bounds = f"{'' if low is None else low}…{'' if high is None else high}"
        raise ConfigError(f"{f.name}={value!r}: outside {bounds} {f.metadata.get('unit', '')}".rstrip())
    if isinstance(value, float) and math.isinf(value):
        raise ConfigError(f"{f.name}={value!r}: expected a finite number")
    return value

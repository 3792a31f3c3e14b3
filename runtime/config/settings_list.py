"""Every setting of a run as a person reads it: key, default, help, unit and what is allowed."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

from runtime.config.groups import HOLDERS, groups
from runtime.config.settings import RunConfig
from sensors.core.config import Config


@dataclass(frozen=True)
class Setting:
    """One setting as a person reads it."""

    key: str
    default: Any
    kind: str
    help: str
    unit: str
    choices: tuple[Any, ...]
    low: float | None
    high: float | None

    @property
    def allowed(self) -> str:
        """Choices or bounds in words; empty when anything goes."""
        if self.choices:
            return " | ".join(map(str, self.choices))
        if self.low is None and self.high is None:
            return ""
        return f"{'' if self.low is None else f'{self.low:g}'}…{'' if self.high is None else f'{self.high:g}'}"


def settings(kind: type[Config] = RunConfig, prefix: str = "") -> Iterator[Setting]:
    """Every setting of a run by dotted key, section by section."""
    hints = get_type_hints(kind)
    nested = groups(kind)
    for f in dataclasses.fields(kind):
        if f.name in nested or hints[f.name] in HOLDERS:
            continue
        names = [k.__name__ for k in get_args(hints[f.name]) or (hints[f.name],)]
        meta = f.metadata
        yield Setting(
            key=prefix + f.name,
            default=f.default,
            kind=" or ".join("none" if n == "NoneType" else n for n in names),
            help=meta.get("help", ""),
            unit=meta.get("unit", ""),
            choices=tuple(meta.get("choices") or ()),
            low=meta.get("low"),
            high=meta.get("high"),
        )
    for name, inner in nested.items():
        yield from settings(inner, f"{prefix}{name}.")

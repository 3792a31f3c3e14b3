"""The senses' own settings, and the forms that samples have under them in this process."""

import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import Any, Self

from sensors.core.config import Config
from sensors.core.errors import ConfigError
from sensors.core.modalities import Modality, modality, reform
from sensors.senses.contract import Sense, senses


@dataclasses.dataclass(frozen=True)
class SensesConfig(Config):
    """Settings of all registered senses that have some: a field for each, of the sense's name.

    `senses_config()` gives the class that has the fields.
    """

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`; what is missing takes its defaults.

        Raises:
            ConfigError: an unknown sense or setting, or a bad value.
        """
        kind = senses_config() if cls is SensesConfig else cls
        return super(SensesConfig, kind).from_dict(values)  # type: ignore[return-value]


def senses_config() -> type[SensesConfig]:
    """The class of the settings of the senses that are registered now."""
    return _made(tuple((name, each.settings) for name, each in senses().items() if each.settings is not None))


@cache
def _made(kinds: tuple[tuple[str, type[Config]], ...]) -> type[SensesConfig]:
    fields = [(name, kind, dataclasses.field(default_factory=kind)) for name, kind in kinds]
    return dataclasses.make_dataclass("SensesConfig", fields, bases=(SensesConfig,), frozen=True)


_applied: dict[str, Any] = {}


def configure(values: Mapping[str, Mapping[str, Any]]) -> None:
    """Give every sense's modality the form that it has under these settings, in this process.

    Args:
        values: sense -> its settings by name; what is missing takes its default, also where an earlier call changed it.

    Raises:
        ConfigError: an unknown sense or setting, or a value that the sense cannot take.
    """
    config = senses_config().from_dict(values)
    for form in forms(config).values():
        reform(form)
    _applied.clear()
    _applied.update(config.to_dict())


def configured() -> dict[str, Any]:
    """The settings that this process applies, as `configure` takes them."""
    return {name: dict(own) for name, own in _applied.items()}


def forms(config: SensesConfig) -> dict[str, Modality]:
    """The form of every registered sense under these settings, by name.

    Raises:
        ConfigError: a sense cannot take a value.
    """
    return {name: _form(each, config) for name, each in senses().items()}


def form_changes(before: SensesConfig, after: SensesConfig) -> list[str]:
    """Settings that differ and with them the form of a sense, each as 'image.size: 32 -> 96'."""
    old, new = forms(before), forms(after)
    changed = {_settled_by(senses()[name]) for name in new if old.get(name, new[name]) != new[name]}
    then, now = before.to_dict(), after.to_dict()
    return [
        f"{name}.{key}: {then[name][key]} -> {value}"
        for name in changed
        for key, value in now.get(name, {}).items()
        if name in then and then[name][key] != value
    ]


def has_default_form(name: str) -> bool:
    """Whether samples of this sense have the form of its default settings."""
    return modality(name) == _form(senses()[name], senses_config()())


def _form(each: Sense, config: SensesConfig) -> Modality:
    own = getattr(config, _settled_by(each), None)
    if each.form is None or own is None:
        return each.modality
    form = each.form(each.modality, own)
    if (form.name, form.layout, form.dtype) != (each.name, each.modality.layout, each.modality.dtype):
        raise ConfigError(f"sense {each.name!r}: its settings may change only the shape, range and unit of samples")
    return form


def _settled_by(each: Sense) -> str:
    """Name of the section that decides its form."""
    return each.derived.of if each.derived is not None and each.settings is None else each.name

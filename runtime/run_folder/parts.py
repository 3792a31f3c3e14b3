"""What a run keeps of the plugins and senses that it was made with, and what is held against it on `--resume`.

Of each plugin it keeps a hash, so that a change is told. Of each sense it keeps the form of a sample, in the order of
the registry: names of tables follow from the order, and networks from the forms, so both must stay.
"""

from collections.abc import Mapping
from typing import Any

from agent.algorithms import named
from agent.learned.saved_parts import form_of
from runtime.config.learning import kinds
from runtime.config.part_settings import KINDS
from runtime.config.settings import RunConfig
from sensors.core.modalities import kind_of, modality
from sensors.core.registrations import brought
from sensors.plugins import plugins

Kept = dict[str, dict[str, str]]


def kept(config: RunConfig, before: Mapping[str, Any] | None = None) -> Kept:
    """The parts that a run keeps: `plugins`, name -> SHA-256, and `senses`, name -> form.

    Args:
        config: of the run, whose senses' settings are applied.
        before: what was kept so far; what is there no more stays.
    """
    before = before or {}
    names = {**before.get("senses", {}), **dict.fromkeys(_senses(config))}
    ordered = kind_of(names).split("+") if names else []
    used = _used(config)
    hashes = {
        each.called: each.sha256 for each in plugins() if each.text is not None or not used.isdisjoint(each.parts)
    }
    return {
        "plugins": {**before.get("plugins", {}), **hashes},
        "senses": {name: form_of(modality(name)) for name in ordered},
    }


def changed_plugins(before: Mapping[str, Any]) -> list[str]:
    """Names of the plugins whose text is another one than the run was made with."""
    saved: Mapping[str, str] = before.get("plugins", {})
    return [each.called for each in plugins() if saved.get(each.called, each.sha256) != each.sha256]


def _senses(config: RunConfig) -> list[str]:
    return [name for kind in kinds(config) for name in kind.split("+")]


def _used(config: RunConfig) -> set[str]:
    """All parts that a run is made of, as plugins name what they registered."""
    names = _senses(config)
    return {
        *(f"sense {name}" for name in names),
        *(f"layout {modality(name).layout}" for name in names),
        # Their settings stand in the run's.
        *(f"{kind} {name}" for kind in ("sense", *KINDS) for name in brought(kind)),
        *(f"subject {each.name}" for each in config.run.subjects),
        *(f"algorithm {each.name}" for each in named(config.run.learn)),
    }

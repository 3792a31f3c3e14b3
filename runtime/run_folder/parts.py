"""What a run keeps of the plugins and senses that it was made with, and what is held against it on `--resume`.

Of each plugin it keeps a hash, so that a change is told. Of each sense it keeps the form of a sample, in the order of
the registry: names of tables follow from the order, and networks from the forms, so both must stay.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.algorithms import named
from runtime.config.learning import kinds
from runtime.config.part_settings import KINDS
from runtime.config.settings import RunConfig
from sensors.core.errors import StateError
from sensors.core.modalities import Modality, kind_of, modality
from sensors.core.registrations import brought
from sensors.plugins import plugins
from sensors.senses import senses

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


def check_installed(path: Path, before: Mapping[str, Any]) -> None:
    """Refuse to go on without a plugin that the run was made with. Checked before settings are read, which it brings.

    Raises:
        StateError: names the plugin.
    """
    there = {each.called for each in plugins()}
    for name in before.get("plugins", {}):
        if name not in there:
            raise StateError(
                f"{path}: was made with the plugin {name}, which is not installed now;\n"
                "install its package again, or give its file with --plugin"
            )


def check_forms(path: Path, before: Mapping[str, Any]) -> None:
    """Refuse senses in another order or of another form than the run was made with.

    Raises:
        StateError: names the senses.
    """
    saved: Mapping[str, str] = before.get("senses", {})
    order = [name for name in senses() if name in saved]
    if missing := [name for name in saved if name not in order]:
        raise StateError(f"{path}: no plugin brings the sense {missing[0]} now;\ngive its file with --plugin")
    if order != list(saved):
        raise StateError(
            f"{path}: was made with the senses {', '.join(saved)}, this program has {', '.join(order)};\n"
            "let plugins register their senses in the same order as before"
        )
    for name, form in saved.items():
        if (now := form_of(modality(name))) != form:
            raise StateError(
                f"{path}: samples of {name} were {form}, now they are {now};\n"
                "put the sense back as it was, or start a new run"
            )


def changed_plugins(before: Mapping[str, Any]) -> list[str]:
    """Names of the plugins whose text is another one than the run was made with."""
    saved: Mapping[str, str] = before.get("plugins", {})
    return [each.called for each in plugins() if saved.get(each.called, each.sha256) != each.sha256]


def form_of(form: Modality) -> str:
    """The form of a sample in words, without the unit's name: what networks and tables depend on."""
    shape = "x".join(map(str, form.shape))
    return f"{form.layout} {shape} {form.dtype.name}, scale {form.scale:.9g}, {form.low:.9g} to {form.high:.9g}"


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

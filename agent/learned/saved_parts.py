"""What a run keeps of the plugins and senses that it was made with, held against those of this process."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sensors.core.errors import StateError
from sensors.core.modalities import Modality, modality
from sensors.plugins import plugins
from sensors.senses import senses


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


def form_of(form: Modality) -> str:
    """The form of a sample in words, without the unit's name: what networks and tables depend on."""
    shape = "x".join(map(str, form.shape))
    return f"{form.layout} {shape} {form.dtype.name}, scale {form.scale:.9g}, {form.low:.9g} to {form.high:.9g}"

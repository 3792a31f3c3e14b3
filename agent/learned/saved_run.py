"""A run's directory as a program reads it that neither resumes nor locks the run: its settings, plugins and senses.

Torch is not imported here, so that the command line can be checked at once.
"""

import contextlib
import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensors.core.errors import StateError
from sensors.core.modalities import Modality, modality
from sensors.given import usual_preparation
from sensors.plugins import SEPARATOR, load_plugins, plugins, replaced
from sensors.senses import configure, configured, senses

CONFIG = "config.json"
CHECKPOINTS, REPLAY = "checkpoints", "replay"
FORMAT = 2
"""Version of what `config.json` holds. A program refuses a higher one, and reads all lower ones.

1: one modality apart from sound and pictures (`teacher.far_microphone`), `run.teach` one of three words.
2: any subjects, senses and concepts.
"""
EMBEDDED_IMAGES = "digits"
"""Name of the embedded handwriting among the datasets that a run keeps."""


class Forms:
    """The forms that samples have in one run. They hold for a whole process, so they are applied while they are used.

    Several runs, whose samples have different forms, can therefore be asked in one process, one at a time.

    Args:
        settings: of the senses: sense -> its settings by name.
    """

    _lock = threading.RLock()

    def __init__(self, settings: Mapping[str, Mapping[str, Any]]) -> None:
        self.settings = {name: dict(own) for name, own in settings.items()}

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """They hold meanwhile; afterwards those of before hold again."""
        with Forms._lock:
            before = configured()
            configure(self.settings)
            try:
                yield
            finally:
                configure(before)


@dataclass(frozen=True)
class SavedRun:
    """A run's directory.

    Attributes:
        path: the directory, absolute.
        saved: what its `config.json` holds.
        forms: of its samples.
    """

    path: Path
    saved: Mapping[str, Any]
    forms: Forms

    @classmethod
    def read(cls, path: str | os.PathLike[str], plugin_files: Sequence[str | Path] = ()) -> "SavedRun":
        """Read a run's settings, load the plugins that it was made with, and see that its senses are the same.

        Args:
            path: the run directory.
            plugin_files: plugins that have been moved since, or that the run does not name.

        Raises:
            UserError: no run is there, it has another format, or a plugin of it is missing or another one.
        """
        place = Path(path).expanduser().absolute()
        if not place.is_dir():
            raise StateError(f"{place}: no such directory; name that of a run, such as runs/2026-01-31_12-00-00")
        saved = read_config(place)
        given = [str(file) for file in plugin_files]
        load_plugins([])
        help_saved = "the run was made with it: put it back, or give its new place as a plugin"
        for file in replaced(_plugins_of(saved), given):
            load_plugins([file]) if file in given else load_plugins([file], help_saved)
        check_installed(place, saved)
        sections = saved["config"]
        own = {name: sections[name] for name, one in senses().items() if one.settings and name in sections}
        run = cls(place, saved, Forms(own))
        with run.forms.applied():
            check_forms(place, saved)
        return run

    @property
    def prepares(self) -> str:
        """How a picture becomes a sample that looks like those from which the run learned."""
        sections = self.saved["config"]
        taught = _value(sections, "run", "sensors") is None
        folder = _value(sections, "data", "folder") is not None
        color = bool(_value(sections, "image", "color"))
        chosen = str(self.saved.get("datasets", {}).get("images", "")).rpartition(":")[0]
        return usual_preparation(taught, folder, color, chosen == EMBEDDED_IMAGES)


def _plugins_of(saved: Mapping[str, Any]) -> list[str]:
    files = _value(saved["config"], "run", "plugins")
    return files.split(SEPARATOR) if isinstance(files, str) and files else []


def _value(sections: Mapping[str, Any], section: str, name: str) -> Any:
    own = sections.get(section)
    return own.get(name) if isinstance(own, Mapping) else None


def read_config(path: Path) -> dict[str, Any]:
    """`config.json` of a run, with everything that is read from it of the kind that it should be.

    Raises:
        StateError: no run is there, or its `config.json` is damaged or of a later format.
    """
    try:
        saved = json.loads((path / CONFIG).read_text())
    except FileNotFoundError:
        raise StateError(f"{path}: is no run (it has no config.json)") from None
    except ValueError:
        raise StateError(f"{path}/config.json: damaged; this run cannot be resumed") from None
    if not isinstance(saved, dict) or not {"format", "config"} <= set(saved):
        raise StateError(f"{path}/config.json: damaged; this run cannot be resumed")
    if saved["format"] not in range(1, FORMAT + 1) or isinstance(saved["format"], bool):
        # The version that made the run may be an older one, which refuses this format, too.
        version = saved.get("written_by", saved.get("version"))
        known = isinstance(version, str)
        raise StateError(
            f"{path}: run of format {saved['format']!r}{f', written by version {version}' * known}; "
            f"this program reads formats up to {FORMAT};\n"
            f"resume it with {f'version {version}' if known else 'the version that wrote it'}, or a newer one"
        )
    wanted = {
        "config": (dict, "settings by section"),
        "datasets": (dict, "names by kind"),
        "generation": (int, "a number"),
        "plugins": (dict, "hashes by name"),
        "senses": (dict, "forms by name"),
    }
    for key, (kind, words) in wanted.items():
        if key in saved and (not isinstance(saved[key], kind) or isinstance(saved[key], bool)):
            raise StateError(
                f"{path}/config.json: {key} is {saved[key]!r}, expected {words}; this run cannot be resumed"
            )
    for key, words in (("datasets", "name:fingerprint"), ("plugins", "a hash"), ("senses", "a form")):
        for name, told in saved.get(key, {}).items():
            if not isinstance(told, str):
                raise StateError(f"{path}/config.json: {key}.{name} is {told!r}, expected {words}")
    return saved


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

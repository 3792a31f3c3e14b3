"""A run's directory as a program reads it that neither resumes nor locks the run: its settings, plugins and senses.

Torch is not imported here, so that the command line can be checked at once.
"""

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.learned.saved_config import read_config
from agent.learned.saved_parts import check_forms, check_installed
from sensors.core.errors import StateError
from sensors.given import usual_preparation
from sensors.plugins import SEPARATOR, load_plugins, replaced
from sensors.senses import configure, configured, senses

CHECKPOINTS, REPLAY = "checkpoints", "replay"
"""Folders of a run."""
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

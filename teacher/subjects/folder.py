"""The subject `folder`: the user's own things, from files by sense and concept."""

import sys
from pathlib import Path
from typing import Any

from sensors.core.errors import ConfigError
from teacher.config import DataConfig, TeacherConfig, missing_concepts
from teacher.subjects.contract import Subject, Taught, TeachingMachine, register_subject
from teacher.subjects.kinds import kinds_of, senses_of


class Folder(Subject):
    """What lies in `DIR/<sense>/<concept>/<files>`, without labels."""

    name = "folder"
    about = "folder (your own things, --teach DIR)"

    def senses(self, data: DataConfig, settings: TeacherConfig) -> tuple[str, ...]:
        """Those that the folder has files for and that share concepts, and what the teacher derives from them."""
        return senses_of(_senses(data), settings)

    def kinds(self, data: DataConfig, settings: TeacherConfig) -> list[str]:
        """Each sense alone and all together."""
        return kinds_of(_senses(data), settings)

    def load(self, data: DataConfig) -> Taught:
        """The folder, prepared in this process if the cache does not have it."""
        return _load(data, first=False)

    def machine(self, taught: Taught, settings: Any, name: str, seed: int, generation: int) -> TeachingMachine:
        """A `Machine` of all its senses."""
        from teacher.machine import Machine

        return Machine(settings, taught.datasets, taught.concepts, name, seed, generation)

    def check(self, data: DataConfig, settings: Any, source: str = "") -> None:
        """The folder can be taught as far as names tell, and the concepts that the settings name exist."""
        from teacher.folder.load import find_concepts

        concepts = find_concepts(_root(data))
        missing_concepts(settings.missing, _senses(data), concepts)

    def prepare(self, data: DataConfig) -> None:
        """Prepare the folder once for all teachers, and show how far that is and what the cache no longer keeps."""
        from teacher.folder.store import tidy

        _load(data, first=True)
        if removed := tidy():
            print(removed, file=sys.stderr, flush=True)


def _load(data: DataConfig, first: bool) -> Taught:
    """The first process of a run reads files again that were left out for a passing reason; the others follow it."""
    from teacher.folder.load import load_things

    things = load_things(_root(data), data.part, show=first, again=first)
    choice = f"{_root(data)}:{things.fingerprint}"
    return Taught(FOLDER.name, things.concepts, things.datasets, things.lines, {"folder": choice})


def _senses(data: DataConfig) -> tuple[str, ...]:
    from teacher.folder.load import find_senses

    return find_senses(_root(data))


def _root(data: DataConfig) -> Path:
    if data.folder is None:
        raise ConfigError("folder: no folder is named; give --teach DIR")
    return Path(data.folder)


FOLDER = register_subject(Folder())

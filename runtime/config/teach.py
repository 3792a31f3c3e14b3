"""What `--teach` names: subjects, a folder of things, or both."""

import os

from runtime.config.migrate import teach
from sensors.core.errors import ConfigError
from teacher.subjects.contract import SEPARATOR, subjects

FOLDER = "folder"
"""The subject that teaches a folder."""


def read_teach(text: str) -> dict[str, str]:
    """The settings that `--teach TEXT` stands for.

    A word that names a subject is one; another one is a folder, as is whatever has a '/' in it: `./digits`. Several
    subjects, one of which may be a folder, are joined by '+'.

    Raises:
        ConfigError: a word is neither, or there are several folders.
    """
    text = teach(text)
    known = [each.name for each in subjects()]
    words = [word.strip() for word in text.split(SEPARATOR)]
    if all(word in known for word in words):
        return {"run.teach": text}
    # A folder's name may have a '+' in it.
    if _is_folder(text) or (_is_path(text) and SEPARATOR not in text):
        return {"run.teach": FOLDER, "data.folder": text}
    folders = [word for word in words if word not in known]
    if wrong := [word for word in folders if not (_is_path(word) or _is_folder(word))]:
        raise ConfigError(
            f"--teach {text}: {wrong[0] or 'an empty word'} is neither a subject ({', '.join(known)}) "
            "nor a folder here;\n"
            f"give subjects joined by {SEPARATOR!r}, or a folder DIR with DIR/<sense>/<concept>/<files>"
        )
    if len(folders) > 1:
        raise ConfigError(f"--teach {text}: {len(folders)} folders; bring them together in one, by links for instance")
    taught = SEPARATOR.join(FOLDER if word in folders else word for word in words)
    return {"run.teach": taught, "data.folder": folders[0]}


def _is_path(word: str) -> bool:
    return "/" in word or word.startswith("~") or word in (".", "..")


def _is_folder(word: str) -> bool:
    return os.path.isdir(os.path.expanduser(word))

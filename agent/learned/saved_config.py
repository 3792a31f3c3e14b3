"""`config.json` of a run as it is read again: every part is of the kind that it should be."""

import json
from pathlib import Path
from typing import Any

from sensors.core.errors import StateError

CONFIG = "config.json"
"""Name of the file."""
FORMAT = 2
"""Version of what it holds. A program refuses a higher one, and reads all lower ones.

1: one modality apart from sound and pictures (`teacher.far_microphone`), `run.teach` one of three words.
2: any subjects, senses and concepts.
"""


def read_config(path: Path) -> dict[str, Any]:
    """What `config.json` in a run's directory holds, passwords left out.

    Raises:
        StateError: there is none, it is damaged, or of a newer format.
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

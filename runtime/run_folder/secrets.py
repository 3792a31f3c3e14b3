"""Passwords of a run's settings: `config.json` holds addresses without them, `secrets.json` beside it holds them whole.

Only the user may read `secrets.json`. A run without it resumes once the addresses are given again.
"""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sensors.system.address import redact

SECRETS = "secrets.json"


def conceal(directory: Path, saved: Mapping[str, Any]) -> dict[str, Any]:
    """What `config.json` is to hold: the same, with every address as `redact` shows it; writes `secrets.json` first.

    Args:
        directory: of the run.
        saved: JSON-ready; its `config` holds the settings.

    Raises:
        OSError: the directory cannot be written.
    """
    config = json.loads(json.dumps(saved["config"]))
    secrets = {}
    for section, name, value in _texts(config):
        if (shown := redact(value)) != value:
            secrets[f"{section}.{name}"] = value
            config[section][name] = shown
    place = directory / SECRETS
    if secrets:
        stage = directory / f"{SECRETS}.new"
        stage.unlink(missing_ok=True)
        # Never readable by others, not even for a moment.
        handle = os.open(stage, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(handle, "w") as file:
            file.write(json.dumps(secrets, indent=2) + "\n")
        stage.replace(place)
    else:
        place.unlink(missing_ok=True)
    return {**saved, "config": config}


def reveal(directory: Path, saved: Mapping[str, Any]) -> dict[str, Any]:
    """What `config.json` holds, with its addresses whole, as far as `secrets.json` has them.

    An address that was changed by hand meanwhile is left as it is.

    Args:
        directory: of the run.
        saved: what `config.json` holds.
    """
    secrets: Any = {}
    with contextlib.suppress(OSError, ValueError):
        secrets = json.loads((directory / SECRETS).read_text())
    config = saved["config"]
    if not isinstance(secrets, dict) or not isinstance(config, dict):
        return dict(saved)
    config = json.loads(json.dumps(config))
    for section, name, value in _texts(config):
        whole = secrets.get(f"{section}.{name}")
        if isinstance(whole, str) and redact(whole) == value:
            config[section][name] = whole
    return {**saved, "config": config}


def _texts(config: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Every setting of a section that is text: section, name, value."""
    for section, values in config.items():
        if isinstance(values, Mapping):
            yield from ((section, name, value) for name, value in values.items() if isinstance(value, str))

"""What the page is told of a run that does not change while it goes on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runtime.config.groups import flatten
from runtime.config.settings import RunConfig
from runtime.config.settings_list import settings
from sensors.given import usual_preparation
from sensors.system.address import redact
from teacher.datasets.choose import choose_images


def page_facts(config: RunConfig, path: Path, version: str) -> dict[str, Any]:
    """The facts, as `page.feed.run_report.RunFacts` has them.

    Args:
        config: all settings.
        path: the run directory.
        version: of the program.
    """
    return {
        "name": path.name,
        "version": version,
        "subjects": [subject.name for subject in config.run.subjects],
        "live": config.run.sensors is not None,
        "settings": told_settings(config),
        "senses": [name.strip() for name in config.learner.modalities.split(",")],
        "prepares": prepares(config),
    }


def prepares(config: RunConfig) -> str:
    """How a picture that is asked about becomes a sample that looks like those from which the run learns."""
    taught = config.run.sensors is None
    color = bool(flatten(config.to_dict()).get("image.color", False))
    embedded = taught and choose_images(config.data).embedded
    return usual_preparation(taught, config.data.folder is not None, color, embedded)


def told_settings(config: RunConfig) -> list[Mapping[str, Any]]:
    """All settings with their values, and whether they differ from those of a new run of the same kind."""
    values = flatten(config.to_dict())
    usual = flatten(RunConfig.of({} if config.run.sensors is None else {"run.sensors": config.run.sensors}).to_dict())
    return [
        {
            "key": one.key,
            "section": one.key.rpartition(".")[0],
            "value": _shown(values[one.key]),
            "default": _shown(usual[one.key]),
            "changed": values[one.key] != usual[one.key],
            "unit": one.unit,
            "help": one.help,
            "allowed": one.allowed,
        }
        for one in settings()
        if one.key in values
    ]


def _shown(value: Any) -> Any:
    """A value without the password of an address."""
    return redact(value) if isinstance(value, str) else value

"""All settings of a robot; settings of its senses are sections of their own, as in those of a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from sensors.core.config import Config
from sensors.core.errors import ConfigError
from sensors.cutters.seeing import view_finder
from sensors.perception.perception import PerceptionConfig
from sensors.robots.remote_config import PublisherConfig
from sensors.senses import SensesConfig, senses_config
from sensors.sources.live_config import SensorsConfig


@dataclass(frozen=True)
class RobotConfig(Config):
    """All settings of a robot; `--config` names a JSON file of them."""

    sensors: SensorsConfig = field(default_factory=SensorsConfig)
    perception: PerceptionConfig = field(default_factory=PerceptionConfig)
    publisher: PublisherConfig = field(default_factory=PublisherConfig)
    senses: SensesConfig = field(default_factory=lambda: senses_config()())

    def to_dict(self) -> dict[str, Any]:
        """Plain values by section; each sense that has settings is a section, such as `image`."""
        sections = super().to_dict()
        senses = sections.pop("senses")
        return {**sections, **senses}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`; what is missing takes its default.

        Raises:
            ConfigError: an unknown name, or a bad value.
        """
        sections = {f.name for f in fields(cls)} - {"senses"}
        senses = {f.name for f in fields(senses_config())}
        if unknown := sorted(set(values) - sections - senses):
            raise ConfigError(f"unknown setting {', '.join(unknown)}; known: {', '.join(sorted(sections | senses))}")
        own = {name: value for name, value in values.items() if name in senses}
        rest = {name: value for name, value in values.items() if name in sections}
        return super().from_dict({**rest, "senses": SensesConfig.from_dict(own)})

    def __post_init__(self) -> None:
        super().__post_init__()
        view_finder(self.sensors.view)
        if self.sensors.camera is not None:
            self.perception.views.check_rate(self.sensors.fps)

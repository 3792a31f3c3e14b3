"""Settings of a run that perceives for itself: which senses, by what devices, and how readings become events."""

from dataclasses import dataclass, field

from sensors.core.config import Config, setting
from sensors.perception.perception import PerceptionConfig
from sensors.robots.remote_config import IngestConfig
from sensors.sources.live_config import SensorsConfig

LIVE = "live"
"""What `source` says for microphone, camera and robots; anything else is a recording's directory."""


@dataclass(frozen=True)
class LiveConfig(Config):
    """How sensors take part in a run."""

    record: str | None = setting(
        None,
        help="directory for a recording of all that the sensors give (DIR-2, … after a restart); none: no recording",
    )
    speed: float = setting(1.0, help="how many times faster a recording is played", low=0.1, high=100.0)
    queue: int = setting(
        256,
        help="most batches that wait for replay; beyond, the oldest is dropped and counted",
        unit="batches",
        low=1,
        high=65_536,
    )
    queue_mib: int = setting(64, help="largest size of those batches; likewise", unit="MiB", low=1, high=65_536)


@dataclass(frozen=True)
class RigConfig(Config):
    """All that a rig is made from."""

    source: str = setting(LIVE, help="live, or the directory of a recording")
    sensors: SensorsConfig = field(default_factory=SensorsConfig)
    perception: PerceptionConfig = field(default_factory=PerceptionConfig)
    ingest: IngestConfig = field(default_factory=IngestConfig)
    live: LiveConfig = field(default_factory=LiveConfig)
    senses: str | None = setting(None, help="names of the senses that are perceived, by commas; none: all that can be")
    own_playback: str | None = setting(
        None, help="file with the times at which this machine plays a sound; none: no such file"
    )
    log: str | None = setting(None, help="file to which every change of a sensor's state is added")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.source == LIVE and self.sensors.camera is not None:
            self.perception.views.check_rate(self.sensors.fps)

    @property
    def names(self) -> list[str] | None:
        """The senses that are perceived; None: all that can be."""
        return None if self.senses is None else [name.strip() for name in self.senses.split(",")]

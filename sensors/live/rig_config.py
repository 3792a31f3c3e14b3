"""Settings of a run that perceives for itself: which senses, by what devices, and how readings become events."""

from dataclasses import dataclass, field

from sensors.browsers.browsers_config import BrowsersConfig
from sensors.core.config import Config, setting
from sensors.cutters.seeing import view_finder
from sensors.perception.perception import PerceptionConfig
from sensors.robots.remote_config import IngestConfig
from sensors.sources.live_config import SensorsConfig
from sensors.sources.registry import LiveSource, live_sources, register_live_source

LIVE = register_live_source(
    LiveSource("live", "this machine's microphone and camera, robots and browsers", devices=True)
).name
"""What `source` says for microphone, camera and robots."""


def is_played(source: str) -> bool:
    """Whether what `--sensors` names is a recording, or files that are played, and no live source."""
    return source not in live_sources()


@dataclass(frozen=True)
class LiveConfig(Config):
    """How sensors take part in a run."""

    record: str | None = setting(
        None,
        help="directory for a recording of all that the sensors give, or FILE.mcap for one of ROS 2 messages (DIR-2, … "
        "after a restart); none: no recording",
    )
    speed: float = setting(
        1.0,
        help="how many times faster a recording or file is played; 0: as fast as it is perceived, with nothing lost",
        low=0.0,
        high=100.0,
    )
    topics: str | None = setting(
        None, help="SENSE=STREAM, …: which stream of a file a sense is perceived in; none: the first that fits"
    )
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

    source: str = setting(LIVE, help=f"{', '.join(live_sources())}, or a recording, a file or a folder that is played")
    sensors: SensorsConfig = field(default_factory=SensorsConfig)
    perception: PerceptionConfig = field(default_factory=PerceptionConfig)
    ingest: IngestConfig = field(default_factory=IngestConfig)
    live: LiveConfig = field(default_factory=LiveConfig)
    browsers: BrowsersConfig = field(default_factory=BrowsersConfig)
    senses: str | None = setting(None, help="names of the senses that are perceived, by commas; none: all that can be")
    own_playback: str | None = setting(
        None, help="file with the times at which this machine plays a sound; none: no such file"
    )
    letters: bool = setting(False, help="letters that are said to prompts become labelled events")
    log: str | None = setting(None, help="file to which every change of a sensor's state is added")

    def __post_init__(self) -> None:
        super().__post_init__()
        view_finder(self.sensors.view)
        if self.devices.camera is not None and not self.played:
            self.perception.views.check_rate(self.sensors.fps)

    @property
    def played(self) -> bool:
        """Whether a recording or files are played."""
        return is_played(self.source)

    @property
    def devices(self) -> SensorsConfig:
        """The devices of this machine that are used; none where the source has no use of them."""
        kind = live_sources().get(self.source)
        if kind is None or kind.devices:
            return self.sensors
        return self.sensors.replace(microphone=None, camera=None)

    @property
    def waits_for_browsers(self) -> bool:
        """Whether nothing need be there at the start, as browsers may come."""
        kind = live_sources().get(self.source)
        return kind is not None and kind.browsers and self.browsers.most > 0

    @property
    def names(self) -> list[str] | None:
        """The senses that are perceived; None: all that can be."""
        return None if self.senses is None else [name.strip() for name in self.senses.split(",")]

"""Settings of both ends of the way from a robot to its host."""

from dataclasses import dataclass

from sensors.core.config import Config, setting

MIB = 2**20


@dataclass(frozen=True)
class IngestConfig(Config):
    """The host's end."""

    listen: str | None = setting(
        None, help="address at which the host listens to robots, tcp://host:port; none: it does not"
    )
    keys: str | None = setting(
        None, help="the host's folder of keys (DIR/host of --make-keys); none: this machine's own robots only"
    )
    robots: int = setting(16, help="most robots at the same time", low=1, high=1024)
    window: int = setting(32, help="most unacknowledged batches of one robot", unit="batches", low=1, high=1024)
    window_mib: int = setting(
        32,
        help="largest size of one robot's unacknowledged batches; one batch is always allowed",
        unit="MiB",
        low=1,
        high=1024,
    )
    batch_mib: int = setting(8, help="largest batch that is accepted", unit="MiB", low=1, high=64)


@dataclass(frozen=True)
class PublisherConfig(Config):
    """A robot's end."""

    to: str = setting("tcp://127.0.0.1:5570", help="the host's address, tcp://host:port")
    keys: str | None = setting(None, help="the robot's folder of keys (DIR/NAME of --make-keys)")
    keep: int = setting(
        512,
        help="most batches that wait to be stored by the host; beyond, the oldest is lost and counted",
        unit="batches",
        low=1,
        high=10**9,
    )
    keep_mib: int = setting(256, help="largest size of those batches", unit="MiB", low=1, high=2**24)
    journal: str | None = setting(
        "auto",
        help="folder in which batches that the host has not stored survive the end of the robot; auto: "
        "reciprocal/robots/NAME in the user's state directory (XDG_STATE_HOME, or ~/.local/state); none: "
        "in memory only",
    )
    journal_sync: bool = setting(
        False, help="flush the journal to the disk before an event counts as kept, so that it survives a power cut, too"
    )

"""Settings of both ends of the way from a robot to its host."""

from dataclasses import dataclass

from sensors.core.config import Config, setting

MIB = 2**20


@dataclass(frozen=True)
class IngestConfig(Config):
    """The host's end."""

    listen: str | None = setting(None, help="address at which robots are heard, tcp://host:port; none: nowhere")
    keys: str | None = setting(
        None, help="the host's folder of keys (DIR/host of --make-keys); none: this machine's own robots only"
    )
    robots: int = setting(16, help="robots heard at one time", low=1, high=1024)
    window: int = setting(32, help="batches of one robot that may be unacknowledged", unit="batches", low=1, high=1024)
    window_mib: int = setting(
        32, help="bytes of one robot that may be unacknowledged; at least a batch", unit="MiB", low=1, high=1024
    )
    batch_mib: int = setting(8, help="largest batch that is taken", unit="MiB", low=1, high=64)


@dataclass(frozen=True)
class PublisherConfig(Config):
    """A robot's end."""

    to: str = setting("tcp://127.0.0.1:5570", help="the host's address, tcp://host:port")
    keys: str | None = setting(None, help="the robot's folder of keys (DIR/NAME of --make-keys)")
    keep: int = setting(
        512,
        help="batches kept until the host has stored them; beyond, the oldest is lost",
        unit="batches",
        low=1,
        high=10**9,
    )
    keep_mib: int = setting(256, help="bytes kept until the host has stored them", unit="MiB", low=1, high=2**24)
    journal: str | None = setting(
        "auto",
        help="folder in which what is kept outlives the robot; auto: reciprocal/robots/NAME in the user's state "
        "directory (XDG_STATE_HOME, or ~/.local/state); none: it is kept in memory alone",
    )
    journal_sync: bool = setting(
        False, help="flush the journal to the disk before an event counts, so that it outlives a power cut, too"
    )

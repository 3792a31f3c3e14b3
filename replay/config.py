"""Settings of the replay."""

from dataclasses import dataclass

from sensors.core.config import Config, setting
from sensors.core.errors import ConfigError
from sensors.core.modalities import labelled

NONE, MEMORY, DISK = "none", "memory", "disk"
"""What `ReplayConfig.ack` may be."""
_COMMITTERS = 16


@dataclass(frozen=True)
class ReplayConfig(Config):
    """How much replay keeps, what it lets go, what its answers promise, and how far sources may run ahead."""

    ack: str = setting(
        MEMORY,
        help="where an event is before its source forgets it; none: on its way; it may be lost, which is counted; "
        "memory: in memory that survives a kill of every process; disk: on the disk, so that it survives a power cut",
        choices=(NONE, MEMORY, DISK),
    )

    capacity: int = setting(
        20_000,
        help="events kept in each table of co-occurring events; their disk space is taken when the table is made",
        unit="events",
        low=16,
        high=100_000_000,
    )
    capacity_single: int = setting(
        8_192,
        help="events kept in each table of single-modality events",
        unit="events",
        low=16,
        high=100_000_000,
    )
    capacity_labelled: int = setting(
        1_024,
        help="events kept in each table of labelled events; the learner reads such a table whole, and its "
        "source never waits",
        unit="events",
        low=16,
        high=1_000_000,
    )
    remover: str = setting(
        "fifo",
        help="which events a full table removes; fifo: the oldest; reservoir: random ones, so that every event"
        " of the stream is kept with the same probability",
        choices=("fifo", "reservoir"),
    )
    samples_per_insert: float = setting(
        8.0,
        help="how often an event is drawn, on average, before sources must wait; 0: sources never wait",
        unit="samples",
        low=0.0,
        high=1e6,
    )
    limiter_slack: int = setting(
        2_048,
        help="events that sources may be ahead of the learner",
        unit="events",
        low=1,
        high=1_000_000_000,
    )
    min_size: int = setting(
        256,
        help="events that a table must hold before sources may have to wait",
        unit="events",
        low=1,
        high=100_000_000,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("capacity", "capacity_single"):
            if self.min_size > getattr(self, name):
                raise ConfigError(
                    f"min_size={self.min_size}: a table of {name}={getattr(self, name)} events never holds "
                    "as many; lower min_size"
                )

    @property
    def callers(self) -> int:
        """How many calls replay works on at one time: several can wait for one flush of the disk."""
        return _COMMITTERS if self.ack == DISK else 1

    def capacity_name(self, kind: str) -> str:
        """Setting that holds the capacity of the table of `kind` ('audio', 'audio+image', 'speech+letter', …)."""
        if labelled(kind):
            return "capacity_labelled"
        return "capacity" if "+" in kind else "capacity_single"

    def capacity_of(self, kind: str) -> int:
        """Capacity of the table of `kind`, events."""
        capacity: int = getattr(self, self.capacity_name(kind))
        return capacity

    def remover_of(self, kind: str) -> str:
        """What the table of `kind` lets go; labelled events are taken whole and repeat, so the oldest goes."""
        return "fifo" if labelled(kind) else self.remover

    def limits_of(self, kind: str, free: bool = False) -> tuple[float, float, float]:
        """Samples per insert, slack and least size of the limiter of `kind`'s table.

        Labelled events are not drawn sample by sample, so nothing is ever owed for them: their source paces itself.

        Args:
            kind: of event.
            free: nothing draws from the table, so its source would wait for ever.
        """
        if labelled(kind) or free:
            return 0.0, float(self.limiter_slack), 1.0
        return self.samples_per_insert, float(self.limiter_slack), float(self.min_size)

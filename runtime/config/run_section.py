"""The settings of a run itself: how long it goes on, what it teaches and learns, how it is watched over."""

from dataclasses import dataclass

import sensors.live.rig_config  # noqa: F401  # registers what `--sensors` may name, which a help text lists
from agent.algorithms import algorithm, algorithms, named
from sensors.core.config import Config, setting
from sensors.core.errors import ConfigError
from sensors.sources.registry import live_sources
from teacher.subjects.contract import SEPARATOR, Subject, read_subjects, subjects, unlabelled

SEEDS = 64
"""Seeds of one run's teachers: run seed x `SEEDS` + the teacher's number."""


@dataclass(frozen=True)
class RunSection(Config):
    """How long a run goes on, and how it is watched over."""

    minutes: float | None = setting(
        None,
        help="minutes of learning, counted from the first step; none: until Ctrl-C",
        unit="min",
        low=0.01,
        high=1e9,
    )
    steps: int | None = setting(
        None,
        help="learner steps after which the run ends; none: until Ctrl-C",
        unit="steps",
        low=1,
        high=10**12 - 1,
    )
    sensors: str | None = setting(
        None,
        help="perceive instead of being taught; "
        + "; ".join(f"{source.name}: from {source.about}" for source in live_sources().values())
        + "; a directory: from the recording in it; none: a simulated teacher teaches",
    )
    seed: int = setting(0, help="seed of everything random", low=0, high=2**31 - 1)
    teach: str = setting(
        "digits+letters",
        help=f"subjects that are taught, joined by {SEPARATOR!r}: {', '.join(s.about for s in subjects())}",
    )
    learn: str = setting(
        "smart+tdlft",
        help="what learns, joined by '+': " + ", ".join(f"{name} ({algorithm(name).about})" for name in algorithms()),
    )
    teachers: int = setting(
        1, help="number of teachers of each unlabelled subject; each has its own seed", low=1, high=64
    )
    checkpoint_every: float = setting(30.0, help="time between checkpoints", unit="s", low=1.0, high=1e7)
    tick: float = setting(2.0, help="time between two lines of figures", unit="s", low=0.2, high=60.0)
    chunk: float = setting(
        1.0, help="longest time that an actor is asked to work before it answers", unit="s", low=0.1, high=5.0
    )
    address: str | None = setting(
        None, help="Ray cluster to join, host:port; none: a private one that ends with the run"
    )
    cpus: int | None = setting(
        None, help="CPUs that the private Ray may use; none: all", unit="CPUs", low=1, high=65_536
    )
    object_store: int = setting(300, help="shared memory of the private Ray", unit="MiB", low=80, high=2**24)
    dashboard: bool = setting(True, help="serve Ray's dashboard on 127.0.0.1")
    dashboard_port: int = setting(
        8265, help="port of the dashboard; the next free one where it is taken", low=1024, high=65000
    )
    start_deadline: float = setting(
        300.0, help="time an actor may take to start before it counts as hung", unit="s", low=1.0, high=1e6
    )
    call_deadline: float = setting(
        60.0,
        help="time beyond its chunk that a teacher, replay or the learner may take; also the time without a heartbeat "
        "that any actor may compute or be starved of CPU",
        unit="s",
        low=0.5,
        high=1e6,
    )
    monitor_deadline: float = setting(
        600.0,
        help="time beyond its chunk that the monitor may take (it trains its judges first)",
        unit="s",
        low=0.5,
        high=1e6,
    )
    hang_deadline: float = setting(
        10.0,
        help="time without a heartbeat after which an actor whose process is stopped or idle is killed and restarted; "
        "one that computes or is starved of CPU is killed after call_deadline without a heartbeat",
        unit="s",
        low=4.0,
        high=1e6,
    )
    restarts: int = setting(5, help="restarts of one actor before the run gives up", low=0, high=1000)
    rerun: str | None = setting(
        None,
        help="show the run in rerun (extra: rerun): viewer (starts one here), rerun+http://HOST:9876/proxy (one that "
        "runs already), or a file that ends in .rrd; none: do not",
    )
    plugins: str | None = setting(
        None, help="Python files that add senses, subjects, algorithms or layouts, separated by ':'; give --plugin"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            count = len(unlabelled(self.subjects))
        except ConfigError as error:
            raise ConfigError(f"teach={self.teach!r}: {error}") from None
        try:
            named(self.learn)
        except ConfigError as error:
            raise ConfigError(f"learn={self.learn!r}: {error}") from None
        if self.teachers * count > SEEDS:
            raise ConfigError(f"teachers={self.teachers}: {count} subjects have more than {SEEDS} teachers together")

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """The taught subjects, unlabelled ones first. Where the run perceives, the subjects of its judges' data."""
        return tuple(sorted(read_subjects(self.teach), key=lambda subject: subject.labelled))

    @property
    def labelled(self) -> bool:
        """Whether something is taught with labels."""
        return any(subject.labelled for subject in self.subjects)

    @property
    def unlabelled(self) -> bool:
        """Whether something is taught, or perceived, without labels."""
        return bool(unlabelled(self.subjects))

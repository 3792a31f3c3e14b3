"""A run's settings: every room's own, side by side, and those of the run itself."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self, get_args, get_type_hints

from agent.algorithms import TDLFT, algorithm, algorithms, named
from agent.config import AnswerConfig, LearnerConfig, MonitorConfig
from agent.tdlft.config import TdlftTurnsConfig
from page.config import PageConfig
from replay.config import ReplayConfig
from runtime.config.groups import HOLDERS, flatten, groups, holders, inner_group
from runtime.config.migrate import migrate, replaced, typed
from runtime.config.part_settings import PartsConfig, parts_config
from sensors.browsers.browsers_config import BrowsersConfig
from sensors.core.config import Config, parse, setting
from sensors.core.errors import ConfigError
from sensors.live.rig_config import LIVE, LiveConfig, RigConfig
from sensors.perception.perception import PerceptionConfig
from sensors.perception.streams import perceivable, sense_defaults
from sensors.robots.remote_config import IngestConfig
from sensors.senses import SensesConfig, senses_config
from sensors.sources.live_config import SensorsConfig
from sensors.sources.registry import live_sources
from sensors.system.address import redact
from teacher.config import DataConfig, LettersConfig, TeacherConfig
from teacher.subjects.contract import SEPARATOR, Subject, read_subjects, settings_of, subjects, unlabelled

LIVE_DEFAULTS = {
    "run.teach": "digits",
    # Nobody can ask a microphone to wait: the learner goes over what there is as often as its time allows.
    "replay.samples_per_insert": "0",
    # People show and say some twenty things a minute, not hundreds a second.
    "replay.min_size": "16",
    "learner.min_events": "16",
    # Nobody brings an exam: what was never learned from examines.
    "learner.held_out": "0.05",
    "answer.serve": "true",
}
"""Defaults that are others when a run perceives for itself."""
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


@dataclass(frozen=True)
class RunConfig(Config):
    """All settings of a run, by section."""

    data: DataConfig = field(default_factory=DataConfig)
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    letters: LettersConfig = field(default_factory=LettersConfig)
    replay: ReplayConfig = field(default_factory=ReplayConfig)
    learner: LearnerConfig = field(default_factory=LearnerConfig)
    parts: PartsConfig = field(default_factory=lambda: parts_config()())
    monitor: MonitorConfig = field(default_factory=MonitorConfig)
    answer: AnswerConfig = field(default_factory=AnswerConfig)
    run: RunSection = field(default_factory=RunSection)
    sensors: SensorsConfig = field(default_factory=SensorsConfig)
    perception: PerceptionConfig = field(default_factory=PerceptionConfig)
    ingest: IngestConfig = field(default_factory=IngestConfig)
    live: LiveConfig = field(default_factory=LiveConfig)
    browsers: BrowsersConfig = field(default_factory=BrowsersConfig)
    senses: SensesConfig = field(default_factory=lambda: senses_config()())
    page: PageConfig = field(default_factory=PageConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_batches()
        if self.run.sensors is not None:
            self._check_sensors()
            return
        self._check_waiting()
        if self.run.labelled:
            self._check_letters()

    def to_dict(self) -> dict[str, Any]:
        """Plain values by section; settings that a part brings are a section of its name, such as `image`."""
        held, values = holders(type(self)), super().to_dict()
        sections: dict[str, Any] = {}
        for name, value in values.items():
            sections |= value if name in held else {name: value}
        return sections

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`.

        Raises:
            ConfigError: an unknown name or a bad value.
        """
        sections = groups(cls)
        for name in values:
            if name not in sections:
                raise ConfigError(f"unknown section {name!r}; if a plugin brings it, give the plugin: --plugin FILE.py")
        rest, held = dict(values), {}
        for field_name, own in holders(cls).items():
            held[field_name] = own.from_dict({name: rest.pop(name) for name in groups(own) if name in rest})
        return super().from_dict({**rest, **held})

    def _check_batches(self) -> None:
        s = self.learner
        if s.guides == "cluster" and 2 * s.clusters > s.bank:
            raise ConfigError(f"learner.bank={s.bank}: must be at least twice learner.clusters={s.clusters}")
        if s.guides == "cluster" and s.batch > s.bank:
            raise ConfigError(f"learner.bank={s.bank}: must be at least learner.batch={s.batch}")
        if "lesson" in (s.guides, s.selector) and s.batch % s.views:
            raise ConfigError(f"learner.batch={s.batch}: must be a multiple of learner.views={s.views} for lessons")

    def _check_waiting(self) -> None:
        """Refuse settings with which the learner would wait for ever for `min_events` events."""
        wanted, replay, styles = self.learner.min_events, self.replay, self.styles or (self.teacher,)
        singles = any(s.single_share > 0 or (s.style == "hybrid" and s.warmup_events > 0) for s in styles)
        for name in ("capacity", "capacity_single") if singles else ("capacity",):
            if wanted > getattr(replay, name):
                raise ConfigError(
                    f"learner.min_events={wanted}: a table of replay.{name}={getattr(replay, name)} events "
                    "never holds as many"
                )
        # A source's next batch waits once the table holds min_size events and the batch would pass the slack.
        reached = max(replay.limiter_slack - max(s.batch_events for s in styles) + 1, replay.min_size)
        if replay.samples_per_insert > 0 and wanted > reached:
            raise ConfigError(
                f"learner.min_events={wanted}: teachers must wait from {reached} events on, "
                "and learning would never begin; raise replay.limiter_slack"
            )

    def _check_sensors(self) -> None:
        labelled = [subject.name for subject in self.run.subjects if subject.labelled]
        if labelled and (not self.rig.browsers.most or self.rig.played):
            raise ConfigError(
                f"run.teach={self.run.teach}: labelled {labelled[0]} come from prompts that the run's page shows; "
                "leave it out where a recording is played, or there is no page"
            )
        given = perceivable()
        names = {name.strip() for name in self.learner.modalities.split(",")}
        if unknown := sorted(names - set(given)):
            raise ConfigError(
                f"learner.modalities={self.learner.modalities}: sensors do not give {', '.join(unknown)}; they give "
                f"{', '.join(given)}"
            )
        if self.rig.played and self.ingest.listen is not None:
            raise ConfigError("--listen: a recording cannot be combined with robots; use --sensors live")
        kind = live_sources().get(self.run.sensors or "")
        if kind is not None and kind.browsers and not self.rig.browsers.most:
            raise ConfigError(
                f"--sensors {kind.name}: browsers share by the run's page, which is off; leave --page none and "
                "browsers.most=0 away"
            )

    @property
    def styles(self) -> tuple[TeacherConfig, ...]:
        """How the subjects are taught that lessons are made for, in the subjects' order."""
        own = (settings_of(subject, self) for subject in self.run.subjects)
        return tuple(settings for settings in own if isinstance(settings, TeacherConfig))

    @property
    def rig(self) -> RigConfig:
        """Settings of the rig, for a run that perceives for itself."""
        return RigConfig(
            source=self.run.sensors or LIVE,
            sensors=self.sensors,
            perception=self.perception,
            ingest=self.ingest,
            live=self.live,
            # Browsers share by the page alone.
            browsers=self.browsers if self.page.port is not None else self.browsers.replace(most=0),
            senses=self.learner.modalities,
            letters=self.run.labelled,
        )

    def _check_letters(self) -> None:
        """Refuse settings with which TDLFT would wait for ever for its `min_pairs` pairs."""
        own: TdlftTurnsConfig = getattr(self.parts, TDLFT.name)
        wanted, letters = own.min_pairs, self.letters
        if wanted > self.replay.capacity_labelled:
            raise ConfigError(
                f"tdlft.min_pairs={wanted}: a table of replay.capacity_labelled={self.replay.capacity_labelled} events "
                "never holds as many"
            )
        if letters.unseen_share == 1.0 and wanted > letters.pairs_first:
            raise ConfigError(
                f"tdlft.min_pairs={wanted}: with letters.unseen_share=1 only letters.pairs_first={letters.pairs_first} "
                "pairs ever come; lower the share"
            )

    @classmethod
    def of(cls, changes: Mapping[str, str]) -> Self:
        """The settings of a new run: the defaults, those of sensors where it perceives for itself, then `changes`.

        Raises:
            ConfigError: as `override`.
        """
        if changes.get("run.sensors", "none").lower() in ("none", ""):
            return cls().override(changes)
        sensors = cls().override({key: text for key, text in changes.items() if key.startswith("sensors.")}).sensors
        return cls().override(LIVE_DEFAULTS | sense_defaults(sensors) | dict(changes))

    def override(self, changes: Mapping[str, str]) -> Self:
        """A copy with settings changed from text.

        Args:
            changes: dotted setting (`replay.capacity`, `learner.smart.weight`) -> value as typed.

        Raises:
            ConfigError: no such setting, or a bad value; the message names it.
        """
        values = self.to_dict()
        for key, text in typed(changes).items():
            *path, name = key.split(".")
            kind: type[Config] = type(self)
            place = values
            for part in path:
                kind, place = inner_group(kind, part, key), place[part]
            if name in groups(kind):
                raise ConfigError(f"{key}: is a group of settings; name one, as in {key}.{next(iter(place[name]))}")
            try:
                place[name] = parse(kind, name, text)
            except ConfigError as error:
                raise ConfigError(f"{'.'.join(path)}.{error}" if name in place else str(error)) from None
        return type(self).from_dict(values)

    @classmethod
    def from_saved(cls, saved: Mapping[str, Any]) -> Self:
        """The settings that a run was saved with; what it did before there was a setting for it, it goes on doing.

        Raises:
            ConfigError: settings of another version.
        """
        return cls.from_dict(migrate(saved))

    @classmethod
    def replaced(cls, saved: Mapping[str, Any]) -> list[str]:
        """Settings that an older run was saved with and that take their defaults now."""
        return replaced(saved)

    def differences(self, other: Self) -> list[str]:
        """Settings that differ from `other`, each as `section.field: theirs -> ours`, without passwords."""
        ours, theirs = flatten(self.to_dict()), flatten(other.to_dict())
        return [
            f"{key}: {redact(str(theirs[key]))} -> {redact(str(value))}"
            for key, value in ours.items()
            if theirs[key] != value
        ]


@dataclass(frozen=True)
class Setting:
    """One setting as a person reads it."""

    key: str
    default: Any
    kind: str
    help: str
    unit: str
    choices: tuple[Any, ...]
    low: float | None
    high: float | None

    @property
    def allowed(self) -> str:
        """Choices or bounds in words; empty when anything goes."""
        if self.choices:
            return " | ".join(map(str, self.choices))
        if self.low is None and self.high is None:
            return ""
        return f"{'' if self.low is None else f'{self.low:g}'}…{'' if self.high is None else f'{self.high:g}'}"


def settings(kind: type[Config] = RunConfig, prefix: str = "") -> Iterator[Setting]:
    """Every setting of a run by dotted key, section by section."""
    hints = get_type_hints(kind)
    nested = groups(kind)
    for f in dataclasses.fields(kind):
        if f.name in nested or hints[f.name] in HOLDERS:
            continue
        names = [k.__name__ for k in get_args(hints[f.name]) or (hints[f.name],)]
        meta = f.metadata
        yield Setting(
            key=prefix + f.name,
            default=f.default,
            kind=" or ".join("none" if n == "NoneType" else n for n in names),
            help=meta.get("help", ""),
            unit=meta.get("unit", ""),
            choices=tuple(meta.get("choices") or ()),
            low=meta.get("low"),
            high=meta.get("high"),
        )
    for name, inner in nested.items():
        yield from settings(inner, f"{prefix}{name}.")

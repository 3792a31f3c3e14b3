"""A run's settings: every room's own, side by side, and those of the run itself."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self, get_args, get_type_hints

from agent.config import AnswerConfig, LearnerConfig, MonitorConfig
from agent.tdlft_config import TdlftTurnsConfig
from replay.config import ReplayConfig
from runtime.migrate import migrate, replaced, typed
from sensors.address import redact
from sensors.config import Config, parse, setting
from sensors.errors import ConfigError
from sensors.live_config import SensorsConfig
from sensors.modalities import kind_of
from sensors.perception import PerceptionConfig
from sensors.remote_config import IngestConfig
from sensors.rig_config import LIVE, LiveConfig, RigConfig
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
        None, help="minutes of learning, from the first step on; none: until Ctrl-C", unit="min", low=0.01, high=1e9
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
        help="perceive instead of being taught: live (microphone, camera, robots) or the directory of a recording; "
        "none: a simulated teacher",
    )
    seed: int = setting(0, help="seed of everything random", low=0, high=2**31 - 1)
    teach: str = setting(
        "digits+letters",
        help=f"subjects that are taught, joined by {SEPARATOR!r}: {', '.join(s.about for s in subjects())}",
    )
    teachers: int = setting(
        1, help="teachers of each unlabelled subject that teach side by side, seeds apart", low=1, high=64
    )
    checkpoint_every: float = setting(30.0, help="time between checkpoints", unit="s", low=1.0, high=1e7)
    tick: float = setting(2.0, help="time between two lines of figures", unit="s", low=0.2, high=60.0)
    chunk: float = setting(1.0, help="longest piece of work asked of an actor at once", unit="s", low=0.1, high=5.0)
    address: str | None = setting(
        None, help="Ray cluster to join, host:port; none: a private one that ends with the run"
    )
    cpus: int | None = setting(
        None, help="CPUs the private Ray may count on; none: all", unit="CPUs", low=1, high=65_536
    )
    object_store: int = setting(300, help="shared memory of the private Ray", unit="MiB", low=80, high=2**24)
    dashboard: bool = setting(True, help="serve Ray's dashboard on 127.0.0.1")
    dashboard_port: int = setting(8265, help="its port; the next free one where it is taken", low=1024, high=65000)
    start_deadline: float = setting(
        300.0, help="time an actor may take to start before it counts as hung", unit="s", low=1.0, high=1e6
    )
    call_deadline: float = setting(
        60.0,
        help="time beyond its chunk that a teacher, replay or the learner may take, and that any actor may compute or "
        "starve without a pulse",
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
        help="time without any sign of life, stopped or asleep, after which an actor is put down and made anew; "
        "one that computes, or is ready to and gets no processor, is put down after call_deadline without a pulse",
        unit="s",
        low=4.0,
        high=1e6,
    )
    restarts: int = setting(5, help="restarts of one actor before the run gives up", low=0, high=1000)

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            count = len(unlabelled(self.subjects))
        except ConfigError as error:
            raise ConfigError(f"teach={self.teach!r}: {error}") from None
        if self.teachers * count > SEEDS:
            raise ConfigError(f"teachers={self.teachers}: {count} subjects have more than {SEEDS} teachers together")

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """What is taught: first what has no labels. Where the run perceives, what its judges' data are of."""
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
class Teacher:
    """One simulated teacher of a run.

    Attributes:
        name: under which it sends its events.
        subject: what it teaches.
        seed: its own, of everything random.
        speaks: whether what it tells about its data is shown: teachers of one subject tell the same.
    """

    name: str
    subject: Subject
    seed: int
    speaks: bool


def teachers_of(run: RunSection) -> list[Teacher]:
    """The simulated teachers of a run: first those of what has no labels, whose seeds differ from each other."""
    found: list[Teacher] = []
    number = 0
    for subject in run.subjects if run.sensors is None else ():
        for place, name in enumerate(subject.teachers(run.teachers)):
            found.append(Teacher(name, subject, run.seed * SEEDS + (0 if subject.labelled else number), place == 0))
            number += not subject.labelled
    return found


@dataclass(frozen=True)
class RunConfig(Config):
    """All settings of a run, by section."""

    data: DataConfig = field(default_factory=DataConfig)
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    letters: LettersConfig = field(default_factory=LettersConfig)
    replay: ReplayConfig = field(default_factory=ReplayConfig)
    learner: LearnerConfig = field(default_factory=LearnerConfig)
    tdlft: TdlftTurnsConfig = field(default_factory=TdlftTurnsConfig)
    monitor: MonitorConfig = field(default_factory=MonitorConfig)
    answer: AnswerConfig = field(default_factory=AnswerConfig)
    run: RunSection = field(default_factory=RunSection)
    sensors: SensorsConfig = field(default_factory=SensorsConfig)
    perception: PerceptionConfig = field(default_factory=PerceptionConfig)
    ingest: IngestConfig = field(default_factory=IngestConfig)
    live: LiveConfig = field(default_factory=LiveConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_batches()
        if self.run.sensors is not None:
            self._check_sensors()
            return
        self._check_waiting()
        if self.run.labelled:
            self._check_letters()

    def _check_batches(self) -> None:
        s = self.learner
        if s.guides == "cluster" and 2 * s.clusters > s.bank:
            raise ConfigError(f"learner.bank={s.bank}: must be at least twice learner.clusters={s.clusters}")
        if s.guides == "cluster" and s.batch > s.bank:
            raise ConfigError(f"learner.bank={s.bank}: must be at least learner.batch={s.batch}")
        if "lesson" in (s.guides, s.selector) and s.batch % s.views:
            raise ConfigError(f"learner.batch={s.batch}: must be a multiple of learner.views={s.views} for lessons")

    @property
    def sent(self) -> tuple[str, ...]:
        """The senses of all that is taught without labels, in registry order.

        Raises:
            UserError: the data do not tell.
        """
        taught = unlabelled(self.run.subjects)
        names = {name for one in taught for name in one.senses(self.data, settings_of(one, self))}
        return tuple(kind_of(names).split("+")) if names else ()

    def with_senses(self) -> Self:
        """A copy whose learner learns from all senses that are taught without labels."""
        sent = self.sent
        if not sent or set(sent) == self._learned:
            return self
        return self.replace(learner=self.learner.replace(modalities=",".join(sent)))

    def check_senses(self) -> None:
        """Refuse a learner that waits for senses that nobody sends, or lets lie what is sent.

        Raises:
            UserError: names the senses and the settings; or the data do not tell.
        """
        sent = set(self.sent)
        if not sent:
            return
        if unsent := sorted(self._learned - sent):
            raise ConfigError(
                f"learner.modalities: nothing sends {', '.join(unsent)}; leave it away, or see --set teacher.derived"
            )
        if unread := sorted(sent - self._learned):
            # Nobody would draw what comes in these alone, and their tables would tell the teacher to wait.
            raise ConfigError(
                f"learner.modalities: {', '.join(unread)} is sent and not learned from; "
                f"add --set learner.modalities={','.join(self.sent)}"
            )
        if self.teacher.derived and "lesson" in (self.learner.guides, self.learner.selector):
            raise ConfigError(
                f"teacher.derived: what has {self.teacher.derived} beside one sense alone has no lesson; "
                "use guides pair or cluster"
            )

    @property
    def _learned(self) -> set[str]:
        return {name.strip() for name in self.learner.modalities.split(",")}

    def _check_waiting(self) -> None:
        """Refuse settings with which the learner would wait for ever for `min_events` events."""
        wanted, replay, teacher = self.learner.min_events, self.replay, self.teacher
        singles = teacher.single_share > 0 or (teacher.style == "hybrid" and teacher.warmup_events > 0)
        for name in ("capacity", "capacity_single") if singles else ("capacity",):
            if wanted > getattr(replay, name):
                raise ConfigError(
                    f"learner.min_events={wanted}: a table of replay.{name}={getattr(replay, name)} events "
                    "never holds as many"
                )
        # A source's next batch waits once the table holds min_size events and the batch would pass the slack.
        reached = max(replay.limiter_slack - teacher.batch_events + 1, replay.min_size)
        if replay.samples_per_insert > 0 and wanted > reached:
            raise ConfigError(
                f"learner.min_events={wanted}: teachers are told to wait at {reached} events already; "
                "raise replay.limiter_slack"
            )

    def _check_sensors(self) -> None:
        if labelled := [subject.name for subject in self.run.subjects if subject.labelled]:
            raise ConfigError(f"run.teach={self.run.teach}: sensors bring no {labelled[0]} with labels; leave it away")
        names = {name.strip() for name in self.learner.modalities.split(",")}
        if names != {"audio", "image"}:
            raise ConfigError(f"learner.modalities={self.learner.modalities}: sensors give audio and image")
        if self.run.sensors != LIVE and self.ingest.listen is not None:
            raise ConfigError("--listen: a recording is played alone; use --sensors live for robots")

    @property
    def rig(self) -> RigConfig:
        """Settings of the rig, for a run that perceives for itself."""
        return RigConfig(
            source=self.run.sensors or LIVE,
            sensors=self.sensors,
            perception=self.perception,
            ingest=self.ingest,
            live=self.live,
        )

    def _check_letters(self) -> None:
        """Refuse settings with which TDLFT would wait for ever for its `min_pairs` pairs."""
        wanted, letters = self.tdlft.min_pairs, self.letters
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
        taught = changes.get("run.sensors", "none").lower() in ("none", "")
        return cls().override(changes if taught else LIVE_DEFAULTS | dict(changes))

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
                kind, place = _inner(kind, part, key), place[part]
            if name in _nested(kind):
                raise ConfigError(f"{key}: is a group of settings; name one, as in {key}.{next(iter(place[name]))}")
            try:
                place[name] = parse(kind, name, text)
            except ConfigError as error:
                raise ConfigError(f"{'.'.join(path)}.{error}" if name in place else str(error)) from None
        made = {}
        for section, kind in _nested(type(self)).items():
            try:
                made[section] = kind.from_dict(values[section])
            except ConfigError as error:
                raise ConfigError(f"{section}.{error}") from None
        return self.replace(**made)

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


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by dotted key."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= flatten(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return flat


def settings(kind: type[Config] = RunConfig, prefix: str = "") -> Iterator[Setting]:
    """Every setting of a run by dotted key, section by section."""
    hints = get_type_hints(kind)
    nested = _nested(kind)
    for f in dataclasses.fields(kind):
        if f.name in nested:
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


def _nested(kind: type[Config]) -> dict[str, type[Config]]:
    hints = get_type_hints(kind)
    pairs = ((f.name, hints[f.name]) for f in dataclasses.fields(kind))
    return {name: hint for name, hint in pairs if isinstance(hint, type) and issubclass(hint, Config)}


def _inner(kind: type[Config], part: str, key: str) -> type[Config]:
    inner = _nested(kind)
    if part not in inner:
        known = ", ".join(inner) or "none"
        raise ConfigError(f"{key}: unknown section {part!r}; known: {known} (see --help-settings)")
    return inner[part]

"""All settings of a run: every room's own, side by side, and which of them fit together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from agent.algorithms import TDLFT
from agent.config import AnswerConfig, LearnerConfig, MonitorConfig
from agent.tdlft.config import TdlftTurnsConfig
from page.config import PageConfig
from replay.config import ReplayConfig
from runtime.config.groups import flatten, groups, holders, inner_group
from runtime.config.migrate import migrate, replaced, typed
from runtime.config.part_settings import PartsConfig, parts_config
from runtime.config.run_section import RunSection
from sensors.browsers.browsers_config import BrowsersConfig
from sensors.core.config import Config, parse
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
from teacher.subjects.contract import settings_of

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
        nested, values = holders(type(self)), super().to_dict()
        sections: dict[str, Any] = {}
        for name, value in values.items():
            sections |= value if name in nested else {name: value}
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
        rest, nested = dict(values), {}
        for field_name, own in holders(cls).items():
            nested[field_name] = own.from_dict({name: rest.pop(name) for name in groups(own) if name in rest})
        return super().from_dict({**rest, **nested})

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

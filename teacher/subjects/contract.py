"""What a subject is: something that simulated teachers teach, from its data to its exam, and the registry of subjects.

A run names its subjects (`run.teach=digits+letters`). Everything else that the program does with what is taught asks
the subject: no room has an `if` on a subject's name.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sensors.core.config import Config
from sensors.core.errors import ConfigError
from sensors.core.registrations import check_name, note, sections_of
from sensors.core.state import StateDict
from teacher.config import DataConfig, settings_class

if TYPE_CHECKING:
    # The command line asks for names alone: it is not to wait for the datasets' libraries.
    from sensors.core.event import EventBatch
    from teacher.datasets.choose import Choice
    from teacher.datasets.core.exam_set import ExamSet
    from teacher.datasets.core.samples import Samples

SEPARATOR = "+"
"""What joins the names of subjects in `run.teach`."""


@dataclass(frozen=True)
class Taught:
    """What a subject has loaded.

    Attributes:
        name: of the subject.
        concepts: names by label, 2…10,000 of them.
        datasets: sense -> its labelled samples, in the order in which exams take them. Empty where the subject has no
            exam set of samples by sense (see `TeachingMachine.exam`).
        lines: for people: what is shown and played, what was left out, and what stands in for missing data.
        choices: setting of `data` that chooses -> 'choice:fingerprint'; for data that no setting chooses, the name has
            a '/' in it, as in 'felt/touch'. They are kept with the run, which goes on with data of the same
            fingerprints or not at all.
    """

    name: str
    concepts: tuple[str, ...]
    datasets: "Mapping[str, Samples]"
    lines: tuple[str, ...]
    choices: Mapping[str, str]


@dataclass(frozen=True)
class Cursor:
    """Where a machine stands: batches, events and lessons emitted so far in this generation."""

    batch: int = 0
    seq: int = 0
    lesson: int = 0


class TeachingMachine(Protocol):
    """What turns a subject's data into events, batch after batch.

    A batch is a function of settings, data, seed, generation and cursor alone: set back to an earlier cursor, the
    machine emits the same batches again, bit by bit.
    """

    @property
    def name(self) -> str:
        """The source of its events."""

    @property
    def rate(self) -> float:
        """Events to send each second; 0: as fast as replay accepts."""

    @property
    def cursor(self) -> Cursor:
        """Where it stands."""

    def step(self) -> "EventBatch":
        """Emit the next batch, of one kind, and move the cursor past it."""

    def exam(self) -> "ExamSet | None":
        """The test samples with their labels; None where the subject's examiners read its data themselves."""

    def state_dict(self, cursor: Cursor | None = None) -> StateDict:
        """Seed, generation and cursor (an earlier one, if given), JSON-able."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where the saved machine stood."""


class Subject(ABC):
    """One subject; `register_subject` makes it known.

    Every method gets the run's `data` section. `settings` is the section of the run that this subject is taught by.

    Attributes:
        name: as `run.teach` spells it: a lower-case word.
        about: one phrase for people.
        settings: what it is taught by. The name of a section of the run's settings that subjects share, 'teacher' or
            'letters'; or a class of settings of its own, which appear as a section of the subject's name and all have
            defaults. What `teacher.machine.Machine` teaches derives its class from `TeacherConfig`.
        labelled: whether its events carry labels. Algorithms that learn without labels never read such events.
    """

    name: str
    about: str
    settings: str | type[Config] = "teacher"
    labelled: bool = False

    @abstractmethod
    def senses(self, data: DataConfig, settings: Any) -> tuple[str, ...]:
        """The senses of its events, without those that are labels, in registry order.

        Raises:
            UserError: the data or settings do not tell.
        """

    @abstractmethod
    def kinds(self, data: DataConfig, settings: Any) -> list[str]:
        """The kinds of event that it sends, whose tables replay makes beforehand."""

    @abstractmethod
    def load(self, data: DataConfig) -> Taught:
        """Read and prepare all that is taught and examined.

        Raises:
            DataError: the data are missing or damaged.
        """

    @abstractmethod
    def machine(self, taught: Taught, settings: Any, name: str, seed: int, generation: int) -> TeachingMachine:
        """A machine that teaches what was loaded.

        Args:
            taught: of this subject's `load`.
            settings: its section of the run's settings.
            name: source of the events.
            seed: >= 0, one of its own for each machine.
            generation: counts restarts without the saved state, 0…2,047.

        Raises:
            ConfigError: the settings leave nothing to teach.
        """

    def choose(self, data: DataConfig) -> "Mapping[str, Choice]":
        """Which datasets it takes, by the setting of `data` that chooses; empty where there is no choice.

        Raises:
            DataError: the directory cannot be read.
        """
        return {}

    def check(self, data: DataConfig, settings: Any, source: str = "") -> None:  # noqa: B027  # nothing, by default
        """Tell at once, before anything is started, what would stop `load` or `machine`, without reading it all.

        Args:
            data: which data, and where.
            settings: its section of the run's settings.
            source: how the user named the directory of datasets, for messages; by default as `data` does.

        Raises:
            UserError: one or two lines that name the fault and the fix.
        """

    def fetch(self, data: DataConfig, source: str = "") -> None:  # noqa: B027  # nothing, by default
        """Download what `data` asks for and its directory lacks; does nothing unless `data.download`.

        Raises:
            DataError: a download fails.
        """

    def prepare(self, data: DataConfig) -> None:  # noqa: B027  # nothing, by default
        """Do once, and show, what would take every teacher long; called after `check`, so that mistakes come first.

        Raises:
            DataError: the data are damaged.
        """

    def teachers(self, count: int) -> list[str]:
        """Names of its teachers, under which they send their events; each begins with 'teacher-'.

        Args:
            count: how many there are of an unlabelled subject; a labelled one has one.
        """
        return [f"teacher-{self.name}"] if self.labelled else [f"teacher-{self.name}-{n}" for n in range(count)]


_REGISTRY: dict[str, Subject] = {}
sections_of("subject", lambda: {name: s.settings for name, s in _REGISTRY.items() if not isinstance(s.settings, str)})
T = TypeVar("T", bound=Subject)


def register_subject(new: T) -> T:
    """Make a subject known.

    Raises:
        ValueError: the name is taken, is no lower-case word, or is that of a section of settings where the subject has
            settings of its own.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", new.name):
        raise ValueError(f"subject name {new.name!r}: use a lower-case word")
    if new.name in _REGISTRY:
        raise ValueError(f"subject {new.name!r} is registered already")
    if not isinstance(new.settings, str):
        check_name("subject", new.name, new.settings)
    _REGISTRY[new.name] = new
    note("subject", new.name)
    return new


def subject(name: str) -> Subject:
    """Look one up.

    Raises:
        ConfigError: no such subject.
    """
    try:
        return _REGISTRY[name]
    except KeyError:
        raise ConfigError(f"no subject {name!r}; known: {', '.join(_REGISTRY)}") from None


def subjects() -> tuple[Subject, ...]:
    """All that are registered, in the order in which they were."""
    return tuple(_REGISTRY.values())


def read_subjects(text: str) -> tuple[Subject, ...]:
    """The subjects that a text such as 'digits+letters' names, in its order.

    Raises:
        ConfigError: none is named, one is unknown, or one is named twice.
    """
    names = [name.strip() for name in text.split(SEPARATOR)]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{text!r} names {name} twice")
    return tuple(subject(name) for name in names)


def settings_of(taught: Subject, sections: Any) -> Config:
    """The section of a run's settings that a subject is taught by.

    Args:
        taught: the subject.
        sections: the run's settings, with an attribute for each section, and `parts` with those that parts bring.

    Raises:
        ConfigError: the subject names a section that there is not.
    """
    if isinstance(taught.settings, str):
        section = getattr(sections, taught.settings, None)
    else:
        section = getattr(getattr(sections, "parts", None), taught.name, None)
    if not isinstance(section, Config):
        named = taught.settings if isinstance(taught.settings, str) else taught.name
        raise ConfigError(f"subject {taught.name}: there are no settings named {named!r}")
    return section


def settings_kind(taught: Subject) -> type[Config]:
    """The class of the settings that a subject is taught by.

    Raises:
        ConfigError: the subject names a section that there is not.
    """
    return settings_class(taught.settings) if isinstance(taught.settings, str) else taught.settings


def unlabelled(taught: Sequence[Subject]) -> list[Subject]:
    """Those without labels."""
    return [s for s in taught if not s.labelled]

"""The contract of a learning algorithm: what it learns from, one step of it, what it hands out, what it saves.

The learner runs the algorithms of a run side by side. An algorithm that declares a largest `share` of the time works
beside the others. Those that declare none take one step each in turn, so a step should be short. This module imports
neither torch nor an algorithm, so that settings can be checked and listed at once; an algorithm is imported when it is
built.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from agent.algorithms.usable import UsableReplay
from agent.config import LearnerConfig
from sensors.core.config import Config
from sensors.core.errors import ConfigError
from sensors.core.modalities import labelled
from sensors.core.registrations import check_name, note, sections_of
from sensors.core.state import StateDict

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from agent.events.turns import Replay
    from agent.hardware import Hardware
    from agent.networks.published import Networks

GENERATION, RETRIEVAL, CONSISTENCY, LIP_READING = "generation", "retrieval", "consistency", "lip reading"
"""Exams: judged samples that are evoked in another sense; samples found in another sense; the learner against itself,
without labels; letters read from lips."""
EXAMS = (GENERATION, RETRIEVAL, CONSISTENCY, LIP_READING)
RESERVED = ("learner", "random", "run", "manifest", "letters")
"""Names of the other parts of a checkpoint; earlier versions of the program called TDLFT's `letters`."""


@dataclass(frozen=True)
class Setup:
    """What an algorithm is built from.

    Attributes:
        config: settings of the learner, with the preset resolved for this machine.
        hardware: device, precision and threads.
        replay: where batches are drawn, without the events that are held out. An algorithm that `Declaration.make`
            builds finds there only the tables that it declared usable.
        tables: replay's own reader of whole tables, labelled ones and held-out events among them; `Declaration.make`
            gives it to no algorithm but those that declare `labels`.
        seed: of weights and of everything random.
        sections: the algorithms' own settings by name of the algorithm, as dicts (see `Declaration.settings`).
    """

    config: LearnerConfig
    hardware: "Hardware"
    replay: "Replay"
    tables: Any
    seed: int
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Declaration:
    """The properties of an algorithm before it is built; given to `register_algorithm`.

    Attributes:
        name: as `--learn` names it, and its part of a checkpoint.
        about: one phrase for people.
        build: the function that makes it; called by `make`.
        usable: whether it learns from a table, given the table's kind and the learner's modalities.
        exams: which of `EXAMS` examine it.
        labels: whether it reads labelled tables; where this is false, no labelled table is usable.
        networks: rebuilds the inference model from what `publish` handed out; None: it has no encoders of the
            learner's modalities.
        saved: what `publish` hands out, made of a state that `Algorithm.state_dict` gave; with it a checkpoint can be
            asked, shown and exported without a run. None: it cannot.
        settings: class of its own settings, which appear as a section of its name, such as `contrastive.width`; all
            have defaults. It finds them in `Setup.sections`. None: it has no settings.
        gauges: what `figures` reports that is shown as Ray metrics, beside its share of the time: name of the figure
            without the algorithm's, as in 'temperature' -> what it means, with its unit.
    """

    name: str
    about: str
    build: Callable[[Setup], "Algorithm"]
    usable: Callable[[str, Sequence[str]], bool]
    exams: tuple[str, ...]
    labels: bool = False
    networks: Callable[[Mapping[str, Any]], "Networks"] | None = None
    saved: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None
    settings: type[Config] | None = None
    gauges: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def decodes(self) -> bool:
        """Whether it can generate samples of one modality from another."""
        return GENERATION in self.exams

    def make(self, setup: Setup) -> "Algorithm":
        """Build it, and give it no more of replay than it declares.

        The algorithm draws from `UsableReplay`, made here. That draws from `TrainingReplay`, if the run holds out
        events, and that from replay's `Reader`.

        Raises:
            ConfigError: what is built has another declaration, by which it would be examined, saved and shown.
        """
        modalities = [name.strip() for name in setup.config.modalities.split(",")]
        own = UsableReplay(setup.replay, lambda kind: bool(self.learns_from([kind], modalities)), self.name)
        made = self.build(replace(setup, replay=own, tables=setup.tables if self.labels else None))
        other = getattr(made, "declared", None)
        if other is not self:
            told = f"is declared as {other.name}" if isinstance(other, Declaration) else "has no declaration"
            raise ConfigError(
                f"algorithm {self.name}: builds a {type(made).__name__}, which {told};\n"
                f"let its class, or one derived from it, have the declaration of {self.name} as `declared`"
            )
        return made

    def learns_from(self, kinds: Sequence[str], modalities: Sequence[str]) -> list[str]:
        """Those of these tables that it learns from."""
        return [k for k in kinds if (self.labels or not labelled(k)) and self.usable(k, modalities)]


class Algorithm(ABC):
    """One learning algorithm at work.

    Attributes:
        declared: its declaration.
        remaining: share of a bounded run that is still to come, 1…0; None: the run has no known end.
    """

    declared: ClassVar[Declaration]

    def __init__(self, modalities: Sequence[str] = ()) -> None:
        self.modalities = tuple(modalities)
        self.remaining: float | None = None

    @property
    def name(self) -> str:
        """As `--learn` names it."""
        return self.declared.name

    @property
    def exams(self) -> tuple[str, ...]:
        """Which exams examine it."""
        return self.declared.exams

    @property
    def share(self) -> float | None:
        """Largest share of the learner's time, 0…0.9, that it takes beside others; None: it takes the rest."""
        return None

    @property
    def state_device(self) -> "torch.device | str":
        """Where the tensors of a state lie that `load_state_dict` is given."""
        return "cpu"

    @property
    def turn(self) -> str:
        """What it is at, for people; empty while it waits."""
        return ""

    @property
    @abstractmethod
    def version(self) -> int:
        """Number of what it could publish now, which grows; 0 before there is anything."""

    def usable(self, kind: str) -> bool:
        """Whether it learns from a table."""
        return bool(self.declared.learns_from([kind], self.modalities))

    @abstractmethod
    def step(self) -> "dict[str, Tensor] | None":
        """One step, or one piece of work of a fraction of a second.

        Returns:
            Losses by term, detached scalars, or nothing where the piece has none; None when nothing is due.
        """

    @abstractmethod
    def waiting(self) -> str:
        """Why nothing is due, for people."""

    @abstractmethod
    def describe(self) -> list[str]:
        """Printable lines: what it learns from what, and how large it is."""

    def figures(self) -> dict[str, float]:
        """Figures beside the losses, by name."""
        return {}

    @abstractmethod
    def publish(self, version: int) -> dict[str, Any] | None:
        """What it has learned, as plain values and NumPy arrays, to cross processes.

        Args:
            version: what the caller has already.

        Returns:
            With `version` and `algorithm` in it; None where there is nothing newer.
        """

    @abstractmethod
    def state_dict(self) -> StateDict:
        """Everything that a resumed run needs to go on bitwise alike."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore exactly.

        Raises:
            StateError: a part is missing or unknown, or was saved with other sizes.
        """


_DECLARED: dict[str, Declaration] = {}
sections_of("algorithm", lambda: {name: d.settings for name, d in _DECLARED.items() if d.settings is not None})


def register_algorithm(declaration: Declaration) -> Declaration:
    """Add an algorithm.

    Raises:
        ValueError: its name is taken, is no name for an algorithm or is that of a section of settings; an exam is
            unknown; or its settings or gauges cannot be shown.
    """
    name = declaration.name
    if name in _DECLARED or name in RESERVED:
        raise ValueError(f"algorithm {name!r} is registered already, or this name has another meaning")
    if not name.isidentifier():
        raise ValueError(f"algorithm {name!r}: a name consists of letters, digits and _")
    check_name("algorithm", name, declaration.settings)
    for gauge, meaning in declaration.gauges.items():
        if not (name + gauge).isascii() or not gauge.isidentifier() or not meaning.isascii():
            raise ValueError(f"algorithm {name!r}: gauge {gauge!r}: give a name of a-z, 0-9, _ and a meaning in ASCII")
    if unknown := [exam for exam in declaration.exams if exam not in EXAMS]:
        raise ValueError(f"algorithm {name!r}: no exam {unknown[0]!r}; there are {', '.join(EXAMS)}")
    _DECLARED[name] = declaration
    note("algorithm", name)
    return declaration


def algorithms() -> tuple[str, ...]:
    """Names of all registered algorithms, in the order of their registration."""
    return tuple(_DECLARED)


def algorithm(name: str) -> Declaration:
    """The declaration of a registered algorithm.

    Raises:
        ConfigError: there is none of this name.
    """
    if name not in _DECLARED:
        raise ConfigError(f"no algorithm {name!r}; choose from {', '.join(_DECLARED)}, several joined by +")
    return _DECLARED[name]


def named(text: str) -> list[Declaration]:
    """The algorithms of a set as `--learn` takes it, 'smart+tdlft', in the order of their registration.

    Raises:
        ConfigError: a name is unknown or comes twice, or there is none.
    """
    names = [name.strip() for name in text.split("+")]
    found = [algorithm(name) for name in names]
    if len(set(names)) < len(names):
        raise ConfigError(f"{text!r} names one algorithm twice")
    return sorted(found, key=lambda declaration: algorithms().index(declaration.name))

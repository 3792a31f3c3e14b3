"""Which algorithms of a run have something to learn from, which have not, and which tables each is given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.algorithms import Declaration, named
from agent.config import LearnerConfig
from runtime.config.settings import RunConfig
from sensors.core.errors import ConfigError
from sensors.core.modalities import labelled
from sensors.perception.streams import perceived_kinds
from teacher.subjects import settings_of


@dataclass(frozen=True)
class Learning:
    """What learns in a run.

    Attributes:
        active: the algorithms that learn from some table of the run, one or more.
        resting: those that were asked for and find nothing to learn from.
        free: tables of single senses that none of them draws from, although they draw from tables in which the same
            sense comes together with others. Their sources are never told to wait.
        unread: labelled tables that nothing reads.
    """

    active: tuple[Declaration, ...]
    resting: tuple[Declaration, ...]
    free: tuple[str, ...]
    unread: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """Of those that are active."""
        return [declared.name for declared in self.active]

    @property
    def notes(self) -> list[str]:
        """What rests, a line each, for people."""
        return [f"{d.name} rests: nothing in this run brings events that it learns from" for d in self.resting] + [
            f"{', '.join(self.unread)}: kept, and learned from by nothing in this run"
        ] * bool(self.unread)

    @property
    def answers(self) -> str:
        """The algorithm whose networks answer questions: one that can generate, where there is one.

        Empty where none has networks, which `learning` refuses of a run that is to answer.
        """
        able = [d for d in self.active if d.networks is not None]
        return next((d.name for d in able if d.decodes), able[0].name if able else "")


def learning(config: RunConfig) -> Learning:
    """Sort the algorithms that `run.learn` names by what the run's tables hold.

    Raises:
        ConfigError: none of them learns from anything in the run, none can answer in a run that is to answer, or none
            generates what the run is to respond with.
    """
    tables = kinds(config)
    modalities = [name.strip() for name in config.learner.modalities.split(",")]
    used = {d: d.learns_from(tables, modalities) for d in named(config.run.learn)}
    active = tuple(d for d, found in used.items() if found)
    if not active:
        words = " and ".join(d.name for d in used)
        raise ConfigError(
            f"run.learn={config.run.learn}: {words} learns from none of {', '.join(tables)};\n"
            "choose others with --learn, or teach something else with --teach"
        )
    if config.answer.serve and not any(d.networks for d in active):
        raise ConfigError(
            f"answer.serve: {' and '.join(d.name for d in active)} cannot answer questions about what is perceived;\n"
            "give --set answer.serve=false, or let smart learn, too: --learn smart"
        )
    if config.answer.respond and not any(d.decodes for d in active):
        raise ConfigError(
            f"answer.respond: {' and '.join(d.name for d in active)} cannot generate a sound or a picture;\n"
            "leave --respond out, or let smart learn, too: --learn smart"
        )
    unread = tuple(k for k in tables if labelled(k) and not any(k in found for found in used.values()))
    resting = tuple(d for d, found in used.items() if not found)
    return Learning(active, resting, free_tables(active, tables, config.learner), unread)


def free_tables(learn: Sequence[Declaration], tables: Sequence[str], config: LearnerConfig) -> tuple[str, ...]:
    """Those of a run's tables whose sources are never told to wait, as `Learning.free` says."""
    modalities = [name.strip() for name in config.modalities.split(",")]
    drawn = {kind for declared in learn for kind in declared.learns_from(tables, modalities)}
    return tuple(k for k in tables if k not in drawn and any(set(k.split("+")) < set(d.split("+")) for d in drawn))


def sections(config: RunConfig) -> Mapping[str, dict[str, Any]]:
    """The settings of each algorithm that brings some, by its name."""
    return {d.name: getattr(config.parts, d.name).to_dict() for d in named(config.run.learn) if d.settings is not None}


def kinds(config: RunConfig) -> list[str]:
    """Tables that what is taught fills, each once; where the run perceives, those of every modality and of all."""
    if config.run.sensors is not None:
        names = [name.strip() for name in config.learner.modalities.split(",")]
        prompted = [one for one in config.run.subjects if one.labelled]
        shown = [kind for one in prompted for kind in one.kinds(config.data, settings_of(one, config))]
        return [*perceived_kinds(names), *shown]
    found = (one.kinds(config.data, settings_of(one, config)) for one in config.run.subjects)
    return list(dict.fromkeys(kind for kinds in found for kind in kinds))

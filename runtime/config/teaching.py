"""Who teaches what in a run, and whether the learner learns from the senses that are taught."""

from dataclasses import dataclass
from pathlib import Path

from runtime.config.run_section import SEEDS, RunSection
from runtime.config.settings import RunConfig
from runtime.config.teach import FOLDER
from sensors.core.errors import ConfigError
from sensors.core.modalities import kind_of
from sensors.senses import senses
from teacher.subjects.contract import SEPARATOR, Subject, settings_of, unlabelled


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
    """The simulated teachers of a run: first those of unlabelled subjects, each with its own seed."""
    found: list[Teacher] = []
    number = 0
    for subject in run.subjects if run.sensors is None else ():
        for place, name in enumerate(subject.teachers(run.teachers)):
            found.append(Teacher(name, subject, run.seed * SEEDS + (0 if subject.labelled else number), place == 0))
            number += not subject.labelled
    return found


def sent(config: RunConfig) -> tuple[str, ...]:
    """The senses of all that is taught without labels, in registry order.

    Raises:
        UserError: the data do not tell.
    """
    taught = unlabelled(config.run.subjects)
    names = {name for one in taught for name in one.senses(config.data, settings_of(one, config))}
    return tuple(kind_of(names).split("+")) if names else ()


def with_senses(config: RunConfig) -> RunConfig:
    """A copy whose learner learns from all senses that are taught without labels."""
    names = sent(config)
    if not names or set(names) == _learned(config):
        return config
    return config.replace(learner=config.learner.replace(modalities=",".join(names)))


def with_exam(config: RunConfig) -> RunConfig:
    """A copy of a run that perceives, which is examined on the exam set that prompted sessions have written before.

    Judges that the user names, or a directory without such a set, leave it as it is.
    """
    kept = config.browsers.exam
    if kept is None or config.run.sensors is None or config.monitor.judges is not None:
        return config
    if not any((Path(kept) / name).is_dir() for name in senses()):
        return config
    taught = SEPARATOR.join([FOLDER, *(one.name for one in config.run.subjects if one.labelled)])
    return config.override({"run.teach": taught, "data.folder": kept, "monitor.judges": kept})


def check_senses(config: RunConfig) -> None:
    """Refuse a learner that waits for senses that nobody sends, or that leaves senses lying which are sent.

    Raises:
        UserError: names the senses and the settings; or the data do not tell.
    """
    names, learned = sent(config), _learned(config)
    if not names:
        return
    if unsent := sorted(learned - set(names)):
        raise ConfigError(
            f"learner.modalities: no teacher sends {', '.join(unsent)}; "
            "leave it out, or see teacher.derived in --help-settings"
        )
    if unread := sorted(set(names) - learned):
        # Nothing would draw the events of these senses, and their full tables would make the teacher wait.
        raise ConfigError(
            f"learner.modalities: teachers send {', '.join(unread)}, from which nothing would be learned; "
            f"add --set learner.modalities={','.join(names)}"
        )
    derived = next((style.derived for style in config.styles if style.derived), "")
    if derived and "lesson" in (config.learner.guides, config.learner.selector):
        raise ConfigError(
            f"teacher.derived: events of one sense and {derived} have no lesson; use guides pair or cluster"
        )


def _learned(config: RunConfig) -> set[str]:
    return {name.strip() for name in config.learner.modalities.split(",")}

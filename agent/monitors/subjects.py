"""What a monitor examines, by the exams that the run's algorithms ask for: lip reading, senses, the learner itself."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.algorithms import CONSISTENCY, GENERATION, LIP_READING, RETRIEVAL, Declaration
from agent.config import LearnerConfig, MonitorConfig
from agent.exams.judge_cache import judges_folder
from agent.inference import build_networks
from agent.monitors.lip_monitor import LipMonitor
from agent.monitors.monitor import Monitor
from agent.monitors.retrieval_monitor import RetrievalMonitor
from agent.monitors.rounds import Examiner
from agent.monitors.self_monitor import SelfMonitor
from agent.tdlft.config import TdlftTurnsConfig
from agent.tdlft.lip_networks import LipNetworks
from replay.reader import Reader
from sensors.core.errors import DataError
from teacher.config import DataConfig
from teacher.datasets import ExamSet
from teacher.subjects import Subject, unlabelled
from teacher.subjects.letters import TaughtLetters


@dataclass(frozen=True)
class Examined:
    """One subject, and whose work it examines.

    Attributes:
        subject: examines by itself.
        algorithm: name of the learner's algorithm.
        build: makes what is examined from what that algorithm published.
    """

    subject: Examiner
    algorithm: str
    build: Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True)
class Subjects:
    """The subjects of one monitor, in the order of their exams.

    Attributes:
        all: each examines by itself.
        reader: of replay, for the exams without labels; None in a run without such exams.
    """

    all: tuple[Examined, ...]
    reader: Reader | None

    def close(self) -> None:
        """Let go of replay's pages."""
        if self.reader is not None:
            self.reader.close()


def find_subjects(
    settings: MonitorConfig,
    data: DataConfig,
    taught: Sequence[Subject],
    exams: Mapping[str, dict[str, Any]],
    learn: Sequence[Declaration],
    sections: Mapping[str, dict[str, Any]],
    run: Path,
    held_out: float,
) -> Subjects:
    """Load what the exams need.

    Args:
        settings: of the monitor.
        data: where labelled data are.
        taught: what is taught, or, where the run perceives, what the judges' data are of.
        exams: subject -> its exam set as a dict of arrays, of those whose teachers bring one.
        learn: the algorithms of the run that learn from something in it.
        sections: their own settings by section, as dicts, and those of the `learner`.
        run: its directory, whose `samples` are written and whose `replay` is read.
        held_out: share of events that the learner holds out.

    Raises:
        DataError: `monitor.judges` names a directory without datasets, or the data of a subject have changed since its
            teacher began, so that the judges would give other numbers to its concepts.
    """
    samples, judges = run / "samples", judges_folder()
    mirror = LearnerConfig.from_dict(sections.get("learner", {})).mirror
    found: list[Examined] = []
    for declared in learn:
        for one in taught if LIP_READING in declared.exams else ():
            loaded = one.load(data) if one.labelled else None
            if isinstance(loaded, TaughtLetters):
                turns = TdlftTurnsConfig.from_dict(sections.get(declared.name, {}))
                lips = LipMonitor(settings, loaded.corpus, turns, samples, judges)
                found.append(Examined(lips, declared.name, _lip_networks))
    others = unlabelled(taught)
    by_itself = bool(others) and not exams
    if by_itself and settings.judges is not None:
        # Whoever has no teacher names the labelled data, and what was trained on them, himself.
        data = data.replace(data=settings.judges, download=False)
        own = Path(settings.judges).expanduser() / "judges"
        judges = own if own.is_dir() else judges
    graded = [declared for declared in learn if {GENERATION, RETRIEVAL} & set(declared.exams)]
    for one in others if graded else ():
        if one.name not in exams and settings.judges is None:
            continue
        loaded = one.load(data)
        brought = exams.get(one.name)
        tests = ExamSet.of(loaded.datasets, loaded.concepts) if brought is None else ExamSet.from_dict(brought)
        _check_concepts(one.name, tests.concepts, loaded.concepts)
        for declared in graded:
            # Where there are several, each has figures and a folder of its own; the first algorithm's have no name.
            names = [one.name] * (len(others) > 1) + [declared.name] * (declared is not graded[0])
            name = "/".join(names)
            examiner: Examiner
            if declared.decodes:
                examiner = Monitor(
                    settings, loaded.datasets, tests, samples / name, judges, name, declared.name, mirror
                )
            else:
                examiner = RetrievalMonitor(settings, tests, samples / name, name, learned_by=declared.name)
            found.append(Examined(examiner, declared.name, build_networks))
    reader = None
    compared = [declared for declared in learn if CONSISTENCY in declared.exams]
    if compared and (settings.consistency == "on" or (settings.consistency == "auto" and by_itself)):
        reader = Reader(run / "replay")
        for declared in compared[:1]:
            itself = SelfMonitor(settings, reader, held_out, declared.name)
            found.append(Examined(itself, declared.name, build_networks))
    return Subjects(tuple(found), reader)


def _check_concepts(name: str, taught: Sequence[str], now: Sequence[str]) -> None:
    """Refuse judges that number concepts otherwise than the exam does."""
    if tuple(taught) == tuple(now):
        return
    gone, new = set(taught) - set(now), set(now) - set(taught)
    changes = [f"{words} {_some(names)}" for words, names in (("no longer with", gone), ("now with", new)) if names]
    raise DataError(
        f"subject {name!r}: its concepts changed while the run was on, {' and '.join(changes) or 'in their order'}; "
        "put the data back as they were and --resume the run, or start a new one"
    )


def _some(names: Collection[str]) -> str:
    """The first three names, and how many more there are."""
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return ", ".join(repr(name) for name in sorted(names)[:3]) + more


def _lip_networks(published: Mapping[str, Any]) -> LipNetworks:
    return LipNetworks.from_dict(published["networks"])

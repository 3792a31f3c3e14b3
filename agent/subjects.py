"""What a monitor examines: each subject that is taught, and the learner against itself, as the run has them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.config import MonitorConfig
from agent.lip_monitor import LipMonitor
from agent.monitor import Monitor
from agent.self_monitor import SelfMonitor
from agent.tdlft_config import TdlftTurnsConfig
from replay.reader import Reader
from teacher.config import DataConfig
from teacher.datasets import ExamSet
from teacher.datasets.cache import cache_root
from teacher.subjects import Subject, unlabelled
from teacher.subjects.letters import TaughtLetters


@dataclass(frozen=True)
class Subjects:
    """The subjects of one monitor, in the order of their exams.

    Attributes:
        all: each examines by itself.
        reader: of replay, for the exams without labels; none where there are none.
    """

    all: tuple[LipMonitor | Monitor | SelfMonitor, ...]
    reader: Reader | None

    def close(self) -> None:
        """Let go of replay's pages."""
        if self.reader is not None:
            self.reader.close()


def find_subjects(
    settings: MonitorConfig,
    data: DataConfig,
    taught: tuple[Subject, ...],
    exams: Mapping[str, dict[str, Any]],
    tdlft: TdlftTurnsConfig,
    run: Path,
    held_out: float,
) -> Subjects:
    """Load what the exams need.

    Args:
        settings: of the monitor.
        data: where labelled data are.
        taught: what is taught, or, where the run perceives, what the judges' data are of.
        exams: subject -> its exam set as a dict of arrays, of those whose teachers bring one.
        tdlft: settings of TDLFT's turns.
        run: its directory, whose `samples` are written and whose `replay` is read.
        held_out: share of events that the learner holds out.

    Raises:
        DataError: `monitor.judges` names a directory without datasets.
    """
    samples, judges = run / "samples", cache_root() / "judges"
    found: list[LipMonitor | Monitor | SelfMonitor] = []
    for one in taught:
        loaded = one.load(data) if one.labelled else None
        if isinstance(loaded, TaughtLetters):
            found.append(LipMonitor(settings, loaded.corpus, tdlft, samples, judges))
    others = unlabelled(taught)
    by_itself = bool(others) and not exams
    if by_itself and settings.judges is not None:
        # Whoever has no teacher names the labelled data, and what was trained on them, himself.
        data = data.replace(data=settings.judges, download=False)
        own = Path(settings.judges).expanduser() / "judges"
        judges = own if own.is_dir() else judges
    for one in others:
        if one.name not in exams and settings.judges is None:
            continue
        loaded = one.load(data)
        brought = exams.get(one.name)
        tests = ExamSet.of(loaded.datasets, loaded.concepts) if brought is None else ExamSet.from_dict(brought)
        # Where there are several, each has figures and a folder of its own.
        name = one.name if len(others) > 1 else ""
        found.append(Monitor(settings, loaded.datasets, tests, samples / name, judges, name))
    reader = None
    if settings.consistency == "on" or (settings.consistency == "auto" and by_itself):
        reader = Reader(run / "replay")
        found.append(SelfMonitor(settings, reader, held_out))
    return Subjects(tuple(found), reader)

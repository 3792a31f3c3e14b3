"""What a monitor examines: lip reading, digits, and the learner against itself, as the run has them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.config import MonitorConfig
from agent.lip_monitor import LipMonitor
from agent.monitor import Monitor
from agent.self_monitor import SelfMonitor
from agent.tdlft_config import TdlftTurnsConfig
from replay.reader import Reader
from teacher.config import CONCEPTS, DataConfig
from teacher.datasets import ExamSet, load_images, load_speech
from teacher.datasets.cache import cache_root
from teacher.datasets.letters import load_letters


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
    exam: dict[str, Any] | None,
    digits: bool,
    letters: TdlftTurnsConfig | None,
    run: Path,
    held_out: float,
) -> Subjects:
    """Load what the exams need.

    Args:
        settings: of the monitor.
        data: where labelled data are.
        exam: the digits' exam set as a dict of arrays; none where no teacher brings one.
        digits: whether digits are taught, or perceived.
        letters: settings of TDLFT's turns; none where no letters are taught.
        run: its directory, whose `samples` are written and whose `replay` is read.
        held_out: share of events that the learner holds out.

    Raises:
        DataError: `monitor.judges` names a directory without datasets.
    """
    samples, judges = run / "samples", cache_root() / "judges"
    found: list[LipMonitor | Monitor | SelfMonitor] = []
    unlabelled = exam is None and digits
    if letters is not None:
        found.append(LipMonitor(settings, load_letters(data), letters, samples, judges))
    if unlabelled and settings.judges is not None:
        # Whoever has no teacher names the labelled data, and what was trained on them, himself.
        data = data.replace(data=settings.judges, download=False)
        own = Path(settings.judges).expanduser() / "judges"
        judges = own if own.is_dir() else judges
    if exam is not None or (unlabelled and settings.judges is not None):
        datasets = {"image": load_images(data), "audio": load_speech(data)}
        tests = ExamSet.of(datasets, CONCEPTS) if exam is None else ExamSet.from_dict(exam)
        found.append(Monitor(settings, datasets, tests, samples, judges))
    reader = None
    if settings.consistency == "on" or (settings.consistency == "auto" and unlabelled):
        reader = Reader(run / "replay")
        found.append(SelfMonitor(settings, reader, held_out))
    return Subjects(tuple(found), reader)

"""A page whose run is a stand-in: it has events, networks, an exam and figures, but nothing learns and no Ray runs."""

import dataclasses
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.networks.published import Networks
from page.config import PageConfig
from page.context import PageContext
from page.feed.run_report import RunFacts
from page.samples.exam_results import ExaminedSubject, JudgedRows
from page.server.page_server import PageServer
from teacher.datasets import ExamSet

REPORT_EVERY = 0.5
"""Seconds between two reports to the page; a run makes one a second."""
PATHS = (("image", "image"), ("image", "audio"), ("audio", "image"), ("audio", "audio"))


@dataclass
class StandIn:
    """A run that is told, not made.

    Attributes:
        directory: of the run; `replay/` in it may hold tables.
        exam: what is known, with names.
        values: figures that the run tells.
        commands: names of the commands that viewers gave.
        silent: whether it tells the page nothing.
    """

    directory: Path
    exam: ExamSet
    values: dict[str, Any] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    paused: bool = False
    silent: bool = False
    phase: str = "learning"
    step: int = 1200

    def __post_init__(self) -> None:
        self._closing = threading.Event()
        self._figures()
        facts = RunFacts("stand-in", "0.0", ["digits"], True, settings_told(), ("image", "audio"), "ink")
        self.config = PageConfig(port=18_270, known=100, refresh=1.0)
        self.context = PageContext(self.directory, self.config, facts)
        judges = {"image": 0.99, "audio": 0.98}
        self.context.take_exams([ExaminedSubject("", self.exam, 1180, judges, verdicts_of(self.exam))])
        self.context.report.update(self.overview())
        self.server = PageServer(self.context, self.config, "")
        self._thread = threading.Thread(target=self._report, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """Where the page is."""
        return self.server.address

    def learned(self, networks: Networks) -> None:
        """Answer by these networks."""
        self.context.model.renew(networks)

    def overview(self) -> dict[str, Any]:
        """How the run is."""
        turn = "image<audio" if self.step // 50 % 2 else "audio<image"
        return {
            "time_s": 63.2,
            "learning_s": 50.1,
            "step": self.step,
            "phase": "paused" if self.paused else self.phase,
            "share": 0.4,
            "paused": self.paused,
            "waiting": "",
            "values": {"learner/turn": turn, "learner/steps_per_s": 24.0, "replay/fill": 0.4, **self.values},
            "actors": [actor("replay", "up"), actor("learner", "up"), actor("teacher-0", "restarting", "it has died")],
            "exams": [{"title": "image → audio", "exam": "image_to_audio", "judge": "audio", "crosses": True}],
            "checkpoint": {"step": 1000, "age_s": 12.0},
            "notes": [{"number": 1, "at": 1_760_000_000.0, "text": "exam at step 1,000 <b>of digits</b>"}],
        }

    def leave(self) -> None:
        """Serve no longer, until `come_back`."""
        self.server.close()

    def come_back(self) -> None:
        """Serve again at the same port."""
        config = dataclasses.replace(self.config, port=self.server.port)
        self.server = PageServer(self.context, config, "")

    def close(self) -> None:
        """Serve no longer."""
        self._closing.set()
        self._thread.join()
        self.server.close()
        self.context.close()

    def _report(self) -> None:
        while not self._closing.is_set():
            if not self.silent:
                self.context.report.update(self.overview())
            for command in self.context.commands.take(REPORT_EVERY):
                self.commands.append(command.name)
                self.paused = {"pause": True, "resume": False}.get(command.name, self.paused)
            self.context.model.update_codes()
            self.step += 10

    def _figures(self) -> None:
        """A record of figures, as `runtime` writes it."""
        lines = []
        for n in range(1, 60):
            share = 1 - 0.9 * 0.95**n
            exams = {"exam/image_to_audio": share, "exam/audio_to_image": share**2, "loss/image": 5 / n}
            lines.append({"time": float(n), "step": 20 * n, "learner/steps_per_s": 20.0 + n % 3, **exams})
        (self.directory / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def actor(name: str, state: str, fault: str = "") -> Mapping[str, Any]:
    """An actor as the run tells of it."""
    return {"name": name, "state": state, "since_s": 60.0, "restarts": 0, "pid": None, "fault": fault}


def settings_told() -> Sequence[Mapping[str, Any]]:
    """Two settings, of which one differs from its default."""
    values = {"learner.batch": 64, "learner.bank": 128}
    about = {"section": "learner", "default": 128, "unit": "events", "allowed": "2…4096", "help": "how many"}
    return [{"key": key, "value": value, "changed": value != 128, **about} for key, value in values.items()]


def verdicts_of(exam: ExamSet) -> dict[tuple[str, str], JudgedRows]:
    """Judges that are right but for every ninth sample."""
    found = {}
    for source, target in PATHS:
        rows: NDArray[np.int64] = np.arange(len(exam.parts[source]), dtype=np.int64)
        judged = exam.parts[source].labels.copy()
        judged[::9] = (judged[::9] + 1) % len(exam.concepts)
        found[source, target] = JudgedRows(rows, judged)
    return found

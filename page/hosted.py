"""All that the page's routes work with, put together; nothing here knows Ray or HTTP."""

import dataclasses
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch

from page.commands import Commands
from page.config import PageConfig
from page.exam_material import ExaminedSubject
from page.figures_file import FiguresFile
from page.forms import can_be_heard
from page.library import Library, describe_sense
from page.machine import MachineState
from page.mind import Mind
from page.questions import Questions
from page.refusals import Refusals
from page.shares import Shares
from page.stored_events import StoredEvents
from page.thinker import Thinker
from page.told import RunFacts, RunReport, status_of
from sensors.senses import sense

READERS = 2
"""Threads that decode uploads, encode samples and read files."""


class Hosted:
    """One run, as its page sees it.

    Args:
        run_dir: of the run.
        config: of the page.
        facts: of the run.
    """

    def __init__(self, run_dir: Path, config: PageConfig, facts: RunFacts) -> None:
        self.config, self.facts = config, facts
        self.refusals, self.commands, self.told = Refusals(), Commands(), RunReport()
        self.events = StoredEvents(run_dir / "replay")
        self.questions = Questions(run_dir / "samples", config.questions)
        self.library = Library(self.events, self.questions, config.known, facts.senses)
        self.thinker = Thinker(lambda: torch.set_num_threads(1))
        self.mind = Mind(self.thinker, self.library.material)
        self.figures = FiguresFile(run_dir / "metrics.jsonl")
        self.machine = MachineState(run_dir)
        self.pool = ThreadPoolExecutor(READERS, thread_name_prefix="page")
        self.shares = Shares(config.shares)
        self.viewers = 0
        self.connections = 0
        self.last_asked = -1e9

    def take_exams(self, subjects: Sequence[ExaminedSubject]) -> None:
        """The monitor told of its exams."""
        first = not self.library.subjects
        self.library.subjects = list(subjects)
        if first and subjects:
            self.mind.forget_codes()

    def status(self) -> dict[str, Any]:
        """The status as `/v1/status` tells it."""
        found = status_of(self.facts, self.told)
        found["senses"] = [
            describe_sense(name, can_be_heard(name), sense(name).about)
            for name in self.mind.senses or self.facts.senses
        ]
        pids = [actor["pid"] for actor in found["actors"] if actor["pid"] is not None]
        found["machine"] = self.machine.look(pids)
        for actor in found["actors"]:
            actor |= self.machine.use(actor["pid"])
        found["page"] = self.page_status()
        return found

    def page_status(self) -> dict[str, Any]:
        """What the page knows of itself."""
        return {
            "viewers": self.viewers,
            "connections": self.connections,
            "shares": len(self.shares),
            "asked": 0.0,
            "answer_ms_p50": None,
            "answer_ms_p99": None,
            "weights_step": None,
            "weights_age_s": None,
            **self.mind.figures(),
            "refused": self.refusals.totals,
            "prepares": self.facts.prepares,
        }

    def own_figures(self) -> dict[str, float]:
        """Figures of the page, for the run's record."""
        told = {f"page/{name}": value for name, value in self.mind.figures().items()}
        told |= {f"page/refused/{reason}": float(count) for reason, count in self.refusals.totals.items()}
        told |= {f"page/unshared/{reason}": float(count) for reason, count in self.shares.lost.items()}
        return told | {
            "page/shares": float(len(self.shares)),
            "page/viewers": float(self.viewers),
            "page/connections": float(self.connections),
            "page/questions_unwritten": float(self.questions.unwritten),
        }

    def settings(self) -> dict[str, Any]:
        """All settings, as `/v1/settings` tells them."""
        return {"settings": [dict(one) for one in self.facts.settings]}

    def close(self) -> None:
        """Let go of threads and files."""
        self.commands.close()
        self.thinker.close()
        self.pool.shutdown(wait=False, cancel_futures=True)
        self.events.close()


def facts_of(values: Mapping[str, Any]) -> RunFacts:
    """Rebuild facts that crossed a process boundary as `dataclasses.asdict`."""
    names = {field.name for field in dataclasses.fields(RunFacts)}
    return RunFacts(
        **{**{name: value for name, value in values.items() if name in names}, "senses": tuple(values["senses"])}
    )

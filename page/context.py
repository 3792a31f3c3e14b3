"""All that the page's routes work with, put together; nothing here knows Ray or HTTP."""

import dataclasses
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch

from page.access.refusals import Refusals
from page.commands import Commands
from page.config import PageConfig
from page.feed.figures_file import FiguresFile
from page.feed.resource_usage import ResourceUsage
from page.feed.run_report import RunFacts, RunReport, status_of
from page.inference.inference_thread import InferenceThread
from page.inference.latest_model import LatestModel
from page.inference.lip_reader import LipReader
from page.samples.exam_results import ExaminedSubject
from page.samples.formats import can_be_heard
from page.samples.questions import Questions
from page.samples.sample_lookup import SampleLookup, describe_sense
from page.samples.stored_events import StoredEvents
from page.sharing.sharing_connections import SharingConnections
from sensors.senses import sense

READERS = 2
"""Threads that decode uploads, encode samples and read files."""


class PageContext:
    """One run, as its page sees it.

    Args:
        run_dir: of the run.
        config: of the page.
        facts: of the run.
    """

    def __init__(self, run_dir: Path, config: PageConfig, facts: RunFacts) -> None:
        self.config, self.facts = config, facts
        self.refusals, self.commands, self.report = Refusals(), Commands(), RunReport()
        self.events = StoredEvents(run_dir / "replay")
        self.questions = Questions(run_dir / "samples", config.questions)
        self.samples = SampleLookup(self.events, self.questions, config.known, facts.senses)
        self.inference_thread = InferenceThread(lambda: torch.set_num_threads(1))
        self.model = LatestModel(self.inference_thread, self.samples.known_samples)
        self.lip_reader = LipReader()
        self.figures = FiguresFile(run_dir / "metrics.jsonl")
        self.resources = ResourceUsage(run_dir)
        self.pool = ThreadPoolExecutor(READERS, thread_name_prefix="page")
        self.sharing = SharingConnections(config.shares)
        self.viewers = 0
        self.connections = 0
        self.last_asked = -1e9

    def take_exams(self, subjects: Sequence[ExaminedSubject]) -> None:
        """The monitor told of its exams."""
        first = not self.samples.subjects
        self.samples.subjects = list(subjects)
        if first and subjects:
            self.model.forget_codes()

    def evokes(self) -> dict[str, Sequence[str]]:
        """Senses that can be asked about, and what each evokes; before the first weights those of the learner."""
        learned = self.model.senses or self.facts.senses
        return {**dict.fromkeys(learned, learned), **self.lip_reader.targets}

    def status(self) -> dict[str, Any]:
        """The status as `/v1/status` tells it."""
        found = status_of(self.facts, self.report)
        evokes = self.evokes()
        found["senses"] = [
            describe_sense(name, can_be_heard(name), sense(name).about, evokes.get(name, ()))
            for name in dict.fromkeys((*evokes, *self.events.senses()))
        ]
        pids = [actor["pid"] for actor in found["actors"] if actor["pid"] is not None]
        found["machine"] = self.resources.look(pids)
        for actor in found["actors"]:
            actor |= self.resources.use(actor["pid"])
        found["page"] = self.page_status()
        return found

    def page_status(self) -> dict[str, Any]:
        """What the page knows of itself."""
        return {
            "viewers": self.viewers,
            "connections": self.connections,
            "shares": len(self.sharing),
            "asked": 0.0,
            "answer_ms_p50": None,
            "answer_ms_p99": None,
            "weights_step": None,
            "weights_age_s": None,
            **self.model.figures(),
            "refused": self.refusals.totals,
            "prepares": self.facts.prepares,
        }

    def own_figures(self) -> dict[str, float]:
        """Figures of the page, for the run's record."""
        told = {f"page/{name}": value for name, value in self.model.figures().items()}
        told |= {f"page/refused/{reason}": float(count) for reason, count in self.refusals.totals.items()}
        told |= {f"page/unshared/{reason}": float(count) for reason, count in self.sharing.lost.items()}
        return told | {
            "page/shares": float(len(self.sharing)),
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
        self.inference_thread.close()
        self.pool.shutdown(wait=False, cancel_futures=True)
        self.events.close()


def facts_of(values: Mapping[str, Any]) -> RunFacts:
    """Rebuild facts that crossed a process boundary as `dataclasses.asdict`."""
    names = {field.name for field in dataclasses.fields(RunFacts)}
    return RunFacts(
        **{**{name: value for name, value in values.items() if name in names}, "senses": tuple(values["senses"])}
    )

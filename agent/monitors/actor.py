"""The Ray actor of the monitor."""

import contextlib
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import ray
import torch
from ray.exceptions import RayActorError

from agent.algorithms import SMART, algorithm
from agent.config import MonitorConfig
from agent.monitors.monitor import Monitor
from agent.monitors.rounds import Round, Rounds
from agent.monitors.subjects import find_subjects
from teacher.config import DataConfig
from teacher.subjects import read_subjects

PULL_DEADLINE = 60.0
"""Seconds within which the learner must hand out its weights."""
PULL_PATIENCE = 1.0
"""Seconds that the monitor waits for them at once; later ones are there when it looks again."""


class MonitorActor:
    """The monitor in a process of its own that gives way to the learner.

    Args:
        run_dir: of the run, whose `samples` are written.
        config: `MonitorConfig` as a dict.
        data: `DataConfig` as a dict.
        learner: handle of the learner; when that dies, the actor that takes the name 'learner'.
        teach: names of the subjects, joined by '+'; with the next, it says which exams there are.
        learn: names of the learner's algorithms.
        sections: their own settings by section, and the learner's, as dicts; defaults where they are not given.
        held_out: share of events that the learner holds out.
        examined: names of the subjects whose teachers bring an exam set.
        exams: these exam sets, in this order, as dicts of arrays.

    Raises:
        DataError: `monitor.judges` names a directory without datasets.
    """

    def __init__(
        self,
        run_dir: str,
        config: dict[str, Any],
        data: dict[str, Any],
        learner: Any,
        teach: str = "digits",
        learn: Sequence[str] = (SMART.name,),
        sections: Mapping[str, dict[str, Any]] = MappingProxyType({}),
        held_out: float = 0.0,
        examined: Sequence[str] = (),
        *exams: dict[str, Any],
    ) -> None:
        settings = MonitorConfig.from_dict(config)
        os.nice(settings.niceness)
        torch.set_num_threads(settings.threads)
        self.learner, self._pending = learner, dict[int, Any]()
        self.subjects = find_subjects(
            settings,
            DataConfig.from_dict(data),
            read_subjects(teach),
            dict(zip(examined, exams, strict=True)),
            [algorithm(name) for name in learn],
            sections,
            Path(run_dir),
            held_out,
        )
        self.versions = [-1] * len(self.subjects.all)
        pulls = [partial(self._pull, number) for number in range(len(self.subjects.all))]
        self.rounds = Rounds([Round(e.subject, pull) for e, pull in zip(self.subjects.all, pulls, strict=True)])

    def run(self, seconds: float) -> dict[str, Any]:
        """Train the judges, or examine when an exam is due."""
        found = self.rounds.run(seconds)
        return {"figures": found.figures, "note": found.note}

    def final(self, seconds: float) -> dict[str, Any]:
        """Finish the judges and examine on all test data; the learner rests, so every core is free.

        Args:
            seconds: about how long to work on it now; to be called until it is done.

        Returns:
            `figures` and `note` of all of it once it is done, and until then
            `progress`, `stage` and `share`: how far it is, as `ExamProgress` has them.
        """
        torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)
        progress, found = self.rounds.conclude(seconds)
        return {
            "figures": found.figures,
            "note": found.note,
            "progress": "" if progress is None else progress.text,
            "stage": "" if progress is None else progress.stage,
            "share": None if progress is None else progress.share,
        }

    def _pull(self, number: int, anyway: bool) -> Any | None:
        """The published networks for one subject's exam, if they are newer than at its last exam, or in any case."""
        examined = self.subjects.all[number]
        published = self._ask(number, examined.algorithm, -1 if anyway else self.versions[number], anyway)
        if published is None:
            return None
        self.versions[number] = published["version"]
        return examined.build(published)

    def _ask(self, number: int, name: str, known: int, anyway: bool) -> dict[str, Any] | None:
        """What the learner publishes; None when there is nothing new, or not within a moment unless it must be."""
        answer = self._pending.pop(number, None)
        try:
            if answer is None or anyway:
                answer = self.learner.publish.remote(name, known)
            if anyway or ray.wait([answer], timeout=PULL_PATIENCE)[0]:
                published: dict[str, Any] | None = ray.get(answer, timeout=PULL_DEADLINE)
                return published
            self._pending[number] = answer
        except RayActorError:
            # It died: another one takes its name.
            with contextlib.suppress(ValueError):
                self.learner = ray.get_actor("learner")
            if anyway:
                raise
        return None

    def material(self, known: Sequence[int]) -> list[dict[str, Any]] | None:
        """What the page shows of the exams of samples by sense; may run beside the rest.

        Args:
            known: step of the newest exam of each subject, as this told them before; empty: nothing is known yet.

        Returns:
            For each subject what `Monitor.material` tells; None where there is nothing newer.
        """
        monitors = [e.subject for e in self.subjects.all if isinstance(e.subject, Monitor)]
        told = [one.material(known[n] if n < len(known) else None) for n, one in enumerate(monitors)]
        return None if [one["step"] for one in told] == list(known) else told

    def ping(self) -> str:
        """Answer, which shows that the actor is alive."""
        return repr(self)

    def close(self) -> None:
        """Let go of replay's pages."""
        self.subjects.close()

    def __repr__(self) -> str:
        if not hasattr(self, "rounds"):
            return "Monitor(starting)"
        return "Monitor(judges ready)" if self.rounds.ready else "Monitor(training judges)"

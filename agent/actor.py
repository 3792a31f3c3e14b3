"""Ray shells of the learner and the monitor."""

import os
import time
from pathlib import Path
from typing import Any

import ray
import torch

from agent.config import LearnerConfig, MonitorConfig
from agent.exam import Networks
from agent.learner import Learner
from agent.monitor import Findings, Monitor
from agent.tdlft_config import TdlftTurnsConfig
from agent.tdlft_turns import TdlftTurns
from replay.reader import Reader
from teacher.config import DataConfig
from teacher.datasets import ExamSet, load_images, load_speech
from teacher.datasets.cache import cache_root

PULL_DEADLINE = 60.0
"""Seconds within which the learner must hand out its weights."""


class LearnerActor:
    """The learner in a process of its own, with a GPU if there is one.

    Args:
        run_dir: of the run, whose `replay` holds the tables.
        config: `LearnerConfig` as a dict.
        seed: of weights and guides.
        replay: handle of replay.
        teach: 'digits' (SMART alone), 'letters' (TDLFT alone) or 'both'.
        tdlft: `TdlftTurnsConfig` as a dict; its defaults where it is not given.
    """

    def __init__(
        self,
        run_dir: str,
        config: dict[str, Any],
        seed: int,
        replay: Any = None,
        teach: str = "digits",
        tdlft: dict[str, Any] | None = None,
    ) -> None:
        settings = LearnerConfig.from_dict(config)
        reader = Reader(Path(run_dir) / "replay", seed)
        self.tdlft = None
        if teach != "digits":
            self.tdlft = TdlftTurns(TdlftTurnsConfig.from_dict(tdlft or {}), reader, seed)
        self.learner = Learner(settings, reader, seed, self.tdlft)
        torch.set_num_threads(self.learner.hardware.threads)

    def describe(self) -> list[str]:
        """Printable lines about hardware and sizes."""
        return self.learner.describe()

    def run(self, seconds: float, steps: int | None = None) -> dict[str, Any]:
        """Learn for about `seconds`, and `steps` steps at most."""
        report = self.learner.run(seconds, steps)
        if report.waiting:
            time.sleep(min(0.05, seconds))
        return {
            "step": report.step,
            "turn": report.turn,
            "steps_per_s": report.steps / max(report.seconds, 1e-9),
            "duty": report.busy / max(report.seconds, 1e-9),
            "waiting": report.waiting,
            "losses": report.losses,
            "figures": report.figures,
        }

    def weights(self, version: int) -> dict[str, Any] | None:
        """The averaged weights, or none when there is nothing newer than step `version`."""
        learner = self.learner
        if learner.steps <= version:
            return None
        return {
            "step": learner.steps,
            "preset": learner.config.preset,
            "latent": learner.config.latent,
            "modalities": list(learner.smart.modalities),
            "arrays": learner.weights(),
        }

    def letters(self, version: int) -> dict[str, Any] | None:
        """`LipNetworks.to_dict` of the last TDLFT turn, or none when there is none after turn `version`."""
        if self.tdlft is None or self.tdlft.networks is None or self.tdlft.turn <= version:
            return None
        return self.tdlft.networks.to_dict()

    def checkpoint(self, directory: str) -> int:
        """Write the learner's part of a checkpoint into its stage directory; returns its step."""
        self.learner.save(Path(directory))
        return self.learner.steps

    def restore(self, directory: str) -> None:
        """Go on from a checkpoint."""
        self.learner.restore(Path(directory))

    def set_remaining(self, fraction: float | None) -> None:
        """Tell which share of a bounded run remains; the learning rate falls towards its end."""
        self.learner.remaining = fraction

    def ping(self) -> str:
        """A sign of life."""
        return repr(self)

    def close(self) -> None:
        """Let go of replay's pages."""
        replay = self.learner.replay
        if isinstance(replay, Reader):
            replay.close()

    def __repr__(self) -> str:
        # Ray asks for it, too, while it reports that the constructor failed.
        if not hasattr(self, "learner"):
            return "Learner(starting)"
        turn = self.learner.turn
        return f"Learner({self.learner.hardware.device.type}, {turn.name if turn else 'waiting'})"


class MonitorActor:
    """The monitor in a process of its own that gives way to the learner.

    Args:
        run_dir: of the run, whose `samples` are written.
        config: `MonitorConfig` as a dict.
        data: `DataConfig` as a dict.
        exam: the digits' exam set as a dict of arrays; none where no digits are taught.
        learner: handle of the learner.
        teach: 'digits', 'letters' or 'both': which exams there are.
        tdlft: `TdlftTurnsConfig` of the learner as a dict; its defaults where it is not given.
    """

    def __init__(
        self,
        run_dir: str,
        config: dict[str, Any],
        data: dict[str, Any],
        exam: dict[str, Any] | None,
        learner: Any,
        teach: str = "digits",
        tdlft: dict[str, Any] | None = None,
    ) -> None:
        settings = MonitorConfig.from_dict(config)
        os.nice(settings.niceness)
        torch.set_num_threads(settings.threads)
        source = DataConfig.from_dict(data)
        assert exam is not None, "no digits are taught"
        self.learner = learner
        self.version = -1
        self.monitor = Monitor(
            settings,
            {"image": load_images(source), "audio": load_speech(source)},
            ExamSet.from_dict(exam),
            Path(run_dir) / "samples",
            cache_root() / "judges",
        )

    def run(self, seconds: float) -> dict[str, Any]:
        """Train the judges, or examine when an exam is due."""
        found = Findings()
        if not self.monitor.ready:
            found = self.monitor.train(seconds)
        if not found.note and self.monitor.due and (networks := self._pull()) is not None:
            found = self.monitor.examine(networks)
        elif self.monitor.ready:
            time.sleep(min(0.2, seconds))
        return {"figures": found.figures, "note": found.note}

    def final(self) -> dict[str, Any]:
        """Finish the judges and examine on all test data; the learner rests, so every core is free."""
        torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)
        while not self.monitor.ready:
            self.monitor.train(60.0)
        self.version = -1
        networks = self._pull()
        found = self.monitor.examine(networks, whole=True) if networks is not None else Findings()
        return {"figures": found.figures, "note": found.note}

    def _pull(self) -> Networks | None:
        published = ray.get(self.learner.weights.remote(self.version), timeout=PULL_DEADLINE)
        if published is None:
            return None
        networks = Networks.build(published)
        self.version = networks.step
        return networks

    def ping(self) -> str:
        """A sign of life."""
        return repr(self)

    def close(self) -> None:
        """Nothing is held open."""

    def __repr__(self) -> str:
        if not hasattr(self, "monitor"):
            return "Monitor(starting)"
        return "Monitor(judges ready)" if self.monitor.ready else "Monitor(training judges)"

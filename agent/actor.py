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
from agent.lip_monitor import LipMonitor
from agent.lip_networks import LipNetworks
from agent.monitor import Monitor
from agent.rounds import Round, Rounds
from agent.tdlft_config import TdlftTurnsConfig
from agent.tdlft_turns import TdlftTurns
from replay.reader import Reader
from teacher.config import DataConfig
from teacher.datasets import ExamSet, load_images, load_speech
from teacher.datasets.cache import cache_root
from teacher.datasets.letters import load_letters

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
        self.learner = Learner(settings, reader, seed, self.tdlft, teach != "letters")
        torch.set_num_threads(self.learner.hardware.threads)

    def describe(self) -> list[str]:
        """Printable lines about hardware and sizes."""
        return [*self.learner.describe(), *(self.tdlft.describe() if self.tdlft else [])]

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
        samples, judges = Path(run_dir) / "samples", cache_root() / "judges"
        self.learner = learner
        self.step = self.turn = -1
        rounds = []
        if teach != "digits":
            turns = TdlftTurnsConfig.from_dict(tdlft or {})
            lips = LipMonitor(settings, load_letters(source), turns, samples, judges)
            rounds.append(Round(lips, self._pull_letters))
        if exam is not None:
            datasets = {"image": load_images(source), "audio": load_speech(source)}
            digits = Monitor(settings, datasets, ExamSet.from_dict(exam), samples, judges)
            rounds.append(Round(digits, self._pull_weights))
        self.rounds = Rounds(rounds)

    def run(self, seconds: float) -> dict[str, Any]:
        """Train the judges, or examine when an exam is due."""
        found = self.rounds.run(seconds)
        return {"figures": found.figures, "note": found.note}

    def final(self) -> dict[str, Any]:
        """Finish the judges and examine on all test data; the learner rests, so every core is free."""
        torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)
        found = self.rounds.final()
        return {"figures": found.figures, "note": found.note}

    def _pull_weights(self, anyway: bool) -> Networks | None:
        known = -1 if anyway else self.step
        published = ray.get(self.learner.weights.remote(known), timeout=PULL_DEADLINE)
        if published is None:
            return None
        networks = Networks.build(published)
        self.step = networks.step
        return networks

    def _pull_letters(self, anyway: bool) -> LipNetworks | None:
        known = -1 if anyway else self.turn
        published = ray.get(self.learner.letters.remote(known), timeout=PULL_DEADLINE)
        if published is None:
            return None
        networks = LipNetworks.from_dict(published)
        self.turn = networks.turn
        return networks

    def ping(self) -> str:
        """A sign of life."""
        return repr(self)

    def close(self) -> None:
        """Nothing is held open."""

    def __repr__(self) -> str:
        if not hasattr(self, "rounds"):
            return "Monitor(starting)"
        return "Monitor(judges ready)" if self.rounds.ready else "Monitor(training judges)"

"""The Ray actor of the learner."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from agent.algorithms import SMART, Setup, algorithm
from agent.config import LearnerConfig
from agent.events.held_out import TrainingReplay
from agent.events.randomness import seed_random
from agent.hardware import choose_hardware
from agent.learner import Learner
from replay.reader import Reader
from sensors.core.errors import StateError


class LearnerActor:
    """The learner in a process of its own, with a GPU if there is one.

    Args:
        run_dir: of the run, whose `replay` holds the tables.
        config: `LearnerConfig` as a dict.
        seed: of weights and guides.
        replay: handle of replay.
        learn: names of the algorithms, those that learn from tables of this run.
        sections: their own settings by section, as dicts; defaults where they are not given.
    """

    def __init__(
        self,
        run_dir: str,
        config: dict[str, Any],
        seed: int,
        replay: Any = None,
        learn: Sequence[str] = (SMART.name,),
        sections: Mapping[str, dict[str, Any]] = MappingProxyType({}),
    ) -> None:
        settings = LearnerConfig.from_dict(config)
        seed_random(seed)
        hardware = choose_hardware(settings)
        reader = Reader(Path(run_dir) / "replay", seed)
        drawn = TrainingReplay(reader, settings.held_out) if settings.held_out > 0 else reader
        setup = Setup(settings.replace(preset=hardware.preset), hardware, drawn, reader, seed, sections)
        self.learner = Learner([algorithm(name).make(setup) for name in learn], drawn, hardware)
        torch.set_num_threads(hardware.threads)

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
            "waits": report.waits,
            "losses": report.losses,
            "figures": report.figures | self._taken(),
        }

    def publish(self, name: str, version: int) -> dict[str, Any] | None:
        """What the algorithm `name` has learned, or None when there is nothing newer than `version`, or no such one."""
        found = self.learner.algorithms.get(name)
        return None if found is None else found.publish(version)

    def snapshot(self, order: int | None = None) -> dict[str, float] | None:
        """Hold the state as of this `step`, for `checkpoint` to write; tells the `stall_ms` that it cost the learning.

        It is held until it is written, or `order` is given up, or a later one comes; without an order no longer than
        until the next copy. None while the one before is still being written, or is held for an order and this is none.

        Raises:
            StateError: the weights are no longer finite.
        """
        seconds = self.learner.snapshot(order)
        # No error: its receiver may have ended by now.
        return None if seconds is None else {"step": self.learner.steps, "stall_ms": 1000 * seconds}

    def checkpoint(self, directory: str, step: int | None = None) -> int:
        """Write the learner's part of a checkpoint into its stage directory; returns its step. May run beside the rest.

        Args:
            directory: the stage.
            step: of the snapshot; None: the kept copy of the last step, for a caller that cannot wait.

        Raises:
            RuntimeError: there is no such snapshot.
            StateError: the weights are no longer finite.
            OSError: it cannot be written.
        """
        if self.learner.failure:
            raise StateError(self.learner.failure)
        step = self.learner.steps if step is None else step
        self.learner.last_snapshot.save(Path(directory), step)
        return step

    def give_up(self, order: int) -> None:
        """The checkpoint of this `order` will not be written any more, or was. May run beside the rest."""
        self.learner.last_snapshot.give_up(order)

    def restore(self, directory: str) -> None:
        """Go on from a checkpoint."""
        self.learner.restore(Path(directory))

    def set_remaining(self, fraction: float | None) -> None:
        """Tell which share of a bounded run remains; the learning rate falls towards its end."""
        self.learner.remaining = fraction

    def ping(self) -> str:
        """Answer, which shows that the actor is alive."""
        return repr(self)

    def _taken(self) -> dict[str, float]:
        """Batches that held events which should have been held out."""
        replay = self.learner.replay
        return {"learner/held_out_taken": float(replay.taken)} if isinstance(replay, TrainingReplay) else {}

    def close(self) -> None:
        """Let go of replay's pages."""
        replay = self.learner.replay
        if isinstance(replay, Reader | TrainingReplay):
            replay.close()

    def __repr__(self) -> str:
        # Ray asks for it, too, while it reports that the constructor failed.
        if not hasattr(self, "learner"):
            return "Learner(starting)"
        turns = ", ".join(a.turn for a in self.learner.algorithms.values() if a.turn)
        return f"Learner({self.learner.hardware.device.type}, {turns or 'waiting'})"

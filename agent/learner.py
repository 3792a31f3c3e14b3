"""The learner: takes turns on replay, step by step, and can stop and go on anywhere."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agent.augment import Augment
from agent.checkpoint import load_state, save_state
from agent.config import LearnerConfig
from agent.hardware import choose_hardware
from agent.randomness import load_random, random_state
from agent.smart import Smart
from agent.snapshot import Snapshot
from agent.turns import Batch, Replay, Turn, Turns
from sensors.errors import ConfigError, StateError
from sensors.modalities import kind_of, labelled, modality
from sensors.state import State, check_state

Weights = dict[str, NDArray[np.float32]]
LONGEST = 1.0
"""Seconds that the other work may take before SMART goes on."""
SLOW = 0.75
"""Seconds of a step from which on each is followed by a snapshot: whoever stops a run cannot wait for the next one."""


class Letters(Protocol):
    """TDLFT turns, as far as the learner knows of them: work in pieces, beside SMART's."""

    @property
    def share(self) -> float:
        """Largest share of the learner's time while SMART has work, 0…0.9."""

    @property
    def name(self) -> str:
        """The turn in progress; empty between turns."""

    def step(self) -> bool:
        """One piece of work; false when nothing is due."""

    def run(self, seconds: float) -> float:
        """Work for about so long; returns seconds worked, 0 when nothing is due."""

    def waiting(self) -> str:
        """Why nothing is due."""

    def figures(self) -> dict[str, float]:
        """Figures by name."""

    def state_dict(self) -> State:
        """Everything that a resumed run needs."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore it."""


@dataclass
class Report:
    """What one `run` did.

    Attributes:
        step: steps since the learner began, over all resumes.
        turn: whose turn it is, as `Turn.name`; empty while waiting.
        steps: steps of this run.
        seconds: time this run took, s.
        busy: time spent inside steps, s.
        waiting: why no step was taken; empty when steps were.
        losses: mean of each loss term over this run.
        figures: of TDLFT turns, `share` of this run's time among them; none without them.
    """

    step: int
    turn: str = ""
    steps: int = 0
    seconds: float = 0.0
    busy: float = 0.0
    waiting: str = ""
    losses: dict[str, float] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)


class Learner:
    """SMART over a replay, one `step` at a time.

    Args:
        config: settings; every 'auto' is resolved for this machine.
        replay: where batches come from.
        seed: of weights and guides.
        letters: TDLFT turns to take beside SMART's, or in their place while SMART has no events.
        digits: whether SMART takes turns; where it does not, a piece of a TDLFT turn counts as a step.

    Raises:
        ConfigError: fewer than two modalities, one of them a label, or hardware that is not there.
    """

    VERSION = 2

    def __init__(
        self, config: LearnerConfig, replay: Replay, seed: int, letters: Letters | None = None, digits: bool = True
    ) -> None:
        self.hardware = choose_hardware(config)
        self.config = config.replace(preset=self.hardware.preset)
        names = kind_of(n.strip() for n in config.modalities.split(",") if n.strip()).split("+")
        if len(names) < 2:
            raise ConfigError(f"learner.modalities={config.modalities!r}: name at least two")
        if told := [name for name in names if labelled(name)]:
            raise ConfigError(f"learner.modalities: {told[0]} is a label, and SMART learns without; leave it out")
        self.replay = replay
        self.smart = Smart(
            tuple(names),
            self.config,
            self.config,
            self.config,
            self.hardware.device,
            self.hardware.precision,
            seed,
        )
        self.augment = Augment(config, seed)
        self.turns = Turns(tuple(names), config.min_events, config.paired_turns)
        self.turn: Turn | None = None
        self.steps = 0
        self.remaining: float | None = None
        self.failure = ""
        self.letters = letters
        self.digits = digits
        self.held = Snapshot()
        # Seconds that TDLFT may work: they grow with the time that SMART has had.
        self._credit = 0.0

    def describe(self) -> list[str]:
        """Printable lines: hardware and sizes."""
        count = sum(p.numel() for side in self.smart.sides.values() for p in side.parameters())
        lines = [
            f"SMART over {', '.join(self.smart.modalities)}: {count / 1e6:.1f} M parameters, "
            f"batches of {self.config.batch}, turns of {self.config.turn_steps} steps, guides '{self.config.guides}'",
        ]
        return [self.hardware.summary, *(lines if self.digits else [])]

    def step(self) -> dict[str, Tensor] | None:
        """One step of the current turn, or none when replay holds too little for any turn.

        Returns:
            Losses by term, as `Smart.step` returns them.
        """
        if self.turn is None or self.turn.step >= self.config.turn_steps:
            self.turn = self.turns.next(self.replay)
            if self.turn is None:
                return None
            self.smart.begin_turn()
        batch = self._draw(self.turn)
        x, lesson = self.load(batch)
        side = self.turn.side
        x[side] = self.augment.observe(x[side], modality(side), self.steps)
        losses = self.smart.step(side, x, lesson, self._rate())
        self.turn.step += 1
        self.steps += 1
        return losses

    def run(self, seconds: float, steps: int | None = None) -> Report:
        """Steps for about `seconds`, or at most `steps` of them, and TDLFT turns within their share."""
        begun = time.monotonic()
        report = Report(self.steps)
        sums: dict[str, list[Tensor]] = {}
        worked = 0.0
        while (left := seconds - (time.monotonic() - begun)) > 0 and (steps is None or report.steps < steps):
            if not self.digits:
                at = time.monotonic()
                if self.letters is None or not self.letters.step():
                    report.waiting = self._why()
                    break
                self.steps += 1
                report.steps += 1
                took = time.monotonic() - at
                worked += took
                self._keep(took)
                continue
            worked += self._read_letters(min(left, self._credit))
            at = time.monotonic()
            losses = self.step()
            if losses is None:
                # With nothing for SMART to do, the time is TDLFT's.
                spent = self._read_letters(min(left, LONGEST), free=True)
                worked += spent
                if spent:
                    continue
                report.waiting = self._why()
                break
            for name, loss in losses.items():
                sums.setdefault(name, []).append(loss)
            took = time.monotonic() - at
            report.busy += took
            report.steps += 1
            self._earn(took)
            if took >= SLOW and all(bool(loss.isfinite()) for loss in losses.values()):
                self._keep(took)
        report.losses = {name: float(torch.stack(values).mean()) for name, values in sums.items()}
        report.step, report.seconds = self.steps, time.monotonic() - begun
        report.busy += worked
        turns = [self.turn.name if self.turn and self.digits else "", self.letters.name if self.letters else ""]
        report.turn = ", ".join(name for name in turns if name)
        if self.letters is not None:
            report.figures = self.letters.figures() | {"tdlft/share": worked / max(report.seconds, 1e-9)}
        if bad := [name for name, loss in report.losses.items() if not np.isfinite(loss)]:
            self.failure = (
                f"loss {', '.join(bad)} is not finite at step {self.steps}: lower learner.learning_rate, "
                "then --resume from the last checkpoint"
            )
            raise StateError(self.failure)
        return report

    def _read_letters(self, seconds: float, free: bool = False) -> float:
        """TDLFT for about so long; returns seconds worked, taken from its credit unless they are free."""
        if self.letters is None or seconds <= 0:
            return 0.0
        worked = self.letters.run(seconds)
        if not free:
            self._credit -= worked
        return worked

    def _earn(self, seconds: float) -> None:
        """Time that SMART has had gives TDLFT its share; what it does not use is not kept beyond `LONGEST`."""
        if self.letters is not None:
            share = self.letters.share
            self._credit = min(self._credit + seconds * share / (1 - share), LONGEST)

    def _keep(self, took: float) -> None:
        """After a step that took so many seconds: have it at hand for whoever cannot wait for the next."""
        if took >= SLOW and not self.failure:
            self.held.take(self.parts(), self.steps)

    def _why(self) -> str:
        """Why there is nothing to do."""
        smart = self.turns.waiting(self.replay) if self.digits else ""
        reasons = [smart, self.letters.waiting() if self.letters else ""]
        return "; ".join(reason for reason in reasons if reason)

    def load(self, batch: Batch) -> tuple[dict[str, Tensor], Tensor]:
        """Stored samples to network values on the device: modality -> (B, *shape) float32, and lessons (B,)."""
        x = {
            name: torch.from_numpy(np.ascontiguousarray(column))
            .to(self.hardware.device, non_blocking=True)
            .float()
            .mul_(modality(name).scale)
            for name, column in batch.samples.items()
            if name in self.smart.modalities
        }
        return x, torch.from_numpy(np.array(batch.lesson)).to(self.hardware.device)

    def _draw(self, turn: Turn) -> Batch:
        """A batch of the turn's table; by lessons where guides need them, or where that is asked for."""
        by_lesson = "lesson" in (self.config.guides, self.config.selector)
        # Single-modality events belong to no lesson.
        if by_lesson and "+" in turn.kind:
            return self.replay.sample(turn.kind, self.config.batch, "lesson", views=self.config.views)
        selector = "uniform" if self.config.selector == "lesson" else self.config.selector
        return self.replay.sample(turn.kind, self.config.batch, selector)

    def _rate(self) -> float:
        """Factor on the learning rate: rises at the start, falls to zero in the last share of a bounded run."""
        side = self.turn.side if self.turn else self.smart.modalities[0]
        rise = (self.smart.steps[side] + 1) / max(self.config.warmup_steps, 1)
        fall = 1.0
        if self.remaining is not None and self.config.cooldown > 0:
            fall = self.remaining / self.config.cooldown
        return max(min(rise, fall, 1.0), 1e-3)

    def weights(self) -> Weights:
        """Averaged weights by '<modality>/<parameter>', float32 on the CPU."""
        return {
            f"{m}/{name}": tensor.detach().float().cpu().numpy().copy()
            for m, side in self.smart.averages.items()
            for name, tensor in side.state_dict().items()
        }

    def state_dict(self) -> State:
        """Everything that a resumed run needs to go on bitwise alike (the tables' contents are replay's own)."""
        turn = None if self.turn is None else [self.turn.kind, self.turn.side, self.turn.step]
        return {
            "version": self.VERSION,
            "preset": self.config.preset,
            "latent": self.config.latent,
            "steps": self.steps,
            "turn": turn,
            "turns": self.turns.state_dict(),
            "augment": self.augment.state_dict(),
            "smart": self.smart.state_dict(),
            "replay": self.replay.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore exactly.

        Raises:
            StateError: a part is missing or unknown, or was saved with another preset or latent size.
        """
        keys = {"preset", "latent", "steps", "turn", "turns", "augment", "smart", "replay"}
        check_state(state, keys, self.VERSION, "learner")
        for name in ("preset", "latent"):
            if state[name] != getattr(self.config, name):
                raise StateError(
                    f"learner: saved with {name} {state[name]}, this run has {getattr(self.config, name)}; "
                    f"resume with --set learner.{name}={state[name]}"
                )
        self.smart.load_state_dict(state["smart"])
        self.turns.load_state_dict(state["turns"])
        self.augment.load_state_dict(state["augment"])
        self.replay.load_state_dict(state["replay"])
        self.steps = int(state["steps"])
        self.turn = None if state["turn"] is None else Turn(*state["turn"])

    def parts(self) -> dict[str, State]:
        """The parts of a checkpoint by name: `learner`, `random` and, with TDLFT turns, `letters`.

        Raises:
            StateError: the weights are no longer finite; a checkpoint of them would only replace a good one.
        """
        if self.failure:
            raise StateError(self.failure)
        letters = {} if self.letters is None else {"letters": self.letters.state_dict()}
        return {"learner": self.state_dict(), "random": random_state(), **letters}

    def snapshot(self, order: int | None = None) -> float | None:
        """Hold all parts as of this step, to be written beside the learning by `held.save`.

        Args:
            order: number of the checkpoint that they are for, until which they are held, or until `held.give_up` of
                it; none: until the next copy.

        Returns:
            Seconds that it took; none, and nothing is held anew, as `Snapshot.take`.

        Raises:
            StateError: as `parts`.
        """
        return self.held.take(self.parts(), self.steps, order)

    def save(self, directory: Path) -> None:
        """Write the parts (.safetensors and .json each) into a stage directory.

        Raises:
            StateError: as `parts`.
        """
        for name, state in self.parts().items():
            save_state(directory, name, state)

    def restore(self, checkpoint: Path) -> None:
        """Read them back; TDLFT turns begin anew where the run took none when it was saved.

        Checkpoints of before the libraries' own generators were saved leave those as they are.

        Raises:
            StateError: missing, damaged, or saved by a learner of another make.
        """
        self.load_state_dict(load_state(checkpoint, "learner", self.hardware.device))
        # A manifest names every part, so a file that is not there was not lost.
        if (checkpoint / "random.json").is_file():
            load_random(load_state(checkpoint, "random"))
        if self.letters is not None and (checkpoint / "letters.json").is_file():
            self.letters.load_state_dict(load_state(checkpoint, "letters"))

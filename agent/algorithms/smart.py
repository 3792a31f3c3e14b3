"""SMART as one of the learner's algorithms: in turns, one side after the other, on the tables that ask for it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agent.algorithms import SMART, Algorithm
from agent.config import LearnerConfig
from agent.events.batches import draw, load, modalities_of, rate_factor
from agent.events.turns import Replay, Turn, Turns
from agent.hardware import Hardware, choose_hardware
from agent.networks.augment import Augment
from agent.networks.weights import check_sizes
from agent.smart.update import Smart
from sensors.core.modalities import modality
from sensors.core.state import StateDict, check_state

Weights = dict[str, NDArray[np.float32]]

RECALIBRATION = 1024
"""Events, at least, from which statistics of whitening are taken when a turn begins: twice the latent's numbers."""


class SmartTurns(Algorithm):
    """SMART over a replay, one `step` at a time.

    Args:
        config: settings of the learner.
        replay: where batches come from.
        seed: of weights, guides and moves.
        hardware: where to compute; None: as `config` asks for on this machine.

    Attributes:
        steps: steps so far.

    Raises:
        ConfigError: fewer than two modalities, one of them a label, or hardware that is not there.
    """

    VERSION = 1
    declared = SMART

    def __init__(self, config: LearnerConfig, replay: Replay, seed: int, hardware: Hardware | None = None) -> None:
        super().__init__(modalities_of(config))
        self.hardware = hardware or choose_hardware(config)
        self.config = config.replace(preset=self.hardware.preset)
        self.replay = replay
        self.smart = Smart(
            self.modalities,
            network=self.config,
            config=self.config,
            guide=self.config,
            device=self.hardware.device,
            precision=self.hardware.precision,
            seed=seed,
        )
        self.augment = Augment(config, seed)
        self.turns = Turns(self.modalities, config.min_events, config.paired_turns)
        self.at: Turn | None = None
        self.steps = 0

    @property
    def state_device(self) -> torch.device:
        """Where it computes."""
        return self.hardware.device

    @property
    def turn(self) -> str:
        """As 'image<audio' while the image side learns from audio."""
        return "" if self.at is None else self.at.name

    @property
    def version(self) -> int:
        """Steps so far."""
        return self.steps

    def describe(self) -> list[str]:
        """One line: sizes."""
        count = sum(p.numel() for side in self.smart.sides.values() for p in side.parameters())
        return [
            f"SMART over {', '.join(self.modalities)}: {count / 1e6:.1f} M parameters, "
            f"batches of {self.config.batch}, turns of {self.config.turn_steps} steps, guides '{self.config.guides}'"
        ]

    def step(self) -> dict[str, Tensor] | None:
        """One step of the current turn, or None when replay holds too little for any turn.

        Returns:
            Losses by term, as `Smart.step` returns them.
        """
        if self.at is None or self.at.step >= self.config.turn_steps:
            self.at = self.turns.next(self.replay)
            if self.at is None:
                return None
            self.smart.begin_turn()
            if self.smart.whitens:
                self._recalibrate(self.at)
        side = self.at.side
        batch = draw(self.replay, self.at.kind, self.config, self.config.guides == "lesson")
        x, lesson = load(batch, self.modalities, self.hardware.device)
        x[side] = self.augment.observe(x[side], modality(side), self.steps)
        rate = rate_factor(self.config, self.smart.steps[side], self.remaining)
        losses = self.smart.step(side, x, lesson, rate)
        self.at.step += 1
        self.steps += 1
        return losses

    def _recalibrate(self, turn: Turn) -> None:
        """Show networks that whiten their latents events of the turn's table, from which nothing is learned."""
        count = -(-RECALIBRATION // self.config.batch)
        drawn = [draw(self.replay, turn.kind, self.config, self.config.guides == "lesson") for _ in range(count)]
        self.smart.recalibrate(turn.side, [load(batch, self.modalities, self.hardware.device)[0] for batch in drawn])

    def waiting(self) -> str:
        """Why there is no turn."""
        return self.turns.waiting(self.replay)

    def weights(self) -> Weights:
        """Averaged weights by '<modality>/<parameter>', float32 on the CPU."""
        return _arrays({m: side.state_dict() for m, side in self.smart.averages.items()})

    def publish(self, version: int) -> dict[str, Any] | None:
        """The averaged weights, or None when there is nothing newer than step `version`."""
        if self.steps <= version:
            return None
        averages = {m: side.state_dict() for m, side in self.smart.averages.items()}
        return published(self.steps, self.config.preset, self.config.latent, averages, self.name)

    def state_dict(self) -> StateDict:
        """Weights, moments, guides, turns and random states."""
        turn = None if self.at is None else [self.at.kind, self.at.side, self.at.step]
        return {
            "version": self.VERSION,
            "preset": self.config.preset,
            "latent": self.config.latent,
            "steps": self.steps,
            "turn": turn,
            "turns": self.turns.state_dict(),
            "augment": self.augment.state_dict(),
            "smart": self.smart.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore exactly.

        Raises:
            StateError: a part is missing or unknown, or was saved with another preset or latent size.
        """
        keys = {"preset", "latent", "steps", "turn", "turns", "augment", "smart"}
        check_state(state, keys, self.VERSION, "SMART turns")
        check_sizes(state, self.config)
        self.smart.load_state_dict(state["smart"])
        self.turns.load_state_dict(state["turns"])
        self.augment.load_state_dict(state["augment"])
        self.steps = int(state["steps"])
        self.at = None if state["turn"] is None else Turn(*state["turn"])


def published(
    step: int, preset: str, latent: int, averages: Mapping[str, Mapping[str, Tensor]], name: str = SMART.name
) -> dict[str, Any]:
    """What SMART hands out of its averaged weights.

    Args:
        step: at which they were averaged.
        preset: of the networks.
        latent: size of z.
        averages: modality -> parameter -> tensor, in the order of the modalities.
        name: of the algorithm, as a class that is derived from `SmartTurns` has another one.
    """
    return {
        "algorithm": name,
        "version": int(step),
        "step": int(step),
        "preset": preset,
        "latent": int(latent),
        "modalities": list(averages),
        "arrays": _arrays(averages),
    }


def _arrays(averages: Mapping[str, Mapping[str, Tensor]]) -> Weights:
    return {
        f"{m}/{name}": tensor.detach().float().cpu().numpy().copy()
        for m, side in averages.items()
        for name, tensor in side.items()
    }

"""TDLFT as one of the learner's algorithms: turns on labelled speech and lips, beside the others."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from agent.algorithms import TDLFT, Algorithm
from agent.tdlft.turns import TdlftTurns
from sensors.core.state import StateDict


class LipReading(Algorithm):
    """TDLFT turns, piece by piece.

    Args:
        turns: does the work.
    """

    declared = TDLFT

    def __init__(self, turns: TdlftTurns) -> None:
        super().__init__()
        self.turns = turns

    @property
    def share(self) -> float:
        """As configured by `tdlft.share`."""
        return self.turns.share

    @property
    def turn(self) -> str:
        """As 'lips<speech' in a turn."""
        return self.turns.name

    @property
    def version(self) -> int:
        """Turns that have ended."""
        return self.turns.turn

    def step(self) -> dict[str, Tensor] | None:
        """One piece of a turn, which has no loss to tell; None when no turn is due."""
        return {} if self.turns.step() else None

    def waiting(self) -> str:
        """Why no turn is due."""
        return self.turns.waiting()

    def describe(self) -> list[str]:
        """The tables that it learns from, and the sizes of its networks."""
        return self.turns.describe()

    def figures(self) -> dict[str, float]:
        """Turns that have ended, and how much the last one learned from."""
        return self.turns.figures()

    def publish(self, version: int) -> dict[str, Any] | None:
        """The networks of the last turn as `LipNetworks.to_dict` gives them; None when there is nothing newer."""
        made = self.turns.networks
        if made is None or self.turns.turn <= version:
            return None
        return {"algorithm": self.name, "version": self.turns.turn, "networks": made.to_dict()}

    def state_dict(self) -> StateDict:
        """The turns' own."""
        return self.turns.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore exactly.

        Raises:
            StateError: as `TdlftTurns.load_state_dict`.
        """
        self.turns.load_state_dict(state)

"""Learners of SMART in which tests can look at each part."""

from agent.algorithms import Algorithm
from agent.algorithms.smart import SmartTurns
from agent.config import LearnerConfig
from agent.events.turns import Replay, Turn, Turns
from agent.learner import Learner
from agent.smart.update import Smart


class SmartLearner(Learner):
    """SMART over a replay, and what works beside it."""

    def __init__(self, config: LearnerConfig, replay: Replay, seed: int, *beside: Algorithm) -> None:
        self.own = SmartTurns(config, replay, seed)
        super().__init__([self.own, *beside], replay, self.own.hardware)

    @property
    def smart(self) -> Smart:
        return self.own.smart

    @property
    def turns(self) -> Turns:
        return self.own.turns

    @property
    def turn(self) -> Turn | None:
        return self.own.at

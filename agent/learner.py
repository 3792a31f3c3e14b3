"""The learner: runs the algorithms of a run side by side, step by step, and can stop and go on anywhere.

Algorithms without a share take one step each in turn, however long their steps are. So the order of steps does not
depend on measured time, and the same run learns the same bit by bit. `<algorithm>/share` tells how the time divided.

An algorithm with a largest share of the time earns credit while those learn, and works it off between their steps;
while they have nothing to do, all the time is its own. Where every algorithm has a share, their pieces of work are the
steps, and the time is divided in proportion to the shares.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agent.algorithms.contract import Algorithm
from agent.checkpoints.checkpoint import save_state
from agent.checkpoints.migrations import read_parts
from agent.checkpoints.snapshot import Snapshot
from agent.events.randomness import load_random, random_state
from agent.events.turns import Replay
from agent.hardware import Hardware
from sensors.core.errors import ConfigError, StateError
from sensors.core.state import StateDict, check_state

LONGEST = 1.0
"""Seconds that work beside the steps may take before the next step."""
SLOW = 0.75
"""Seconds of a step from which on each is followed by a snapshot: the end of a run cannot wait for the next step."""


@dataclass
class LearnerReport:
    """What one `run` did.

    Attributes:
        step: steps since the learner began, over all resumes.
        turn: whose turn it is; empty while waiting.
        steps: steps of this run.
        seconds: time this run took, s.
        busy: time spent inside steps, s.
        waiting: why no step was taken; empty when steps were.
        losses: mean of each loss term over this run.
        figures: of the algorithms; `<algorithm>/share` of this run's time, for those with a largest share, and for
            all where there are several.
        waits: why an algorithm that works beside others has published nothing yet, by its name; empty once it has.
    """

    step: int
    turn: str = ""
    steps: int = 0
    seconds: float = 0.0
    busy: float = 0.0
    waiting: str = ""
    losses: dict[str, float] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    waits: dict[str, str] = field(default_factory=dict)


class _Work:
    """What one `run` has done so far."""

    def __init__(self, names: Sequence[str]) -> None:
        self.spent = dict.fromkeys(names, 0.0)
        self.losses: dict[str, list[Tensor]] = {}

    def add(self, losses: Mapping[str, Tensor]) -> None:
        for name, loss in losses.items():
            self.losses.setdefault(name, []).append(loss)


class Learner:
    """The algorithms of a run over one replay.

    Args:
        algorithms: one or more, of different names.
        replay: where they draw batches from; its random state is part of a checkpoint.
        hardware: what is computed with.

    Attributes:
        algorithms: by name.
        steps: steps since the learner began, over all resumes.
        resting: parts of the checkpoint it went on from that belong to algorithms of another run of it; kept as they
            are, so that these can go on later.

    Raises:
        ConfigError: no algorithm.
    """

    VERSION = 3

    def __init__(self, algorithms: Sequence[Algorithm], replay: Replay, hardware: Hardware) -> None:
        if not algorithms:
            raise ConfigError("the learner has nothing to do: name an algorithm that learns from the taught subjects")
        self.algorithms = {a.name: a for a in algorithms}
        self.replay = replay
        self.hardware = hardware
        self.steps = 0
        self.failure = ""
        self.last_snapshot = Snapshot()
        self.resting: dict[str, StateDict] = {}
        self._steady = [a for a in algorithms if a.share is None] or list(algorithms)
        self._beside = [a for a in algorithms if a not in self._steady]
        self._next = 0
        # Seconds that each may work beside the steps: they grow with the time that the steps have had. Where every
        # algorithm has a share, the seconds by which each is behind its part of the time.
        self._credit = {a.name: 0.0 for a in algorithms if a.share is not None}
        self._anew: list[str] = []

    @property
    def remaining(self) -> float | None:
        """Share of a bounded run that is still to come; None: the run has no known end."""
        return self._steady[0].remaining

    @remaining.setter
    def remaining(self, share: float | None) -> None:
        for a in self.algorithms.values():
            a.remaining = share

    def describe(self) -> list[str]:
        """Printable lines: hardware, each algorithm's own, which begin anew, and which others the checkpoint keeps."""
        return [
            self.hardware.summary,
            *(line for a in self.algorithms.values() for line in a.describe()),
            *self._anew,
            *(f"{name} rests: the checkpoint's state of it is kept" for name in sorted(self.resting)),
        ]

    def step(self) -> dict[str, Tensor] | None:
        """One step of the algorithm that is next, or of another one where that has nothing to do.

        Returns:
            Its losses by term; None when no algorithm has anything to do.
        """
        taken = self._take()
        return None if taken is None else taken[1]

    def _take(self) -> tuple[Algorithm, dict[str, Tensor]] | None:
        """The algorithm that took the next step, and its losses; None when no algorithm has anything to do."""
        for number in self._order():
            a = self._steady[number]
            losses = a.step()
            if losses is not None:
                self._next = (number + 1) % len(self._steady)
                self.steps += 1
                return a, losses
        return None

    def _order(self) -> list[int]:
        """Numbers of the algorithms whose steps these are, the one that is next at the front."""
        turns = [(self._next + offset) % len(self._steady) for offset in range(len(self._steady))]
        # The sort is stable: equal ones, and those without a share, take turns.
        return sorted(turns, key=lambda number: -self._credit.get(self._steady[number].name, 0.0))

    def run(self, seconds: float, steps: int | None = None) -> LearnerReport:
        """Steps for about `seconds`, or at most `steps` of them, and other work beside them within its share."""
        begun = time.monotonic()
        report = LearnerReport(self.steps)
        work = _Work([a.name for a in self.algorithms.values()])
        while (left := seconds - (time.monotonic() - begun)) > 0 and (steps is None or report.steps < steps):
            self._spend(left, work)
            at = time.monotonic()
            taken = self._take()
            if taken is None:
                # With no step to take, the time is the others'.
                if self._help(min(left, LONGEST), work):
                    continue
                report.waiting = self.waiting()
                break
            a, losses = taken
            work.add(losses)
            took = time.monotonic() - at
            work.spent[a.name] += took
            report.steps += 1
            self._earn(took)
            if a.share is not None:
                self._owe(a, took)
            if took >= SLOW and all(bool(loss.isfinite()) for loss in losses.values()):
                self._keep(took)
        report.losses = {name: float(torch.stack(values).mean()) for name, values in work.losses.items()}
        report.step, report.seconds = self.steps, time.monotonic() - begun
        report.busy = sum(work.spent.values())
        report.turn = ", ".join(a.turn for a in self.algorithms.values() if a.turn)
        for a in self.algorithms.values():
            report.figures |= a.figures()
            if a.share is not None or len(self.algorithms) > 1:
                report.figures[f"{a.name}/share"] = work.spent[a.name] / max(report.seconds, 1e-9)
            if a.share is not None:
                report.waits[a.name] = "" if a.version else a.waiting()
        if bad := [name for name, loss in report.losses.items() if not np.isfinite(loss)]:
            self.failure = (
                f"loss {', '.join(bad)} is not finite at step {self.steps}: lower learner.learning_rate, "
                "then --resume from the last checkpoint"
            )
            raise StateError(self.failure)
        return report

    def _spend(self, left: float, work: _Work) -> None:
        """Let those that work beside the steps use up their credit, as far as `left` seconds allow."""
        for a in self._beside:
            worked = self._work(a, min(left, self._credit[a.name]), work)
            self._credit[a.name] -= worked

    def _help(self, seconds: float, work: _Work) -> float:
        """Let them work for about so long without using credit; returns seconds worked, 0 when nothing is due."""
        return sum(self._work(a, seconds / len(self._beside), work) for a in self._beside)

    def _work(self, a: Algorithm, seconds: float, work: _Work) -> float:
        """Pieces of one algorithm for about so long, longer by at most one piece; returns seconds worked."""
        begun = time.monotonic()
        worked = 0.0
        while worked < seconds and (losses := a.step()) is not None:
            work.add(losses)
            worked = time.monotonic() - begun
        work.spent[a.name] += worked
        return worked

    def _earn(self, seconds: float) -> None:
        """Time that steps have had gives the others their shares; what they do not use is kept up to `LONGEST`."""
        shares = {a.name: a.share or 0.0 for a in self._beside}
        rest = max(1 - sum(shares.values()), 0.1)
        for name, share in shares.items():
            self._credit[name] = min(self._credit[name] + seconds * share / rest, LONGEST)

    def _owe(self, a: Algorithm, seconds: float) -> None:
        """Every algorithm has a share: what one worked is owed to all, in proportion to their shares.

        Debts are kept up to `LONGEST`: one that had nothing to do for an hour does not take the next hour.
        """
        shares = {name: other.share or 0.0 for name, other in self.algorithms.items()}
        whole = sum(shares.values())
        for name, share in shares.items():
            due = seconds * share / whole if whole > 0 else seconds / len(shares)
            worked = seconds if name == a.name else 0.0
            self._credit[name] = min(max(self._credit[name] + due - worked, -LONGEST), LONGEST)

    def _keep(self, took: float) -> None:
        """After a step that took so many seconds: keep a copy for callers that cannot wait for the next step."""
        if took >= SLOW and not self.failure:
            self.last_snapshot.take(self.parts(), self.steps)

    def waiting(self) -> str:
        """Why there is nothing to do, for people."""
        return "; ".join(reason for a in self.algorithms.values() if (reason := a.waiting()))

    def state_dict(self) -> StateDict:
        """Everything that a resumed run needs to go on bitwise alike (the tables' contents are replay's own)."""
        return {
            "version": self.VERSION,
            "steps": self.steps,
            "next": self._steady[self._next].name,
            "replay": self.replay.state_dict(),
            "algorithms": {name: a.state_dict() for name, a in self.algorithms.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore exactly. An algorithm whose state is not there begins anew.

        Raises:
            StateError: a part is missing or unknown, or belongs to an algorithm of other settings.
        """
        check_state(state, {"steps", "next", "replay", "algorithms"}, self.VERSION, "learner")
        for name, a in self.algorithms.items():
            if name in state["algorithms"]:
                a.load_state_dict(state["algorithms"][name])
        self.replay.load_state_dict(state["replay"])
        self.steps = int(state["steps"])
        self._anew = [
            f"{name} begins anew at step {self.steps}: the checkpoint has no state of it"
            for name in self.algorithms
            if name not in state["algorithms"]
        ]
        names = [a.name for a in self._steady]
        self._next = names.index(state["next"]) if state["next"] in names else 0
        self.resting = {name: dict(s) for name, s in state["algorithms"].items() if name not in self.algorithms}

    def parts(self) -> dict[str, StateDict]:
        """The parts of a checkpoint by name: `learner`, `random` and one for each algorithm, resting ones too.

        Raises:
            StateError: the weights are no longer finite; a checkpoint of them would only replace a good one.
        """
        if self.failure:
            raise StateError(self.failure)
        state = self.state_dict()
        algorithms = state.pop("algorithms")
        return {"learner": state, "random": random_state(), **algorithms, **self.resting}

    def snapshot(self, order: int | None = None) -> float | None:
        """Copy all parts as of this step, to be written beside the learning by `last_snapshot.save`.

        Args:
            order: number of the checkpoint that they are for: they are kept until it is written, or until
                `last_snapshot.give_up` of it; None: until the next copy.

        Returns:
            Seconds that it took; none, and nothing is copied anew, as `Snapshot.take`.

        Raises:
            StateError: as `parts`.
        """
        return self.last_snapshot.take(self.parts(), self.steps, order)

    def save(self, directory: Path) -> None:
        """Write the parts (.safetensors and .json each) into a stage directory.

        Raises:
            StateError: as `parts`.
        """
        for name, state in self.parts().items():
            save_state(directory, name, state)

    def restore(self, checkpoint: Path) -> None:
        """Read them back.

        Checkpoints of before the libraries' own generators were saved leave those as they are.

        Raises:
            StateError: missing, damaged, or saved by a learner of another make.
        """
        devices = {name: torch.device(a.state_device) for name, a in self.algorithms.items()}
        parts = read_parts(checkpoint, devices)
        state, random = parts.pop("learner"), parts.pop("random", None)
        self.load_state_dict({**state, "algorithms": parts})
        if random is not None:
            load_random(random)

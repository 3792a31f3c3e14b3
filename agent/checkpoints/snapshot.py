"""A snapshot: a learner's whole state as of one step, copied between two steps and written while it learns on."""

import json
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from agent.checkpoints.tensor_file import split, write_tensors
from sensors.core.state import StateDict


class Snapshot:
    """One copy of named states. Its memory is kept from one copy to the next, so that copying never waits for pages.

    The learning thread calls `take`, any other thread `save`; neither touches the copy while the other does. A copy
    promised to a checkpoint stays until it is written, given up, or replaced by a copy for a later checkpoint.

    Attributes:
        step: the learner's step at the copy; -1 before the first.
    """

    def __init__(self) -> None:
        self.step = -1
        self._copies: dict[str, dict[str, Tensor]] = {}
        self._texts: dict[str, str] = {}
        self._lock = threading.Lock()
        self._promised: int | None = None
        self._given_up = -1

    def take(self, states: Mapping[str, StateDict], step: int, order: int | None = None) -> float | None:
        """Copy `states` as they are now.

        Args:
            states: `state_dict`s by the name of the part that they become.
            step: of the learner.
            order: number of the checkpoint that the copy is promised to, larger for later ones; None: not promised.

        Returns:
            Seconds that it took; none, and no copy, while the one before is still being written, or promised and this
            one is not.
        """
        if not self._lock.acquire(blocking=False):
            return None
        try:
            if order is None and self._promised is not None:
                return None
            begun = time.perf_counter()
            # What fails half way leaves a mixture of two steps.
            self.step, self._promised = -1, None
            for gone in set(self._copies) - set(states):
                del self._copies[gone], self._texts[gone]
            for name, state in states.items():
                tensors, plain = split(state)
                self._texts[name] = json.dumps(plain)
                self._copies[name] = _copy(tensors, self._copies.get(name, {}))
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.step = step
            # An order that nobody waited for may come after it was given up.
            if order is not None and order > self._given_up:
                self._promised = order
            return time.perf_counter() - begun
        finally:
            self._lock.release()

    def save(self, directory: Path, step: int) -> None:
        """Write each part as `<name>.safetensors` and `<name>.json`, if the copy is of this step.

        Raises:
            RuntimeError: it is of another one.
            OSError: it cannot be written.
        """
        with self._lock:
            if self.step != step:
                raise RuntimeError(f"no snapshot of step {step} (it is of {self.step})")
            # Written or not: after a failure the caller orders another snapshot.
            self._promised = None
            for name, tensors in self._copies.items():
                write_tensors(directory / f"{name}.safetensors", tensors)
                (directory / f"{name}.json").write_text(self._texts[name])

    def give_up(self, order: int) -> None:
        """Release a copy promised to this order or an earlier one, also one that is still to come."""
        with self._lock:
            self._given_up = max(self._given_up, order)
            if self._promised is not None and self._promised <= order:
                self._promised = None


def _copy(tensors: Mapping[str, Tensor], kept: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies on the CPU, in the memory of `kept` where that fits, and in the tensors' own memory order."""
    copies = {}
    for name, tensor in tensors.items():
        copy = kept.get(name)
        # The same order is copied in one go; it is the writer that puts it into the file's order.
        if copy is None or copy.shape != tensor.shape or copy.dtype != tensor.dtype or copy.stride() != tensor.stride():
            copy = torch.empty_like(tensor, device="cpu", pin_memory=tensor.is_cuda)
        copies[name] = copy.copy_(tensor, non_blocking=True)
    return copies

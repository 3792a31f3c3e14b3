"""What the agent associates: what a sound looks like and what a picture sounds like, by the newest weights it has."""

import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agent.networks.published import Networks
from sensors.core.errors import EventError, StateError
from sensors.core.modalities import Modality
from sensors.core.modalities import modality as registered

MOST = 256
"""Most samples of one question, so that a large question does not delay the others."""
_REMEMBERED = 1000


@dataclass(frozen=True)
class Evoked:
    """What samples of one modality evoke.

    Attributes:
        step: learner step of the weights that answered.
        samples: modality -> (B, *shape) in the modality's stored dtype, everything but the one that was perceived.
    """

    step: int
    samples: Mapping[str, NDArray[Any]]


class Associations:
    """Answers from any number of threads while weights are renewed.

    Args:
        threads: CPU threads of one answer.
    """

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        self._networks: Networks | None = None
        self._renewed = 0.0
        self._asked = 0
        self._took: deque[float] = deque(maxlen=_REMEMBERED)
        self._lock = threading.Lock()

    @property
    def step(self) -> int:
        """Learner step of the weights; -1 before the first ones."""
        networks = self._networks
        return -1 if networks is None else networks.step

    @property
    def modalities(self) -> tuple[str, ...]:
        """What can be asked about; nothing before the first weights."""
        networks = self._networks
        return () if networks is None else tuple(networks.sides)

    def update(self, networks: Networks) -> None:
        """Answer by these from now on; an answer under way is finished with the old ones."""
        torch.set_num_threads(self._threads)
        # The first pass through such networks prepares their kernels, which takes longer than some answers may.
        for source in networks.sides if self._networks is None and networks.decodes else ():
            blank = torch.zeros(1, *registered(source).shape)
            for target in networks.sides:
                networks.evoke(blank, source, target)
        self._networks, self._renewed = networks, time.monotonic()

    def evoke(self, modality: str, samples: NDArray[Any], target: str | None = None) -> Evoked:
        """What samples evoke in the other modalities.

        Args:
            modality: of the samples.
            samples: (B, *shape), or one sample (*shape), in the modality's stored dtype; B of 1…`MOST`.
            target: the one modality that is wanted, which may be the samples' own; None: all others.

        Raises:
            StateError: nothing has been learned yet, or the learner's algorithm generates nothing.
            EventError: a modality that the learner does not have, or samples of another shape or dtype.
        """
        began = time.monotonic()
        networks = self._networks
        if networks is None:
            raise StateError("agent: nothing is learned yet; ask again after the learner's first step")
        for name in (modality, *([target] if target else [])):
            if name not in networks.sides:
                raise EventError(f"modality {name!r}: the agent knows {', '.join(networks.sides)}")
        perceived = registered(modality)
        x = torch.from_numpy(_checked(perceived, samples)).float().mul_(perceived.scale)
        torch.set_num_threads(self._threads)
        wanted = [target] if target else [name for name in networks.sides if name != modality]
        made = {name: store(networks.evoke(x, modality, name), registered(name)) for name in wanted}
        with self._lock:
            self._asked += 1
            self._took.append(time.monotonic() - began)
        return Evoked(networks.step, made)

    def figures(self) -> dict[str, float]:
        """Questions so far, milliseconds that the last 1,000 answers took (p50, p99), seconds since weights came."""
        with self._lock:
            asked, took = self._asked, list(self._took)
        out = {"answer/asked": float(asked)}
        if took:
            p50, p99 = np.quantile(took, (0.5, 0.99)) * 1e3
            out |= {"answer/ms_p50": float(p50), "answer/ms_p99": float(p99)}
        if self._networks is not None:
            out |= {"answer/step": float(self.step), "answer/weights_age_s": time.monotonic() - self._renewed}
        return out


def store(x: torch.Tensor, modality: Modality) -> NDArray[Any]:
    """Network values (B, *shape) as the modality stores them."""
    return modality.stored(x.numpy() / modality.scale)


def _checked(modality: Modality, samples: NDArray[Any]) -> NDArray[Any]:
    """The samples with a batch axis."""
    if not isinstance(samples, np.ndarray):
        raise EventError(f"{modality.name}: expected an array, got {type(samples).__name__}")
    rows = samples[None] if samples.shape == modality.shape else samples
    if rows.shape[1:] != modality.shape or not 1 <= len(rows) <= MOST:
        raise EventError(f"{modality.name}: expected 1…{MOST} samples of shape {modality.shape}, got {samples.shape}")
    if rows.dtype != modality.dtype:
        raise EventError(f"{modality.name}: expected dtype {modality.dtype}, got {rows.dtype}")
    if modality.dtype.kind == "f" and not np.isfinite(rows).all():
        raise EventError(f"{modality.name}: holds values that are not finite")
    # What came through shared memory is read-only, which torch does not take.
    return np.array(rows)

"""What every embedding keeps."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from agent.tdlft.config import EmbeddingConfig
from sensors.core.errors import StateError, TransferError
from sensors.core.state import StateDict, check_state

Rows = NDArray[np.float32]


class Embedding(ABC):
    """T_A->V^(i), from H_A^(i) to H_V^(i).

    A family implements `_fit` and `_transfer`, and names its tensors and plain values, which are its whole state: with
    the same ones, it transfers the same.

    Args:
        config: its settings; what is 0 there is searched among the pairs given to `fit`.
    """

    VERSION: ClassVar[int] = 1
    NAME: ClassVar[str]
    TENSORS: ClassVar[Mapping[str, str]]
    """Attributes that hold float32 arrays, and their axes: one letter each, 'a' and 'v' for the widths of source and
    target; axes of one letter are of one size."""
    PLAIN: ClassVar[tuple[str, ...]] = ()
    """Attributes that hold numbers."""

    def __init__(self, config: EmbeddingConfig) -> None:
        self.config = config
        self.widths: tuple[int, int] | None = None

    @property
    def fitted(self) -> bool:
        """Whether `transfer` can be asked."""
        return self.widths is not None

    def fit(
        self, source: ArrayLike, target: ArrayLike, rng: np.random.Generator, groups: ArrayLike | None = None
    ) -> Self:
        """Learn from parallel rows; what was learnt before is forgotten; see `fitting`."""
        for _ in self.fitting(source, target, rng, groups):
            pass
        return self

    def fitting(
        self, source: ArrayLike, target: ArrayLike, rng: np.random.Generator, groups: ArrayLike | None = None
    ) -> Iterator[None]:
        """Learn piece by piece, one yield after each; fitted when it ends.

        Args:
            source: (N, d_a) float.
            target: (N, d_v) float, row by row the same things.
            rng: of every random choice.
            groups: (N,) integers: hyper-parameters are searched by prediction of groups that were left out, such as
                labels, because new labels are what will be transferred. Without it rows are left out one by one.

        Raises:
            TransferError: fewer than two pairs, unequal numbers of rows, or values that are not finite.
        """
        a, v = _rows(source, "source"), _rows(target, "target")
        if len(a) != len(v) or len(a) < 2:
            raise TransferError(f"{self.NAME}: {len(a)} source and {len(v)} target rows; needs two pairs or more")
        marks = np.arange(len(a)) if groups is None else np.asarray(groups)
        if marks.shape != (len(a),):
            raise TransferError(f"{self.NAME}: {len(a)} pairs, but groups of shape {marks.shape}")
        self.widths = None
        yield from self._fit(a, v, rng, marks)
        for name in self.TENSORS:
            # What is used is what is saved, to the last bit.
            setattr(self, name, np.array(getattr(self, name), np.float32))
        self._ready()
        self.widths = (a.shape[1], v.shape[1])

    def transfer(self, source: ArrayLike) -> Rows:
        """Rows (M, d_a) to (M, d_v) float32; M may be 0.

        Raises:
            TransferError: not fitted, rows of another width, or values that are not finite.
        """
        if self.widths is None:
            raise TransferError(f"{self.NAME}: the embedding is not fitted: call fit(source, target, rng) first")
        a = _rows(source, "source")
        if len(a) == 0:
            return np.zeros((0, self.widths[1]), np.float32)
        if a.shape[1] != self.widths[0]:
            raise TransferError(f"{self.NAME}: fitted on rows of {self.widths[0]} values, got rows of {a.shape[1]}")
        return np.ascontiguousarray(self._transfer(a), np.float32)

    @abstractmethod
    def _fit(self, source: Rows, target: Rows, rng: np.random.Generator, groups: NDArray[Any]) -> Iterator[None]: ...

    @abstractmethod
    def _transfer(self, source: Rows) -> NDArray[Any]: ...

    def state_dict(self) -> StateDict:
        """Name, widths, numbers and tensors."""
        state: StateDict = {"version": self.VERSION, "name": self.NAME, "widths": list(self.widths or ())}
        if self.fitted:
            state |= {name: torch.from_numpy(np.array(getattr(self, name))) for name in self.TENSORS}
            state |= {name: getattr(self, name) for name in self.PLAIN}
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore exactly.

        Raises:
            StateError: parts are missing or unknown, or of another embedding.
        """
        names = {*self.TENSORS, *self.PLAIN} if isinstance(state, Mapping) and state.get("widths") else set()
        check_state(state, {"name", "widths", *names}, self.VERSION, f"embedding {self.NAME}")
        if state["name"] != self.NAME:
            raise StateError(f"embedding {self.NAME}: saved by {state['name']}")
        widths = tuple(int(width) for width in state["widths"])
        if len(widths) not in (0, 2):
            raise StateError(f"embedding {self.NAME}: widths {list(widths)}: expected those of source and target")
        sizes = dict(zip("av", widths, strict=False))
        for name, axes in self.TENSORS.items() if names else ():
            value = state[name]
            if not isinstance(value, Tensor) or value.dtype != torch.float32:
                raise StateError(f"embedding {self.NAME}: {name} must be a float32 tensor")
            if len(axes) != value.ndim or any(
                sizes.setdefault(k, n) != n for k, n in zip(axes, value.shape, strict=True)
            ):
                raise StateError(f"embedding {self.NAME}: {name} of shape {tuple(value.shape)} does not fit the rest")
        for name in self.TENSORS if names else ():
            setattr(self, name, np.array(state[name].numpy()))
        for name in self.PLAIN if names else ():
            setattr(self, name, state[name])
        self.widths = (widths[0], widths[1]) if widths else None
        if widths:
            self._ready()

    def _ready(self) -> None:
        """Make what is made from the state, after `fit` and after it was restored."""
        return


def _rows(values: ArrayLike, owner: str) -> Rows:
    rows = np.asarray(values, np.float32)
    if rows.ndim != 2:
        raise TransferError(f"{owner} rows must be (N, values), not an array of shape {rows.shape}")
    if not np.isfinite(rows).all():
        raise TransferError(f"{owner} row {int(np.argmin(np.isfinite(rows).all(1)))} has values that are not finite")
    return rows

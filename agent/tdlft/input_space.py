"""What the first RBM sees of a row: centred, scaled, and rotated into the span of the training rows.

The span costs nothing but zeros: a matrix of N rows has at most N dimensions, whatever the rows' length. Weights that
start in the span stay in it, under contrastive divergence with mean reconstructions and under gradient descent alike,
so training on the rotated rows is training on the rows themselves, in another orthonormal basis; what a new row has
outside the span meets zero weights. 57,600 values of 600 rows become 600.

'whitened' also scales every principal component to variance 1, and 'each' standardises every value by itself and
rotates nothing: both change what the network learns.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from agent.tdlft.config import INPUTS
from sensors.core.errors import StateError, TransferError
from sensors.core.state import StateDict, check_state


class InputSpace:
    """A fixed affine map, fitted on training rows.

    Args:
        kind: 'span', 'whitened' or 'each'.
        components: dimensions kept by the first two, those of largest variance; 0: all there are.
        gain: factor on the result, whose mean variance is otherwise 1.
    """

    VERSION = 1
    BLOCK = 4096
    """Columns, or rows, that are held in double precision at a time."""

    def __init__(self, kind: str, components: int, gain: float) -> None:
        if kind not in INPUTS:
            raise TransferError(f"inputs {kind!r}: choose one of {', '.join(INPUTS)}")
        self.kind = kind
        self.components = components
        self.gain = gain
        self.mean = torch.zeros(0)
        self.scale = torch.zeros(0)
        self.basis = torch.zeros(0, 0)

    @property
    def dimensions(self) -> int:
        """Length of a row for the first RBM; 0 before `fit`."""
        return len(self.scale)

    def fit(self, x: Tensor) -> None:
        """Take means, scales and basis from rows (N, d) float32.

        Raises:
            TransferError: the rows are all the same.
        """
        self.mean = x.double().mean(0).float()
        if self.kind == "each":
            scale = x.std(0, correction=0)
            spread = float(scale.mean())
            # A value that never changes says nothing: it is centred and left as small as it comes.
            self.scale = torch.where(scale > 1e-6 * max(spread, 1e-30), scale, torch.ones(()))
            self.basis = torch.zeros(0, 0)
        else:
            spread = self._rotate(x - self.mean)
        if not spread > 0:
            raise TransferError(f"all {len(x)} training rows are the same: nothing can be learnt from them")

    def _rotate(self, centred: Tensor) -> float:
        rows, length = centred.shape
        gram = torch.zeros(min(rows, length), min(rows, length), dtype=torch.float64)
        if rows <= length:
            for at in range(0, length, self.BLOCK):
                columns = centred[:, at : at + self.BLOCK].double()
                gram += columns @ columns.T
        else:
            for at in range(0, rows, self.BLOCK):
                some = centred[at : at + self.BLOCK].double()
                gram += some.T @ some
        values, vectors = torch.linalg.eigh(gram)
        values, vectors = values.flip(0), vectors.flip(1)
        # Centring takes one dimension away; what is left of it, and of repeated rows, is rounding.
        count = int((values > 1e-10 * values[0]).sum())
        count = min(count, self.components or count)
        spread = values[:count].clamp_min(0).sqrt()
        if rows <= length:
            self.basis = (centred.T @ (vectors[:, :count] / spread).float()).contiguous()
        else:
            self.basis = vectors[:, :count].float().contiguous()
        deviation = (spread / rows**0.5).float()
        same = deviation.square().mean().sqrt() * torch.ones(count)
        self.scale = deviation if self.kind == "whitened" else same
        return float(values[0])

    def __call__(self, x: Tensor) -> Tensor:
        """Rows (N, d) to (N, dimensions)."""
        centred = x - self.mean
        return (centred @ self.basis if self.basis.numel() else centred) * (self.gain / self.scale)

    def inverse(self, h: Tensor) -> Tensor:
        """Rows (N, dimensions) back to (N, d); what lay outside the span is the mean's."""
        centred = h * (self.scale / self.gain)
        return (centred @ self.basis.T if self.basis.numel() else centred) + self.mean

    def state_dict(self) -> StateDict:
        """Kind and tensors."""
        return {
            "version": self.VERSION,
            "kind": self.kind,
            "gain": self.gain,
            "mean": self.mean,
            "scale": self.scale,
            "basis": self.basis,
        }

    def load_state_dict(self, state: Mapping[str, Any], length: int) -> None:
        """Restore exactly, for rows of a length.

        Raises:
            StateError: parts are missing or unknown, of another kind, or do not fit each other.
        """
        check_state(state, {"kind", "gain", "mean", "scale", "basis"}, self.VERSION, "input space")
        if (state["kind"], state["gain"]) != (self.kind, self.gain):
            raise StateError(
                f"input space: saved as {state['kind']} with gain {state['gain']}, this one is {self.kind} "
                f"with gain {self.gain}"
            )
        mean, scale, basis = state["mean"], state["scale"], state["basis"]
        if not all(isinstance(t, Tensor) and t.dtype == torch.float32 for t in (mean, scale, basis)):
            raise StateError("input space: mean, scale and basis must be float32 tensors")
        expected = (0, 0) if self.kind == "each" else (length, len(scale))
        if mean.shape != (length,) or scale.ndim != 1 or basis.shape != expected:
            raise StateError(f"input space: saved for rows of {len(mean)}, this one has rows of {length}")
        self.mean, self.scale, self.basis = mean.clone(), scale.clone(), basis.clone()

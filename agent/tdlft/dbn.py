"""Deep belief networks: RBMs stacked greedily, a softmax on top, fine-tuned by backpropagation.

N^(i) is the network up to layer i (section 2 of the TDLFT paper): H^(0) is the input, H^(1)...H^(l) are the hidden
layers, H^(l+1) = Y are the probabilities of the labels, and H^(j+1) = g(H^(j), W^(j->j+1)), where g is the logistic
function and, on top, softmax. `weights[j]` and `biases[j]` are W^(j->j+1).

H^(0) is the input as the first RBM sees it, an affine image of the row that `inputs` can undo (`input_space.py`).
"""

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from agent.tdlft.config import BackpropagationConfig, DbnConfig
from agent.tdlft.input_space import InputSpace
from agent.tdlft.rbm import RBM, ContrastiveDivergence, EpochErrors, batches, same_size
from sensors.core.errors import StateError, TransferError
from sensors.core.state import StateDict, check_state


class DBN:
    """One deep belief network.

    Args:
        sizes: length of a row, then units of each of the l hidden layers.
        classes: labels are 0…classes-1.
        config: its settings.
        seed: of weights, Gibbs samples, and the rows' order.
    """

    VERSION = 1

    def __init__(self, sizes: Sequence[int], classes: int, config: DbnConfig, seed: int = 0) -> None:
        if len(sizes) < 2 or min(sizes) < 1 or classes < 2:
            raise TransferError(f"a network of {list(sizes)} units and {classes} labels: needs two sizes, two labels")
        self.sizes = tuple(int(size) for size in sizes)
        self.classes = classes
        self.config = config
        self.generator = torch.Generator().manual_seed(seed)
        self.inputs = InputSpace(config.inputs, config.components, config.gain)
        self.rbms: list[RBM] = []
        self.weights: list[Tensor] = []
        self.biases: list[Tensor] = []

    @property
    def depth(self) -> int:
        """The number of hidden layers, l."""
        return len(self.sizes) - 1

    def width(self, i: int) -> int:
        """Length of H^(i)."""
        self.check_layer(i)
        self._check_fitted()
        return self.weights[i].shape[0] if i <= self.depth else self.classes

    def pretrain(self, x: ArrayLike, held_out: ArrayLike | None = None) -> list[EpochErrors]:
        """Fit the input space and all RBMs; see `pretraining`."""
        return list(self.pretraining(x, held_out))

    def pretraining(self, x: ArrayLike, held_out: ArrayLike | None = None) -> Iterator[EpochErrors]:
        """Greedy pretraining, one yield after each epoch of each RBM; the network is whole when it ends.

        Args:
            x: (N, …) rows, float, flattened to `sizes[0]` values each.
            held_out: held-out rows, on which overfitting shows.

        Raises:
            TransferError: rows of another length or not finite, fewer than 2, or an RBM diverged.
        """
        rows = self._rows(x)
        if len(rows) < 2:
            raise TransferError(f"pretraining needs at least 2 rows, there are {len(rows)}")
        rest = None if held_out is None else self._rows(held_out)
        inputs = InputSpace(self.config.inputs, self.config.components, self.config.gain)
        inputs.fit(rows)
        h, held_out_h = inputs(rows), None if rest is None else inputs(rest)
        rbms: list[RBM] = []
        for layer, (below, above) in enumerate(pairwise((h.shape[1], *self.sizes[1:]))):
            rbm = RBM(below, above, "bernoulli" if layer else "gaussian", self.generator)
            yield from ContrastiveDivergence(rbm, self.config, self.generator).run(h, held_out_h, layer)
            h, held_out_h = rbm.hidden_mean(h), None if held_out_h is None else rbm.hidden_mean(held_out_h)
            rbms.append(rbm)
        self.inputs, self.rbms = inputs, rbms
        self.weights = [*(rbm.weight.clone() for rbm in rbms), torch.zeros(self.sizes[-1], self.classes)]
        self.biases = [*(rbm.hidden_bias.clone() for rbm in rbms), torch.zeros(self.classes)]

    def finetune(self, x: ArrayLike, y: ArrayLike, from_layer: int = 0) -> list[float]:
        """Train W^(j->j+1) for j >= `from_layer` on labelled rows; see `finetuning`."""
        return list(self.finetuning(x, y, from_layer))

    def finetuning(self, x: ArrayLike, y: ArrayLike, from_layer: int = 0) -> Iterator[float]:
        """Backpropagation, one yield of the mean loss after each epoch; layers below stay as they are.

        Args:
            x: (N, …) rows.
            y: (N,) labels 0…classes-1.
            from_layer: lowest layer whose outgoing weights learn, 0…l.

        Raises:
            TransferError: not pretrained, no rows, labels outside the label space, or no such layer.
        """
        h, labels = self.layer_tensor(x, from_layer), self.labels(y)
        pair_up(h, labels)
        training = Backpropagation(self, from_layer, self.config, h, len(h))
        for _ in range(self.config.epochs):
            losses = [
                training.step([(1.0, h[rows], labels[rows])])
                for rows in batches(len(h), self.config.batch, self.generator)
            ]
            yield sum(losses) / len(losses)

    def layer(self, x: ArrayLike, i: int) -> NDArray[np.float32]:
        """N^(i): rows (N, …) to H^(i), (N, width(i)) float32.

        Raises:
            TransferError: no such layer, not pretrained, or rows of another length.
        """
        return np.asarray(self.layer_tensor(x, i).numpy())

    def layer_tensor(self, x: ArrayLike, i: int) -> Tensor:
        """`layer`, as a tensor."""
        self.check_layer(i)
        self._check_fitted()
        h = self.inputs(self._rows(x))
        for j in range(i):
            h = self.activate(h, j)
        return h

    def from_layer(self, h: ArrayLike, i: int) -> NDArray[np.float32]:
        """H^(i), (N, width(i)), to the labels' probabilities H^(l+1), (N, classes) float32.

        Raises:
            TransferError: no such layer, not pretrained, or rows of another width.
        """
        rows = self.hidden(h, i)
        for j in range(i, self.depth + 1):
            rows = self.activate(rows, j)
        return np.asarray(rows.numpy())

    def predict(self, x: ArrayLike) -> NDArray[np.int64]:
        """The most probable label of each row."""
        return np.asarray(self.layer(x, self.depth + 1).argmax(1), np.int64)

    def down(self, h: ArrayLike, i: int) -> NDArray[np.float32]:
        """Top-down inference: H^(i), i in 0…l, to rows (N, sizes[0]), by the means of the RBMs as pretrained."""
        rows = self.hidden(h, i)
        if i > self.depth:
            raise TransferError(f"layer {i} is the labels': top-down inference starts at layers 0…{self.depth}")
        for rbm in reversed(self.rbms[:i]):
            rows = rbm.visible_mean(rows)
        return np.asarray(self.inputs.inverse(rows).numpy())

    def activate(self, h: Tensor, j: int) -> Tensor:
        """H^(j+1) := g(H^(j), W^(j->j+1))."""
        field = torch.addmm(self.biases[j], h, self.weights[j])
        return torch.sigmoid(field) if j < self.depth else torch.softmax(field, 1)

    def grow(self, classes: int) -> None:
        """Widen the label space; the new labels start with no evidence for them.

        Raises:
            TransferError: fewer labels than there are.
        """
        if classes < self.classes:
            raise TransferError(f"{classes} labels: the network knows {self.classes}, and labels are never taken away")
        if self.weights:
            more = classes - self.classes
            self.weights[-1] = F.pad(self.weights[-1], (0, more))
            # As unlikely as the least likely label so far: a new label must not take what is known.
            self.biases[-1] = F.pad(self.biases[-1], (0, more), value=float(self.biases[-1].min()))
        self.classes = classes

    def copy(self) -> Self:
        """A copy that learns by itself; input space and RBMs, which change only by being replaced, are shared."""
        twin = copy.copy(self)
        twin.weights, twin.biases = [w.clone() for w in self.weights], [b.clone() for b in self.biases]
        twin.generator = self.generator.clone_state()
        return twin

    def check_layer(self, i: int) -> None:
        """Refuse a layer that is none of 0…l+1."""
        if not 0 <= i <= self.depth + 1:
            raise TransferError(f"layer i = {i}: this network has the layers 0…{self.depth + 1} (l = {self.depth})")

    def labels(self, y: ArrayLike) -> Tensor:
        """Labels, checked: (N,) int64.

        Raises:
            TransferError: no integers, or outside the label space.
        """
        values = np.asarray(y)
        if values.ndim != 1 or (values.size and not np.issubdtype(values.dtype, np.integer)):
            raise TransferError(f"labels must be a row of integers, not {values.dtype} of shape {values.shape}")
        if len(wrong := np.unique(values[(values < 0) | (values >= self.classes)])):
            raise TransferError(f"label {wrong[0]}: outside the label space 0…{self.classes - 1}")
        return torch.from_numpy(values.astype(np.int64))

    def hidden(self, h: ArrayLike, i: int) -> Tensor:
        """Given rows of H^(i), checked: (N, width(i)) float32."""
        return check_rows(h, self.width(i), f"layer {i}")

    def _rows(self, x: ArrayLike) -> Tensor:
        values = np.asarray(x, np.float32)
        return check_rows(values.reshape(len(values), -1) if values.size else values, self.sizes[0], "the input")

    def _check_fitted(self) -> None:
        if not self.weights:
            raise TransferError("the network is not pretrained: call pretrain(rows) first")

    def state_dict(self) -> StateDict:
        """Sizes, input space, RBMs as pretrained, weights, and the random generator."""
        return {
            "version": self.VERSION,
            "sizes": list(self.sizes),
            "classes": self.classes,
            "inputs": self.inputs.state_dict(),
            "rbms": {str(j): rbm.state_dict() for j, rbm in enumerate(self.rbms)},
            "weights": {str(j): w.clone() for j, w in enumerate(self.weights)},
            "biases": {str(j): b.clone() for j, b in enumerate(self.biases)},
            "generator": self.generator.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore exactly; nothing changes when the state is refused.

        Raises:
            StateError: parts are missing or unknown, or of a network of other sizes.
        """
        keys = {"sizes", "classes", "inputs", "rbms", "weights", "biases", "generator"}
        check_state(state, keys, self.VERSION, "DBN")
        if (list(state["sizes"]), state["classes"]) != (list(self.sizes), self.classes):
            raise StateError(
                f"DBN: saved with sizes {list(state['sizes'])} and {state['classes']} labels, this one has "
                f"{list(self.sizes)} and {self.classes}"
            )
        inputs = InputSpace(self.config.inputs, self.config.components, self.config.gain)
        rbms: list[RBM] = []
        weights: list[Tensor] = []
        biases: list[Tensor] = []
        if state["weights"]:
            inputs.load_state_dict(state["inputs"], self.sizes[0])
            sizes = (inputs.dimensions, *self.sizes[1:], self.classes)
            for part, count in (("rbms", self.depth), ("weights", self.depth + 1), ("biases", self.depth + 1)):
                if set(state[part]) != {str(j) for j in range(count)}:
                    raise StateError(f"DBN: saved state has {part} {', '.join(state[part])}, expected {count} of them")
            for j, (below, above) in enumerate(pairwise(sizes)):
                weights.append(same_size(state["weights"][str(j)], torch.zeros(below, above), f"DBN weights {j}"))
                biases.append(same_size(state["biases"][str(j)], torch.zeros(above), f"DBN biases {j}"))
            for j in range(self.depth):
                rbm = RBM(sizes[j], sizes[j + 1], "bernoulli" if j else "gaussian", torch.Generator())
                rbm.load_state_dict(state["rbms"][str(j)])
                rbms.append(rbm)
        generator = same_size(state["generator"], self.generator.get_state(), "DBN generator")
        self.inputs, self.rbms, self.weights, self.biases = inputs, rbms, weights, biases
        self.generator.set_state(generator)


class Backpropagation:
    """Standard backpropagation into W^(j->j+1), j >= i: cross-entropy of the softmax.

    Args:
        network: whose weights learn; those below layer i are not touched.
        i: 0…l+1; at l+1 there is nothing to train, and a step only measures.
        config: its settings.
        like: H^(i), (N, width(i)): its spread scales the noise.
        rows: rows of an epoch, for the schedule of the learning rate.
    """

    def __init__(self, network: DBN, i: int, config: BackpropagationConfig, like: Tensor, rows: int) -> None:
        self.network = network
        self.i = i
        self.config = config
        self.noise = config.noise * like.std(0, correction=0)
        self.steps = config.epochs * max(1, math.ceil(rows / config.batch))
        self.done = 0
        weights, biases = network.weights[i:], network.biases[i:]
        groups = [{"params": weights, "weight_decay": config.weight_decay}, {"params": biases, "weight_decay": 0.0}]
        self.optimiser: torch.optim.Optimizer | None = None
        if weights and config.optimiser == "adam":
            self.optimiser = torch.optim.AdamW(groups, config.learning_rate)
        elif weights:
            self.optimiser = torch.optim.SGD(groups, config.learning_rate, config.sgd_momentum)

    def step(self, batches: Sequence[tuple[float, Tensor, Tensor]]) -> float:
        """One update of the weighted sum of the batches' mean losses.

        Args:
            batches: (weight, H^(i) rows, labels) of each kind of row.

        Returns:
            The loss before the update.
        """
        trained = [*self.network.weights[self.i :], *self.network.biases[self.i :]]
        for parameter in trained:
            parameter.requires_grad_(True)
        try:
            loss = torch.zeros(())
            for weight, h, y in batches:
                loss = loss + weight * F.nll_loss(self._log_probabilities(h), y)
            if self.optimiser is not None:
                # Half a cosine down to zero: the last steps average over the rows' noise.
                share = min(self.done / max(self.steps, 1), 1.0)
                for group in self.optimiser.param_groups:
                    group["lr"] = self.config.learning_rate * 0.5 * (1 + math.cos(math.pi * share))
                self.optimiser.zero_grad(set_to_none=True)
                torch.autograd.backward(loss)
                self.optimiser.step()
            self.done += 1
            return float(loss.detach())
        finally:
            for parameter in trained:
                parameter.requires_grad_(False)
                parameter.grad = None

    def _log_probabilities(self, h: Tensor) -> Tensor:
        network, generator = self.network, self.network.generator
        if self.i > network.depth:
            return h.clamp_min(1e-12).log()
        if self.config.noise:
            h = h + self.noise * torch.randn(h.shape, generator=generator)
        for j in range(self.i, network.depth):
            h = self._drop(network.activate(h, j), generator)
        return F.log_softmax(torch.addmm(network.biases[-1], h, network.weights[-1]), 1)

    def _drop(self, h: Tensor, generator: torch.Generator) -> Tensor:
        if not self.config.dropout:
            return h
        keep = 1 - self.config.dropout
        return h * torch.bernoulli(torch.full(h.shape, keep), generator=generator) / keep


def check_rows(values: ArrayLike, width: int, owner: str) -> Tensor:
    """Rows of one width: (N, width) float32, N may be 0.

    Raises:
        TransferError: another width, or values that are not finite.
    """
    rows = np.asarray(values, np.float32)
    if rows.size == 0 and rows.shape[:1] == (0,):
        return torch.zeros(0, width)
    if rows.ndim != 2 or rows.shape[1] != width:
        raise TransferError(f"{owner}: expected rows of {width} values, got an array of shape {rows.shape}")
    if not np.isfinite(rows).all():
        raise TransferError(f"{owner}: row {int(np.argmin(np.isfinite(rows).all(1)))} has values that are not finite")
    return torch.from_numpy(np.ascontiguousarray(rows))


def pair_up(h: Tensor, y: Tensor) -> None:
    """Refuse rows without labels, labels without rows, and none at all."""
    if len(h) != len(y) or not len(h):
        raise TransferError(f"{len(h)} rows and {len(y)} labels: training needs one label for each row, and some")

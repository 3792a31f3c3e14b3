"""Multivariate support vector regression with a nonlinear kernel (section 3.1): one machine for each output."""

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.svm import SVR
from sklearn.utils.parallel import Parallel, delayed

from agent.tdlft.embeddings.contract import Embedding, Rows
from agent.tdlft.embeddings.search import searching, split

COSTS = (0.3, 1.0, 3.0, 10.0)
WIDTHS = (0.3, 1.0, 3.0)
PIECE = 32
"""Outputs whose machines are fitted at a time."""


class SvrEmbedding(Embedding):
    """The radial kernel exp(-gamma |a - b|²) over source rows; outputs are standardised for the machines.

    All machines share one kernel matrix; fitted, they are one matrix of dual coefficients. What `SVR.predict` gives
    for each output is computed here for all of them at once.
    """

    NAME = "svr"
    TENSORS: ClassVar[dict[str, str]] = {
        "source": "na",
        "dual": "nv",
        "intercept": "v",
        "target_mean": "v",
        "target_scale": "v",
    }
    PLAIN = ("gamma", "cost")

    def _fit(self, source: Rows, target: Rows, rng: np.random.Generator, groups: NDArray[Any]) -> Iterator[None]:
        self.target_mean, scale = target.mean(0), target.std(0)
        self.target_scale = np.where(scale > 1e-6 * max(float(scale.max()), 1e-30), scale, 0).astype(np.float32)
        goal = np.zeros_like(target)
        moving = np.flatnonzero(self.target_scale)
        goal[:, moving] = (target - self.target_mean)[:, moving] / self.target_scale[moving]
        # Twice the summed variance is the mean squared distance of two rows.
        spread = max(2 * float(source.var(0).sum()), 1e-30)
        folds = split(groups, self.config.search_folds, rng)
        probe = rng.permutation(moving)[: self.config.svr_probe]
        costs = [self.config.svr_cost] if self.config.svr_cost else list(COSTS)
        widths = [self.config.svr_width] if self.config.svr_width else list(WIDTHS)
        kernels = {width: _kernel(source, source, width / spread) for width in widths}

        def predict(choice: tuple[float, float], out: NDArray[np.bool_]) -> Rows:
            cost, width = choice
            kernel = kernels[width]
            dual, intercept = self._machines(kernel[np.ix_(~out, ~out)], goal[~out][:, probe], cost)
            return (kernel[np.ix_(out, ~out)] @ dual + intercept).astype(np.float32)

        choices = [(cost, width) for cost in costs for width in widths]
        self.cost, width = yield from searching(choices, predict, goal[:, probe], groups, folds)
        self.gamma = width / spread
        self.source = source
        self.dual = np.zeros(target.shape, np.float32)
        self.intercept = np.zeros(target.shape[1], np.float32)
        for at in range(0, len(moving), PIECE):
            some = moving[at : at + PIECE]
            self.dual[:, some], self.intercept[some] = self._machines(kernels[width], goal[:, some], self.cost)
            yield

    def _machines(self, kernel: NDArray[Any], goal: Rows, cost: float) -> tuple[Rows, Rows]:
        """Dual coefficients (N, outputs) and intercepts (outputs,)."""
        # Threads: libsvm lets go of the interpreter's lock, and the kernel is shared instead of copied.
        fitted = Parallel(n_jobs=self.config.jobs, prefer="threads")(
            delayed(_machine)(kernel, column, cost, self.config.svr_margin) for column in goal.T
        )
        dual = np.zeros((len(kernel), goal.shape[1]), np.float32)
        intercept = np.zeros(goal.shape[1], np.float32)
        for output, (support, coefficients, offset) in enumerate(fitted):
            dual[support, output] = coefficients
            intercept[output] = offset
        return dual, intercept

    def _transfer(self, source: Rows) -> NDArray[Any]:
        standard = _kernel(source, self.source, self.gamma) @ self.dual + self.intercept
        return np.asarray(standard * self.target_scale + self.target_mean)


def _machine(kernel: NDArray[Any], goal: Rows, cost: float, margin: float) -> tuple[NDArray[Any], NDArray[Any], float]:
    machine = SVR(kernel="precomputed", C=cost, epsilon=margin).fit(kernel, goal)
    return machine.support_, machine.dual_coef_[0], float(machine.intercept_[0])


def _kernel(a: Rows, b: Rows, gamma: float) -> NDArray[np.float64]:
    # In double precision: squared distances are small differences of large numbers.
    x, y = a.astype(np.float64), b.astype(np.float64)
    squares = np.square(x).sum(1)[:, None] + np.square(y).sum(1) - 2 * x @ y.T
    return np.asarray(np.exp(-gamma * squares.clip(0)))

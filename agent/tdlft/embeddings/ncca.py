"""Normalised canonical correlation analysis (section 3.1, Eq. 1).

Of centred rows H_A (N, p') and H_V (N, q'), U (p', c) and V (q', c) solve

    max tr(U^T H_A^T H_V V)   s.t.   U^T H_A^T H_A U = I,  V^T H_V^T H_V V = I            (Eq. 1)

With S_AV = H_A^T H_V and so on, stationary columns satisfy the generalised eigenvalue problem

    S_AV S_VV^-1 S_VA u = ρ² S_AA u,    v = S_VV^-1 S_VA u / ρ,

whose c greatest ρ, the canonical correlations, sum to the maximum. S_AA and S_VV take a ridge, because layers have
more units than there are pairs.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from agent.tdlft.embeddings.contract import Embedding, Rows
from agent.tdlft.embeddings.search import searching, split

Matrix = NDArray[np.float64]
RIDGES = (0.01, 0.1, 1.0)
DIMENSIONS = (4, 8, 16, 32, 64, 128)
LEAST = 1e-9
"""Correlations below this are rounding."""


def solve(a: Matrix, v: Matrix, ridge: float, most: int) -> tuple[Matrix, Matrix, Matrix]:
    """U, V and the correlations ρ, greatest first, of centred rows.

    Args:
        a: H_A, (N, p').
        v: H_V, (N, q').
        ridge: added to the diagonals of S_AA and S_VV, as a share of their mean diagonal.
        most: largest number of columns c; fewer where ρ vanishes.

    Returns:
        U (p', c), V (q', c), ρ (c,).
    """
    s_aa, s_vv, s_av = _ridged(a, ridge), _ridged(v, ridge), a.T @ v
    factor = scipy.linalg.cho_factor(s_vv)
    left = s_av @ scipy.linalg.cho_solve(factor, s_av.T)
    most = min(most, *s_av.shape, len(a))
    squares, u = scipy.linalg.eigh(
        (left + left.T) / 2, s_aa, subset_by_index=(len(s_aa) - most, len(s_aa) - 1), check_finite=False
    )
    squares, u = squares[::-1], u[:, ::-1]
    correlations = np.sqrt(squares.clip(0))
    count = max(1, int((correlations > LEAST).sum()))
    u, correlations = u[:, :count], correlations[:count]
    back = scipy.linalg.cho_solve(factor, s_av.T @ u)
    return u, back / correlations.clip(LEAST), correlations


class NccaEmbedding(Embedding):
    """T(H_A) = H_A U V^T, or that with the way back from the common space by least squares.

    `transpose` is the paper's formula. The columns of V have norms of about 1 / sqrt(N), so its products shrink to the
    mean row; `least_squares` instead regresses H_V on the canonical variates H_A U of the training pairs.
    """

    NAME = "ncca"
    TENSORS: ClassVar[dict[str, str]] = {"source_mean": "a", "target_mean": "v", "u": "ac", "back": "cv"}
    PLAIN = ("correlations", "regularisation")

    def _fit(self, source: Rows, target: Rows, rng: np.random.Generator, groups: NDArray[Any]) -> Iterator[None]:
        a, v = source.astype(np.float64), target.astype(np.float64)
        folds = split(groups, self.config.search_folds, rng)
        fixed = self.config.correlations
        sizes = [fixed] if fixed else [c for c in DIMENSIONS if c <= min(a.shape[1], v.shape[1], len(a))] or [1]
        ridges = [self.config.regularisation] if self.config.regularisation else list(RIDGES)
        solved: dict[tuple[int, float], tuple[Matrix, Matrix]] = {}

        def predict(choice: tuple[int, float], out: NDArray[np.bool_]) -> Rows:
            c, ridge = choice
            known = ~out
            if (key := (id(out), ridge)) not in solved:
                # Columns come in order, so one solution serves every smaller c.
                u, back = self._maps(a[known], v[known], ridge, max(sizes))
                solved[key] = (a[out] - a[known].mean(0)) @ u, back
            variates, back = solved[key]
            return np.asarray(v[known].mean(0) + variates[:, :c] @ back[:c], np.float32)

        choices = [(c, ridge) for ridge in ridges for c in sizes]
        self.correlations, self.regularisation = yield from searching(choices, predict, target, groups, folds)
        self.source_mean, self.target_mean = a.mean(0), v.mean(0)
        self.u, self.back = self._maps(a, v, self.regularisation, self.correlations)

    def _maps(self, a: Matrix, v: Matrix, ridge: float, most: int) -> tuple[Matrix, Matrix]:
        """U (p', c) and the way back (c, q')."""
        a, v = a - a.mean(0), v - v.mean(0)
        u, v_, _ = solve(a, v, ridge, most)
        if self.config.back_projection == "transpose":
            return u, v_.T
        variates = a @ u
        # Each variate by itself: under the ridge they are as good as uncorrelated, and a joint fit would undo it.
        return u, (variates.T @ v) / np.square(variates).sum(0).clip(1e-30)[:, None]

    def _transfer(self, source: Rows) -> NDArray[Any]:
        return np.asarray((source - self.source_mean) @ self.u @ self.back + self.target_mean)


def _ridged(h: Matrix, ridge: float) -> Matrix:
    s = h.T @ h
    # The second term keeps a constant layer's matrix positive definite.
    s[np.diag_indices_from(s)] += ridge * np.trace(s) / len(s) + 1e-12 * (1 + np.trace(s))
    return np.asarray(s)

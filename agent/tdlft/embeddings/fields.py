"""What entered logistic units, in place of what left them: hidden rows in which new labels keep their neighbours.

A trained network's hidden units sit near 0 or 1. Rows of a label that it learnt are then all but equal, and distances
between rows of different labels say little but how many units differ. The field log(h / (1 - h)) still tells how sure
a unit is; standardised, no unit outweighs another.
"""

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]
EDGE = 1e-6
"""Probabilities are kept so far from 0 and 1: float32 has no more places there."""


class Fields:
    """Standardised fields of hidden rows; a function of H^(i) alone, fitted on training rows.

    Args:
        rows: (N, units) float32, probabilities.
    """

    def __init__(self, rows: Rows) -> None:
        fields = _fields(rows)
        scale = fields.std(0)
        self.mean = fields.mean(0)
        # A unit that never changes says nothing: it is centred and left as small as it comes.
        self.scale = np.where(scale > EDGE, scale, 1)

    def __call__(self, rows: Rows) -> Rows:
        """Rows (M, units) of probabilities to (M, units) float32."""
        return np.asarray((_fields(rows) - self.mean) / self.scale, np.float32)


def _fields(rows: Rows) -> NDArray[np.float64]:
    # In double precision: units that hardly change lie far from zero, and their spread is a small difference.
    kept = rows.astype(np.float64).clip(EDGE, 1 - EDGE)
    return np.asarray(np.log(kept / (1 - kept)))

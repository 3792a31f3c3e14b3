"""The judge of lips: a linear support vector machine for every two letters, trained with labels on all letters' lips.

It is of another make than the networks it grades, shares nothing with them, and has seen the real lips of letters that
the learner only ever hears of. It looks at a clip's shape and not at its strength, since what is generated is fainter
than a film; and besides every training clip it has learned from small shifts of it and from a softened copy.
"""

import contextlib
import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.svm import SVC

from agent.exams.judge_cache import KeptJudge, code_of
from agent.tdlft.lips import BLOCK, LENGTH, to_rows
from sensors.signals.lips import FRAMES, HEIGHT, WIDTH
from teacher.datasets.core.samples import Bytes, Labels, hash_arrays
from teacher.datasets.letters import LetterData

Rows = NDArray[np.float32]
_FILM = (FRAMES, HEIGHT // BLOCK, WIDTH // BLOCK)
SHIFTS = ((0, 1), (0, -1), (1, 0), (-1, 0))
"""Rows and columns by which copies are moved, in blocks of 4 pixels: half a lip's thickness."""
SOFTNESS = (0.7, 1.5, 1.5)
"""Deviations of the Gaussian that softens a copy, in frames, rows, columns: clips are drawn as soft as networks see."""
COST = 64.0
"""C, on rows of length 1. Nothing depends on it finely: 6 to 600 grade alike, in folds of the training part."""


class LipJudge:
    """A trained classifier of lip clips.

    Args:
        labels: (K,) int64, sorted.
        planes: (K (K - 1) / 2, 3600) float32, one for each two labels in lexicographic order; positive
            means the first.
        offsets: likewise, float32.

    Attributes:
        accuracy: on real lips of the test part, a fraction.
    """

    def __init__(self, labels: Labels, planes: Rows, offsets: Rows) -> None:
        self.labels = labels
        self.planes = planes
        self.offsets = offsets
        self.accuracy = 0.0

    def grade(self, stored_lips: Bytes, among: Sequence[int] | None = None) -> Labels:
        """The letter of each clip; one without any movement gets some letter, too.

        Args:
            stored_lips: (N, 12, 60, 80) uint8.
            among: the only labels that may be answered, at least one of which the judge knows; None: all.

        Returns:
            (N,) labels.
        """
        margins = _unit(to_rows(stored_lips)) @ self.planes.T + self.offsets
        first, second = np.triu_indices(len(self.labels), 1)
        votes = np.zeros((len(margins), len(self.labels)))
        for pair, (a, b) in enumerate(zip(first, second, strict=True)):
            wins = margins[:, pair] > 0
            # Among as many wins, the larger margins decide; all of them together count for less than one win.
            lead = np.tanh(margins[:, pair]) / (4 * len(self.labels))
            votes[:, a] += wins + lead
            votes[:, b] += ~wins - lead
        if among is not None:
            votes[:, ~np.isin(self.labels, among)] = -1.0
        named: Labels = self.labels[votes.argmax(1)]
        return named


def train_judge(stored_lips: Bytes, letters: Labels) -> LipJudge:
    """Train on real lips.

    Args:
        stored_lips: (N, 12, 60, 80) uint8.
        letters: (N,) labels, at least two of them.
    """
    rows = _copies(to_rows(stored_lips))
    y = np.tile(letters, len(rows) // len(letters))
    machine = SVC(C=COST, kernel="precomputed").fit((rows @ rows.T).astype(np.float64), y)
    return LipJudge(machine.classes_.astype(np.int64), *_planes(machine, rows))


def build_judge(data: LetterData, cache: Path | None) -> LipJudge:
    """The judge of a corpus: from the cache, or trained on its training part and kept there.

    Args:
        data: all letters' lips; `accuracy` is that on its test part.
        cache: directory of trained judges; None: neither read nor written.
    """
    utterances = data.utterances
    key = f"{utterances.name}-{utterances.fingerprint[:16]}-{hash_arrays([data.train])[:8]}-{_code()}"
    kept = KeptJudge(cache, "lips", key)
    judge = _load(kept)
    if judge is None:
        judge = train_judge(utterances.stored_lips[data.train], utterances.letters[data.train])
        parts = {"labels": judge.labels, "planes": judge.planes, "offsets": judge.offsets}
        kept.save({name: torch.from_numpy(np.ascontiguousarray(part)) for name, part in parts.items()})
    named = judge.grade(utterances.stored_lips[data.test])
    judge.accuracy = float((named == utterances.letters[data.test]).mean())
    return judge


def _copies(rows: Rows) -> Rows:
    """Rows, their shifted copies and a softened one, all of length 1: (N, 3600) to (6 N, 3600)."""
    films = rows.reshape(-1, *_FILM)
    moved = [films]
    for down, right in SHIFTS:
        # What is moved in repeats the edge.
        r, c = (np.clip(np.arange(n) - by, 0, n - 1) for n, by in zip(_FILM[1:], (down, right), strict=True))
        moved.append(films[:, :, r][:, :, :, c])
    moved.append(ndimage.gaussian_filter(films, (0, *SOFTNESS)))
    return _unit(np.concatenate(moved).reshape(-1, LENGTH))


def _unit(rows: Rows) -> Rows:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, np.float32(1e-12)), np.float32)


def _planes(machine: SVC, rows: Rows) -> tuple[Rows, Rows]:
    """Weights of every two labels' machine, which scikit-learn gives out for kernels it computes itself alone."""
    support, dual = rows[machine.support_], machine.dual_coef_.astype(np.float32)
    # Of two labels alone scikit-learn turns the sign round: there, positive means the second.
    sign = np.float32(1 if len(machine.classes_) > 2 else -1)
    ends = np.cumsum(machine.n_support_)
    of = [slice(end - count, end) for end, count in zip(ends, machine.n_support_, strict=True)]
    # libsvm's layout: a support vector of label a has its coefficient against b > a in row b - 1, against b < a in b.
    planes = [
        dual[b - 1, of[a]] @ support[of[a]] + dual[a, of[b]] @ support[of[b]]
        for a, b in zip(*np.triu_indices(len(of), 1), strict=True)
    ]
    return sign * np.stack(planes), sign * machine.intercept_.astype(np.float32)


def _load(kept: KeptJudge) -> LipJudge | None:
    """Take a judge from the cache; one that cannot be read whole is trained anew."""
    with contextlib.suppress(KeyError):
        parts = {name: tensor.numpy() for name, tensor in (kept.load() or {}).items()}
        labels, planes, offsets = parts["labels"], parts["planes"], parts["offsets"]
        pairs = len(labels) * (len(labels) - 1) // 2
        if planes.shape == (pairs, LENGTH) and offsets.shape == (pairs,) and np.isfinite(planes).all():
            return LipJudge(labels, planes, offsets)
    return None


@functools.cache
def _code() -> str:
    """Hash of the sources: other copies, costs or rows are another judge."""
    here, home = Path(__file__).parent, Path(__file__).parents[2]
    pictures = home / "sensors" / "signals" / "lips.py"
    sources = (here / "lip_judge.py", home / "agent" / "tdlft" / "lips.py", pictures)
    return code_of(sources)

"""FSDD widened by the digits of Speech Commands: balanced by the one, hundreds of speakers by the other."""

from pathlib import Path

import numpy as np

from teacher.datasets.core.samples import Samples, make_samples
from teacher.datasets.preparation.cache import cached
from teacher.datasets.readers import fsdd, gcdd

NAME = "fsdd+gcdd"


def load(root: Path | None, held_out: str = "") -> Samples:
    """Load both; FSDD's samples come first in training and test.

    FSDD by its official split, Speech Commands always by speaker: no speaker of it is in both parts.

    Args:
        root: directory with both datasets.
        held_out: a speaker of FSDD held out for testing: all recordings of this speaker are test samples.

    Raises:
        DataError: one of the two is missing, damaged or too small for a split, or no such speaker.
    """
    parts = {"fsdd": fsdd.load(root, held_out), "gcdd": gcdd.load(root, by_speaker=True)}

    def prepare() -> Samples:
        each = parts.values()
        return make_samples(
            NAME,
            (np.concatenate([s.train for s in each]), np.concatenate([s.train_labels for s in each])),
            (np.concatenate([s.test for s in each]), np.concatenate([s.test_labels for s in each])),
            "; ".join(f"{name} ({len(s.train):,} + {len(s.test):,}): {s.split}" for name, s in parts.items()),
        )

    samples = cached(NAME, "-".join(s.fingerprint[:16] for s in parts.values()), prepare, "audio")
    # Where the two lie, and what they leave out by name, is no part of the entry's key.
    told = [(name, note) for name, s in parts.items() for note in (s.report.line, *s.notes) if note]
    return samples.noted(*(f"{name}: {note}" for name, note in told))

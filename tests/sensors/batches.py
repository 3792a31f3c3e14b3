"""Batches that several tests need."""

from typing import Any

import numpy as np

from sensors.core.event import NO_LESSON, EventBatch
from sensors.core.modalities import modality


def fields(kind: str = "audio+image", count: int = 3, seed: int = 0) -> dict[str, Any]:
    """Keyword arguments of a valid `EventBatch`."""
    rng = np.random.default_rng(seed)
    samples = {}
    for name in kind.split("+"):
        m = modality(name)
        if m.dtype == np.uint8:
            samples[name] = rng.integers(0, 256, (count, *m.shape), np.uint8)
        else:
            samples[name] = rng.standard_normal((count, *m.shape)).astype(m.dtype)
    start = np.sort(rng.uniform(0, 100, count))
    return {
        "source": "teacher-0",
        "generation": 2,
        "seq": np.arange(count, dtype=np.int64) + 7,
        "start": start,
        "end": start + 0.5,
        "lesson": rng.integers(NO_LESSON, 50, count),
        "samples": samples,
    }


def batch(kind: str = "audio+image", count: int = 3, seed: int = 0) -> EventBatch:
    """A valid batch of random events."""
    return EventBatch(**fields(kind, count, seed))


def assert_same(a: EventBatch, b: EventBatch) -> None:
    """Every field equal, dtypes included."""
    assert (a.source, a.generation, a.kind) == (b.source, b.generation, b.kind)
    pairs = [(getattr(a, n), getattr(b, n)) for n in ("seq", "start", "end", "lesson")]
    pairs += [(a.samples[n], b.samples[n]) for n in a.samples]
    for x, y in pairs:
        assert x.dtype == y.dtype
        np.testing.assert_array_equal(x, y)

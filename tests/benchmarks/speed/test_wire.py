"""The benchmark of the wire measures what it says, in small."""

from pathlib import Path

import numpy as np

from benchmarks.speed.wire import NAME, make_batch, measure
from sensors.robots.keys import make_keys


def test_events_are_of_the_stated_size() -> None:
    audio, image = np.zeros((4, 1, 96, 96), np.uint8), np.zeros((4, 1, 32, 32), np.uint8)
    batch = make_batch(8, 4, audio, image)
    assert batch.kind == "audio+image"
    assert batch.nbytes == 4 * 10_240
    assert batch.seq.tolist() == [8, 9, 10, 11]


def test_rates_and_waits_are_measured(tmp_path: Path) -> None:
    make_keys(tmp_path, NAME)
    flow = measure(0.2, 2, 0, tmp_path, 0.0, 8)
    assert len(flow.rates) == len(flow.costs) == 2
    assert min(flow.rates) > 100
    assert 0 < min(flow.costs) < 10_000
    waits = measure(0.2, 1, 0, None, 0.01, 1).waits
    assert waits
    assert 0 < np.median(waits) < 1

"""A recorded session that several tests play."""

from pathlib import Path

import numpy as np

from benchmarks.harness.shown import drawing, show
from sensors.sources.recorder import Recorder
from sensors.sources.source import Frame
from tests.sensors.speech import chunks, stream

SECONDS, FPS = 7, 15
CHUNKS, FRAMES = SECONDS * 50, SECONDS * FPS


def record_session(directory: Path) -> Path:
    """Seven seconds: a card with two words, then a word without a card."""
    rng = np.random.default_rng(0)
    with Recorder(directory) as recorder:
        for chunk in chunks(stream([(1.2, 0.4), (2.2, 0.5), (5.4, 0.4)], SECONDS, rng), 100.0):
            recorder.write("microphone", chunk)
        for n in range(FRAMES):
            digit = drawing(1) if 0.5 <= n / FPS < 3.5 else None
            recorder.write("camera", Frame(100.0 + n / FPS, show(digit, rng)))
    return directory

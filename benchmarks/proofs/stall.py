"""Stall: how long a checkpoint holds up the learner, and what its writing beside costs the steps.

    python benchmarks/proofs/stall.py [--presets small,paper] [--device cpu] [--repeats 5] [--threads 1] [--json]

The whole of a learner's state is copied between two steps (the stall) and written while it goes on. Copies are timed
between real steps; then a checkpoint is written, flushed and checked as a run does it, while the learner steps on.
"""

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from agent.algorithms.smart import SmartTurns
from agent.checkpoints.checkpoint import write_checkpoint
from agent.config import LearnerConfig
from agent.learner import Learner
from benchmarks.harness.measured import machine, tell
from replay.buffer import Buffer
from replay.config import ReplayConfig
from replay.reader import Reader
from sensors.core.event import EventBatch

EVENTS = 1024
BESIDE = 12
"""Steps timed while nothing is written; as many at least while something is."""


def fill(directory: Path, seed: int) -> None:
    """A replay of co-occurring noise."""
    rng = np.random.default_rng(seed)
    order = np.arange(EVENTS)
    moment = order.astype(np.float64)
    shapes = {"image": (1, 32, 32), "audio": (1, 96, 96)}
    samples = {m: rng.integers(0, 256, (EVENTS, *shape), np.uint8) for m, shape in shapes.items()}
    buffer = Buffer(directory, ReplayConfig(capacity=EVENTS, samples_per_insert=0.0), seed)
    buffer.insert(EventBatch("noise", 0, order, moment, moment, order // 4, samples))
    buffer.close()


def timed(work: Callable[[], Any]) -> float:
    """Seconds that it takes, the device's included."""
    begun = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - begun


def measure(preset: str, options: argparse.Namespace) -> dict[str, Any]:
    """Figures of one preset."""
    with tempfile.TemporaryDirectory(prefix="reciprocal-", dir=options.out) as name:
        folder = Path(name)
        fill(folder / "replay", options.seed)
        settings = LearnerConfig(preset=preset, device=options.device, threads=options.threads, turn_steps=2)
        reader = Reader(folder / "replay", options.seed)
        smart = SmartTurns(settings, reader, options.seed)
        it = Learner([smart], reader, smart.hardware)
        torch.set_num_threads(it.hardware.threads)
        alone = [timed(it.step) for _ in range(BESIDE)][2:]
        stalls = []
        for _ in range(options.repeats):
            it.step()
            took = it.snapshot()
            assert took is not None
            stalls.append(1000 * took)
        step = it.steps

        def write() -> None:
            write_checkpoint(folder / "checkpoints", step, lambda stage: it.last_snapshot.save(stage, step), {})

        begun = time.perf_counter()
        writer = threading.Thread(target=write)
        writer.start()
        beside = []
        while writer.is_alive():
            beside.append(timed(it.step))
        writing = time.perf_counter() - begun
        checkpoint = next((folder / "checkpoints").glob("step-*"))
        size = sum(part.stat().st_size for part in checkpoint.iterdir())
        return {
            f"{preset}_stall_ms_max": round(max(stalls), 1),
            f"{preset}_stall_ms_median": round(statistics.median(stalls), 1),
            f"{preset}_step_ms": round(1000 * statistics.median(alone), 1),
            f"{preset}_step_ms_while_writing": round(1000 * statistics.median(beside), 1),
            f"{preset}_writing_s": round(writing, 2),
            f"{preset}_checkpoint_mb": round(size / 1e6, 1),
            "learner": it.hardware.summary.partition(": preset")[0],
        }


def main() -> None:
    """Measure and print; the last line is JSON on request."""
    parser = argparse.ArgumentParser(description="how long a checkpoint holds up the learner")
    parser.add_argument("--presets", default="small,paper", help="network sizes (default small,paper)")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--repeats", type=int, default=5, help="snapshots timed (default 5)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default=None, help="where to write; the temporary folder by default")
    parser.add_argument("--json", action="store_true", help="print one flat JSON object as the last line")
    options = parser.parse_args()
    figures: dict[str, Any] = {}
    for preset in options.presets.split(","):
        figures |= measure(preset, options)
    tell(figures, {**machine(), "seed": options.seed}, options.json)


if __name__ == "__main__":
    main()

"""How fast events flow into replay and batches out of it.

    python benchmarks/speed/flow.py              # a table for people
    python benchmarks/speed/flow.py --json       # the same; the last line is one flat JSON object
    python benchmarks/speed/flow.py --ack disk   # of one mode of acknowledgement; several are measured in turns

A producer in its own process pushes co-occurring audio+image events of 10 kB in batches of 64 through Ray, with
at most 4 batches unanswered (16 with `none`) and the limiter off. Batches of 128 are drawn by a `Reader` in another
process from the mapped columns, and, to compare, by plain actor calls. Each figure is the median of several windows.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import ray

from benchmarks.harness.measured import machine, tell
from benchmarks.harness.private_ray import private_ray
from replay.actor import ReplayActor
from replay.config import DISK, MEMORY, NONE, ReplayConfig
from replay.reader import Reader
from sensors.core.event import EventBatch
from teacher.actor import WINDOW, WINDOW_UNHEEDED

KIND = "audio+image"
EVENTS = 64
DRAWN = 128
MODES = (MEMORY, DISK, NONE)
DEADLINE = 120.0
"""Seconds after which an actor that does not answer ends the benchmark."""


class Producer:
    """Pushes events as a teacher does: a bounded number of unanswered batches, no wait in between."""

    def __init__(self, replay: Any, seed: int, window: int) -> None:
        rng = np.random.default_rng(seed)
        self._replay, self._window = replay, window
        self._seq = 0
        self._audio = rng.integers(0, 256, (8, EVENTS, 1, 96, 96), np.uint8)
        self._image = rng.integers(0, 256, (8, EVENTS, 1, 32, 32), np.uint8)

    def push(self, seconds: float) -> float:
        """Push for so long; accepted events a second."""
        waiting: list[Any] = []
        accepted = 0.0
        start = time.perf_counter()
        while time.perf_counter() - start < seconds:
            waiting.append(self._replay.insert.remote(self._batch()))
            if len(waiting) == self._window:
                ready, waiting = ray.wait(waiting, timeout=DEADLINE)
                accepted += sum(answer["accepted"] for answer in ray.get(ready, timeout=DEADLINE))
        accepted += sum(answer["accepted"] for answer in ray.get(waiting, timeout=DEADLINE))
        return float(accepted / (time.perf_counter() - start))

    def _batch(self) -> EventBatch:
        seq = np.arange(self._seq, self._seq + EVENTS)
        page = self._seq // EVENTS % len(self._audio)
        self._seq += EVENTS
        moment = seq.astype(np.float64)
        samples = {"audio": self._audio[page], "image": self._image[page]}
        return EventBatch("producer", 0, seq, moment, moment, seq // 8, samples)


class Consumer:
    """Draws batches as a learner does."""

    def __init__(self, replay: Any, directory: str, seed: int) -> None:
        self._replay = replay
        self._reader = Reader(directory, seed)
        self._out = {
            "audio": np.empty((DRAWN, 1, 96, 96), np.uint8),
            "image": np.empty((DRAWN, 1, 32, 32), np.uint8),
        }

    def mapped(self, seconds: float) -> float:
        """Batches a second from the mapped columns."""
        return _rate(seconds, lambda: self._reader.sample(KIND, DRAWN, out=self._out))

    def called(self, seconds: float) -> float:
        """Batches a second by plain actor calls."""
        return _rate(seconds, lambda: ray.get(self._replay.sample.remote(KIND, DRAWN), timeout=DEADLINE))


def measure(seconds: float, repeats: int, seed: int, modes: Sequence[str]) -> dict[str, float]:
    """All figures, each the median of `repeats` windows of `seconds`.

    Events accepted are measured for every mode, window by window in turns, so that what else the machine does weighs on
    all of them alike; what is drawn, for the first of them.
    """
    with private_ray() as folder:
        replays, producers = {}, {}
        for mode in modes:
            config = ReplayConfig(samples_per_insert=0.0, ack=mode)
            arguments = (str(folder / mode), config.to_dict(), seed)
            replays[mode] = _start(ReplayActor, *arguments, max_concurrency=config.callers)
            producers[mode] = _start(Producer, replays[mode], seed, WINDOW_UNHEEDED if mode == NONE else WINDOW)
        first = modes[0]
        producer, consumer = producers[first], _start(Consumer, replays[first], str(folder / first), seed)

        def median(*calls: Any) -> list[float]:
            rows = [ray.get([call.remote(seconds) for call in calls], timeout=DEADLINE) for _ in range(repeats)]
            return [statistics.median(column) for column in zip(*rows, strict=True)]

        for one in producers.values():
            # Until the table is full once: new files are slower to write to.
            pushed = 0.0
            while pushed < ReplayConfig().capacity:
                pushed += ray.get(one.push.remote(1.0), timeout=DEADLINE)
        rates: dict[str, list[float]] = {mode: [] for mode in modes}
        for _ in range(repeats):
            for mode in modes:
                rates[mode].append(ray.get(producers[mode].push.remote(seconds), timeout=DEADLINE))
        (mapped,) = median(consumer.mapped)
        (called,) = median(consumer.called)
        accepted_both, mapped_both = median(producer.push, consumer.mapped)
        for replay in replays.values():
            figures = ray.get(replay.stats.remote(), timeout=DEADLINE)[KIND]
            assert figures["inserted"] == figures["size"] + figures["evicted"]
            ray.get(replay.close.remote(), timeout=DEADLINE)
    return {
        "accepted_per_s": statistics.median(rates[first]),
        **{f"accepted_per_s_ack_{mode}": statistics.median(rates[mode]) for mode in modes},
        "sampled_batches_per_s": mapped,
        "plain_ray_per_s": called,
        "accepted_per_s_while_sampling": accepted_both,
        "sampled_batches_per_s_while_accepting": mapped_both,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a window (default 3)")
    parser.add_argument("--repeats", type=int, default=3, help="windows for each figure (default 3)")
    parser.add_argument("--seed", type=int, default=0, help="of the events and draws (default 0)")
    parser.add_argument("--ack", default=",".join(MODES), help="modes of acknowledgement (default: all)")
    arguments = parser.parse_args()
    modes = arguments.ack.split(",")
    if unknown := set(modes) - set(MODES):
        parser.error(f"--ack {','.join(unknown)}: choose from {','.join(MODES)}")
    about = {**machine(), "seed": arguments.seed}
    found = measure(arguments.seconds, arguments.repeats, arguments.seed, modes)
    tell({name: round(value, 1) for name, value in found.items()}, about, arguments.json)


def _rate(seconds: float, draw: Callable[[], object]) -> float:
    draws, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        draw()
        draws += 1
    return draws / (time.perf_counter() - start)


def _start(kind: type, *arguments: Any, **options: Any) -> Any:
    return ray.remote(kind).options(num_cpus=0, **options).remote(*arguments)


if __name__ == "__main__":
    main()

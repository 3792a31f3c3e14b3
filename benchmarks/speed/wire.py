"""How fast a robot's events reach its host, through real sockets on loopback.

    python benchmarks/speed/wire.py          # a table for people
    python benchmarks/speed/wire.py --json   # the same; the last line is one flat JSON object

A robot in its own process publishes co-occurring audio+image events of 10 kB in batches of 64, at most its window
unacknowledged; the host decodes and checks every batch, corrects its times and acknowledges it: without keys and with
them. `latency` is what a single event takes from `publish` to its acknowledgement's arrival when there is no other
traffic. `host_cpu_us` is what the host spends on an event, its sockets' threads included, which hardly depends on what
else the machine does. Each figure is the median of several windows.
"""

import argparse
import multiprocessing
import statistics
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.harness.measured import machine, tell
from sensors.core.event import EventBatch
from sensors.robots.ingest import RemoteIngest
from sensors.robots.keys import make_keys
from sensors.robots.publisher import Publisher
from sensors.robots.remote_config import IngestConfig, PublisherConfig

EVENTS = 64
NAME = "robot"
WARM_UP = 1.0
DEADLINE = 60.0
"""Seconds after which a robot that is not heard ends the benchmark."""


class Measured(NamedTuple):
    """What was seen: for each window events a second and the host's CPU time of an event (µs), and all waits (s)."""

    rates: list[float]
    costs: list[float]
    waits: list[float]


def make_batch(first: int, count: int, audio: Any, image: Any) -> EventBatch:
    """`count` events from number `first` on."""
    seq = np.arange(first, first + count)
    moment = np.full(count, time.monotonic())
    return EventBatch(NAME, 0, seq, moment, moment, seq // 8, {"audio": audio[:count], "image": image[:count]})


def robot(address: str, keys: str | None, gap: float, count: int, seed: int, pipe: Connection) -> None:
    """Publish batches of `count` events, `gap` seconds apart, until told to stop; then send the waits (seconds)."""
    rng = np.random.default_rng(seed)
    audio = rng.integers(0, 256, (8, count, 1, 96, 96), np.uint8)
    image = rng.integers(0, 256, (8, count, 1, 32, 32), np.uint8)
    waits: list[float] = []
    with Publisher(PublisherConfig(to=address, keys=keys, keep=64), NAME, 0) as publisher:
        first = 0
        while not pipe.poll():
            while publisher.room > 32:
                page = first // count % len(audio)
                publisher.publish(make_batch(first, count, audio[page], image[page]))
                first += count
                if gap:
                    start = time.monotonic()
                    publisher.flush(DEADLINE)
                    waits.append(time.monotonic() - start)
                    time.sleep(gap)
                    break
            publisher.run(0.05)
        pipe.send(waits)


def measure(seconds: float, repeats: int, seed: int, keys: Path | None, gap: float, count: int) -> Measured:
    """`repeats` windows of `seconds`, with batches of `count` events `gap` seconds apart."""
    host, own = (None, None) if keys is None else (str(keys / "host"), str(keys / NAME))
    ours, theirs = multiprocessing.Pipe()
    with RemoteIngest(IngestConfig(listen="tcp://127.0.0.1:0", keys=host)) as ingest:
        spawn = multiprocessing.get_context("spawn")
        process = spawn.Process(target=robot, args=(ingest.address, own, gap, count, seed, theirs), daemon=True)
        process.start()
        try:
            _take(ingest, DEADLINE, 1)
            _take(ingest, WARM_UP)
            rates, costs = [], []
            for _ in range(repeats):
                start, spent = time.perf_counter(), time.process_time()
                events = max(_take(ingest, seconds), 1)
                rates.append(events / (time.perf_counter() - start))
                costs.append((time.process_time() - spent) / events * 1e6)
            ours.send(True)
            while not ours.poll():
                _take(ingest, 0.05)
            waits: list[float] = ours.recv()
            process.join(DEADLINE)
            if refused := {k: v for k, v in ingest.counts.items() if k not in ("disconnected", "unanswered")}:
                raise SystemExit(f"the host refused what it should take: {refused}")
        finally:
            process.terminate()
    return Measured(rates, costs, waits)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a window (default 3)")
    parser.add_argument("--repeats", type=int, default=3, help="windows for each figure (default 3)")
    parser.add_argument("--seed", type=int, default=0, help="of the events (default 0)")
    arguments = parser.parse_args()
    about = {**machine(), "seed": arguments.seed}
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        make_keys(folder, NAME)
        for label, keys in (("", None), ("_with_keys", Path(folder))):
            flow = measure(arguments.seconds, arguments.repeats, arguments.seed, keys, 0.0, EVENTS)
            figures[f"events_per_s{label}"] = round(statistics.median(flow.rates), 1)
            figures[f"host_cpu_us{label}"] = round(statistics.median(flow.costs), 2)
            waits = measure(arguments.seconds, 1, arguments.seed, keys, 0.02, 1).waits
            figures[f"latency_ms_p50{label}"] = round(float(np.quantile(waits, 0.5)) * 1e3, 2)
            figures[f"latency_ms_p99{label}"] = round(float(np.quantile(waits, 0.99)) * 1e3, 2)
    tell(figures, about, arguments.json)


def _take(ingest: RemoteIngest, seconds: float, enough: float = float("inf")) -> int:
    """Take batches in and acknowledge them for `seconds`, or until there were `enough` events; how many there were."""
    events, end = 0, time.monotonic() + seconds
    while events < enough and (left := end - time.monotonic()) > 0:
        received = ingest.run(min(left, 0.1))
        ingest.acknowledge(received)
        events += sum(len(item.batch) for item in received)
    return events


if __name__ == "__main__":
    main()

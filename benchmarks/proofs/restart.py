"""How soon replay takes events again after SIGKILL, by how many it holds.

    python benchmarks/proofs/restart.py          # 100,000 audio+image events of 10 kB: 1 GB of disk
    python benchmarks/proofs/restart.py --events 20000
    python benchmarks/proofs/restart.py --json   # the last line is one flat JSON object

A process fills the table and is killed. Others open it, each in turn: `open_s` until the tables are there, `taken_s`
until a batch of 64 more is taken, `checked_s` until every slot has been read back beside it. Each figure is the median
of several openings, without the start of Python.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.harness.measured import machine, tell
from replay.buffer import Buffer
from replay.config import ReplayConfig
from sensors.core.event import EventBatch

BATCH = 1_000
DEADLINE = 300.0
"""Seconds after which a process that is not done ends the benchmark."""


def batch_of(first: int, count: int) -> EventBatch:
    """Random samples; numbers from `first` on."""
    rng = np.random.default_rng(first)
    seq = np.arange(first, first + count)
    shapes = {"audio": (count, 1, 96, 96), "image": (count, 1, 32, 32)}
    samples = {m: rng.integers(0, 256, shape, np.uint8) for m, shape in shapes.items()}
    return EventBatch("source", 0, seq, seq.astype(np.float64), seq.astype(np.float64), seq // 8, samples)


def fill(directory: Path, config: ReplayConfig) -> None:
    """Fill the table, say so, and wait for SIGKILL."""
    buffer = Buffer(directory, config)
    for first in range(0, config.capacity, BATCH):
        buffer.insert(batch_of(first, min(BATCH, config.capacity - first)))
    print("full", flush=True)
    signal.pause()


def reopen(directory: Path, config: ReplayConfig, first: int) -> None:
    """Open, take a batch, and print the times."""
    batch = batch_of(first, 64)
    began = time.perf_counter()
    buffer = Buffer(directory, config)
    opened = time.perf_counter() - began
    assert buffer.insert(batch).accepted == 64
    taken = time.perf_counter() - began
    assert buffer.checked(DEADLINE)
    checked = time.perf_counter() - began
    assert next(iter(buffer.stats().values()))["corrupt"] == 0
    print(json.dumps({"open_s": opened, "taken_s": taken, "checked_s": checked}), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def measure(events: int, repeats: int) -> dict[str, float]:
    """Median seconds of `repeats` openings of a table of so many events."""
    directory = Path(tempfile.mkdtemp(prefix="rcp", dir="/tmp"))
    try:
        filler = _spawn(directory, events, -1)
        assert filler.stdout is not None and filler.stdout.readline() == b"full\n"
        filler.kill()
        filler.communicate(timeout=DEADLINE)
        rows = []
        for number in range(repeats):
            opener = _spawn(directory, events, events + 64 * number)
            rows.append(json.loads(opener.communicate(timeout=DEADLINE)[0]))
            assert opener.returncode == -signal.SIGKILL
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return {name: statistics.median(row[name] for row in rows) for name in rows[0]}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--events", type=int, default=100_000, help="events in the table (default 100,000)")
    parser.add_argument("--repeats", type=int, default=5, help="openings (default 5)")
    parser.add_argument("--role", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.role:
        directory, first = Path(given.role[0]), int(given.role[1])
        config = ReplayConfig(samples_per_insert=0.0, capacity=given.events)
        if first < 0:
            fill(directory, config)
        else:
            reopen(directory, config, first)
        return
    about = {**machine(), "events": given.events}
    figures = {name: round(value, 3) for name, value in measure(given.events, given.repeats).items()}
    tell(figures, about, given.json)


def _spawn(directory: Path, events: int, first: int) -> "subprocess.Popen[bytes]":
    role = ["--role", str(directory), str(first), "--events", str(events)]
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "benchmarks.proofs.restart", *role]
    return subprocess.Popen(command, cwd=root, env=os.environ | {"PYTHONPATH": path}, stdout=subprocess.PIPE)


if __name__ == "__main__":
    main()

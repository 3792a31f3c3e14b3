"""Isolation: actors of a real run are killed and stopped, one after the other, while the others are watched.

    python benchmarks/proofs/isolation.py [--faults learner:kill,learner:stop,…] [--rate 40] [--seconds 15] [--json]

Two teachers of digits teach at a steady pace; each fault strikes the actor that it names, `kill` for good, `stop` for
ten seconds (SIGSTOP, then SIGCONT for what is still there then). What is told of each: seconds until it was noticed, at
most, and until the actor worked again, and by how much the rate of the teacher that nothing happened to differs from
before.
"""

import argparse
import os
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

from benchmarks.harness.job import Job, actors, figures
from benchmarks.harness.measured import machine, tell

WATCHED = "teacher-1"
"""The one whose rate is watched."""
FAULTS = ",".join(f"{name}:{how}" for name in ("learner", "monitor", "teacher-0", "replay") for how in ("kill", "stop"))
STOPPED = 10.0
START = 180.0


class Watched:
    """The main job at a steady pace, and what it writes down."""

    def __init__(self, path: Path, rate: float, seed: int) -> None:
        self.path = path
        settings = {
            "run.teachers": 2, "run.checkpoint_every": 5, "run.tick": 0.5, "run.dashboard": "false",
            "teacher.rate": rate, "teacher.batch_events": 8, "teacher.lesson_length": 4,
            "replay.samples_per_insert": 0, "replay.capacity": 4000, "learner.min_events": 64,
        }  # fmt: skip
        arguments = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
        arguments += ["--teach", "digits", "--style", "classroom", "--seed", str(seed), "--run-dir", str(path)]
        self.job = Job(*arguments)

    def wait(self, met: Callable[[Mapping[str, Any]], bool], seconds: float) -> None:
        """Until `met(last row)`.

        Raises:
            SystemExit: the job ended, or it took longer.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.job.process.poll() is not None:
                raise SystemExit(f"the main job ended with exit code {self.job.process.returncode}\n{self.job.text}")
            if (rows := figures(self.path)) and met(rows[-1]):
                return
            time.sleep(0.1)
        raise SystemExit("it took too long; is the machine too busy?")

    def rate(self, begin: float, end: float) -> float:
        """Events a second of the teacher that is watched, between two times of the run, by least squares.

        It is heard of once a second, a second's events at a time: two single figures would be off by as much.
        """
        key = f"accepted/{WATCHED}"
        found = [(row["time"], row[key]) for row in figures(self.path) if key in row and begin <= row["time"] <= end]
        return float(statistics.linear_regression(*zip(*found, strict=True)).slope)


def strike(run: Watched, name: str, how: str, seconds: float) -> dict[str, float]:
    """One fault; what came of it."""
    time.sleep(seconds)
    before = figures(run.path)[-1]
    process = actors(run.path)[name]
    os.kill(process.pid, signal.SIGKILL if how == "kill" else signal.SIGSTOP)
    if how == "stop":
        time.sleep(STOPPED)
        if process.is_running() and process.status() == psutil.STATUS_STOPPED:
            os.kill(process.pid, signal.SIGCONT)
    key = f"restarts/{name}"
    hangs = f"hangs/{name}"
    run.wait(lambda row: row.get(key, 0) > before.get(key, 0) or row.get(hangs, 0) > before.get(hangs, 0), 30.0)
    run.wait(lambda row: row[f"actor/{name}"] == "up", 60.0)
    restarted = figures(run.path)[-1].get(key, 0) - before.get(key, 0)
    # As long as the quiet before, so that a report more or less counts for little.
    time.sleep(seconds)
    after = figures(run.path)[-1]
    quiet, kept = run.rate(before["time"] - seconds + 1, before["time"]), run.rate(before["time"], after["time"])
    what = f"{name}_{how}"
    return {
        f"{what}_noticed_s": round(after[f"noticed_s/{name}"], 2),
        f"{what}_recovered_s": round(after[f"recovered_s/{name}"], 2) if restarted else 0.0,
        f"{what}_restarts": restarted,
        f"{what}_others_rate_change": round(kept / quiet - 1, 4),
    }


def falls(rows: list[dict[str, Any]]) -> int:
    """How often a total fell."""
    names = ("accepted/", "teacher/", "restarts/", "hangs/", "replay/inserted", "replay/sampled", "learner/steps_done")
    totals: dict[str, float] = {}
    fallen = 0
    for row in rows:
        for key, value in row.items():
            if key.startswith(names):
                fallen += value < totals.get(key, 0)
                totals[key] = value
    return fallen


def main() -> None:
    """Measure and print; the last line is JSON on request."""
    parser = argparse.ArgumentParser(description="what the fault of one actor is to the others")
    parser.add_argument("--faults", default=FAULTS, help=f"actor:kill or actor:stop, with commas ({FAULTS})")
    parser.add_argument("--rate", type=float, default=40.0, help="events a second of each teacher (default 40)")
    parser.add_argument("--seconds", type=float, default=15.0, help="of quiet before each fault (default 15)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one flat JSON object as the last line")
    options = parser.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="reciprocal-") as folder:
        run = Watched(Path(folder) / "run", options.rate, options.seed)
        with run.job as job:
            names = {fault.partition(":")[0] for fault in options.faults.split(",")} | {WATCHED}
            run.wait(lambda row: row["step"] > 0 and all(row.get(f"actor/{n}") == "up" for n in names), START)
            time.sleep(5.0)
            for fault in options.faults.split(","):
                name, _, how = fault.partition(":")
                found |= strike(run, name, how, options.seconds)
            job.stop()
            found["totals_that_fell"] = falls(figures(run.path))
    tell(found, {**machine(), "seed": options.seed}, options.json)


if __name__ == "__main__":
    main()

"""Learner and monitor asleep while events keep coming: does anything grow, and is every event accounted for?

    python benchmarks/proofs/pause.py --out DIR [--seconds 20] [--rate 300] [--samples-per-insert 0] [--json]

The main job is taught by two teachers at a steady pace, all together `--rate` events a second. When its tables are full
and both have worked, learner and monitor are stopped (SIGSTOP) for `--seconds` and go on then. The supervisor would
restart actors that hang as long, so `run.hang_deadline` is set beyond the pause for this run. The question is what a
pause does to the other actors, not how the run recovers.

With 0 samples an insert nobody holds the teachers back: replay takes everything, and its oldest events go. With more
it throttles them soon after the learner stands still, and what they hold is at its bound. Either way, in every line of
figures: offered = accepted + duplicate + dropped + held, and held is no more than the teachers' windows; and in the end
replay has counted each id in its journal once.
"""

import argparse
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from benchmarks.harness.job import Job, actors, figures, latest
from benchmarks.harness.measured import machine, tell
from benchmarks.proofs.soak import look
from replay.journal import Journal
from replay.storage import Storage
from teacher.actor import WINDOW

TEACHERS = 2
BATCH = 16
CAPACITY = 1_500
PAUSED = ("learner", "monitor")
LIMIT = 50.0
"""Megabytes of resident memory by which all processes together may grow."""
START = 300.0
STOP = 30.0
"""Seconds in which a process must have stopped that was told to."""
SETTLED = 2.0
"""Seconds of the pause after which all that was answered before it is in the figures."""
AFTER = 5.0
"""Seconds of work before the pause, and after it."""
BOUND = TEACHERS * WINDOW * BATCH
"""Events that teachers may hold."""


def until(what: str, job: Job, met: Callable[[], bool], seconds: float) -> None:
    """Wait for something.

    Raises:
        AssertionError: it did not come in so many seconds, or the run ended.
    """
    end = time.monotonic() + seconds
    while not met():
        assert job.process.poll() is None, f"the run ended before {what}:\n{job.text[-3000:]}"
        assert time.monotonic() < end, f"no {what} in {seconds:g} s"
        time.sleep(0.2)


def full(run: Path) -> bool:
    """Whether the learner has learned, the monitor has examined, and the table of pairs is full."""
    row = latest(run)
    steps, evicted = row.get("step", 0), row.get("replay/evicted", 0)
    return steps > 0 and evicted > 0 and all(row.get(f"actor/{name}") == "up" for name in PAUSED)


def pause(job: Job, run: Path, seconds: float) -> dict[str, float]:
    """Stop both for so long; by how much memory grew, at most, and what came in meanwhile."""
    sleepers = [actors(run)[name] for name in PAUSED]
    asleep: float | None = None
    base, before = look(job), figures(run)[-1]
    grown, stopped = [0.0], 0.0

    def both_stopped() -> bool:
        return all(process.status() == psutil.STATUS_STOPPED for process in sleepers)

    try:
        for process in sleepers:
            os.kill(process.pid, signal.SIGSTOP)
        until("process stopped", job, both_stopped, STOP)  # every thread of it must have heard
        seen, then = True, time.monotonic()
        end = then + seconds
        while time.monotonic() < end:
            time.sleep(1.0)
            still, now = both_stopped(), time.monotonic()
            stopped += now - then if seen and still else 0.0
            seen, then = still, now
            if asleep is None and stopped >= SETTLED:
                asleep = figures(run)[-1]["step"]
            sizes = look(job)
            grown.append(sum(sizes[pid][0] - base[pid][0] for pid in set(sizes) & set(base)))
        after = figures(run)[-1]  # while they still stand: the next line may tell of a step after it
    finally:
        for process in sleepers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGCONT)
    until("step after the pause", job, lambda: figures(run)[-1]["step"] > after["step"], 60.0)
    assert [actors(run)[name].pid for name in PAUSED] == [process.pid for process in sleepers], "one was replaced"
    offered = after["teacher/offered"] - before["teacher/offered"]
    return {
        "seconds_stopped": round(stopped, 1),
        "rss_growth_mb": round(max(grown), 1),
        "offered_per_s": round(offered / (after["time"] - before["time"]), 1),
        "throttled": after["replay/throttled"] - before["replay/throttled"],
        "steps_meanwhile": after["step"] - (before["step"] if asleep is None else asleep),
    }


def accounts(run: Path) -> dict[str, float]:
    """Every line of figures, and replay's files in the end: what is unaccounted for, and the most that was held."""
    rows = [row for row in figures(run) if "teacher/offered" in row]
    most, unaccounted = 0.0, 0.0
    for row in rows:
        held = sum(value for key, value in row.items() if key.startswith("held/"))
        dropped = sum(value for key, value in row.items() if key.startswith("teacher/dropped/"))
        answered = row["teacher/accepted"] + row["teacher/duplicate"]
        unaccounted = max(unaccounted, abs(row["teacher/offered"] - answered - dropped - held))
        most = max(most, held)
    tables = [path.parent for path in (run / "replay").glob("*/layout.json")]
    inserted = sum(int(Storage(table, writable=False).counters[0]["inserted"]) for table in tables)
    ids = sum(last - first + 1 for _, _, first, last in Journal(run / "replay").seen.intervals())
    return {"lines": len(rows), "unaccounted": unaccounted, "held_most": most, "counted_wrongly": abs(inserted - ids)}


def main() -> int:
    """Run, pause, count, and print; 1 when something grew or was not accounted for."""
    parser = argparse.ArgumentParser(description="what a pause of learner and monitor does to the others")
    parser.add_argument("--out", type=Path, required=True, help="directory for the run")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of the pause (default 20)")
    parser.add_argument("--rate", type=float, default=300.0, help="events a second, all together (default 300)")
    parser.add_argument("--samples-per-insert", type=float, default=0.0, help="0: nobody is held back (default)")
    parser.add_argument("--seed", type=int, default=0, help="of the run")
    parser.add_argument("--json", action="store_true", help="print one flat JSON object as the last line")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    run = options.out / "run"
    settings = {
        "run.teachers": TEACHERS, "run.hang_deadline": options.seconds + 30, "run.call_deadline": options.seconds + 60,
        "run.checkpoint_every": 3600, "run.tick": 0.5, "run.dashboard": "false",
        "teacher.rate": options.rate / TEACHERS, "teacher.batch_events": BATCH, "teacher.lesson_length": 4,
        "replay.capacity": CAPACITY, "replay.capacity_single": CAPACITY, "replay.min_size": 128,
        "replay.samples_per_insert": options.samples_per_insert, "replay.limiter_slack": 1024,
        "learner.min_events": 64, "monitor.judge_steps": 20,
    }  # fmt: skip
    arguments = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    arguments += ["--teach", "digits", "--style", "classroom", "--seed", str(options.seed), "--run-dir", str(run)]
    found: dict[str, Any] = {"seconds": options.seconds, "rate": options.rate}
    found["samples_per_insert"] = options.samples_per_insert
    with Job(*arguments) as job:
        until("full table", job, lambda: full(run), START)
        time.sleep(AFTER)
        found |= pause(job, run, options.seconds)
        time.sleep(AFTER)
        job.stop()
    found |= accounts(run) | {"held_bound": BOUND}
    tell(found, {**machine(), "seed": options.seed}, options.json)
    sound = found["unaccounted"] == found["counted_wrongly"] == 0 and found["held_most"] <= BOUND
    return int(not (sound and found["rss_growth_mb"] < LIMIT))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())

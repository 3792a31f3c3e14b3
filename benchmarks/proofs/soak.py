"""Does a run that goes on and on stay as large as it is? Memory, open files and shared memory, minute by minute.

    python benchmarks/proofs/soak.py --out DIR [--minutes 30] [--data DIR] [--json]

The main job runs undisturbed; every few seconds its processes are looked at. After the first third, in which tables
fill and judges train, a line is laid through each figure: `rss_mb_per_min` (all processes, mapped files included),
`anonymous_mb_per_min` (without them), `files_per_min` (open descriptors), `shared_mb_per_min` (what lies in /dev/shm,
of whomever). Only processes that were there all the time count: a worker that Ray starts or ends is no slope.
"""

import argparse
import shutil
import statistics
import sys
import time
from pathlib import Path

import psutil

from benchmarks.harness.job import Job, actors, latest
from benchmarks.harness.measured import machine, tell

EVERY = 5.0
"""Seconds between two looks."""
LIMIT = 1.0
"""Megabytes a minute by which anonymous memory may grow."""
Look = dict[int, tuple[float, float, int]]
"""Process -> resident and anonymous memory in MB, open files."""


def look(job: Job) -> Look:
    """All processes of the run, now."""
    found: Look = {}
    for process in job.family():
        try:
            memory = process.memory_info()
            # Resident memory that no file and no other process backs.
            anonymous = (memory.rss - memory.shared) / 1e6
            found[process.pid] = (memory.rss / 1e6, anonymous, process.num_fds())
        except (OSError, psutil.Error):
            continue
    return found


def slope(times: list[float], values: list[float]) -> float:
    """Growth a minute, by least squares."""
    return statistics.linear_regression(times, values).slope * 60


def _title(process: psutil.Process) -> str:
    """What a process is called: the last part of its program, or of the module that Python runs."""
    try:
        words = [word for word in process.cmdline() if word and not word.startswith("-")]
    except psutil.Error:
        return "gone"
    return next((Path(word).name for word in words if word.endswith(".py")), Path(words[0]).name if words else "")[:32]


def main() -> int:
    """Run, look, and print; 1 when anonymous memory grows faster than `LIMIT`."""
    parser = argparse.ArgumentParser(description="whether a long run stays as large as it is")
    parser.add_argument("--out", type=Path, required=True, help="directory for the run")
    parser.add_argument("--minutes", type=float, default=30.0, help="length of the run (default 30)")
    parser.add_argument("--seed", type=int, default=0, help="of the run")
    parser.add_argument("--data", help="directory with datasets (default: embedded ones)")
    parser.add_argument("--json", action="store_true", help="print one flat JSON object as the last line")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    run = options.out / "run"
    arguments = ["--teacher", "simulated", "--run-dir", str(run), "--seed", str(options.seed)]
    arguments += ["--data", options.data] if options.data else []
    times: list[float] = []
    looks: list[Look] = []
    shared: list[float] = []
    with Job(*arguments) as job:
        job.wait_for("first step after", 300)
        begun = time.monotonic()
        while (now := time.monotonic() - begun) < 60 * options.minutes:
            assert job.process.poll() is None, job.text[-3000:]
            if now >= 60 * options.minutes / 3:
                times.append(now)
                looks.append(look(job))
                shared.append(shutil.disk_usage("/dev/shm").used / 1e6)
            time.sleep(EVERY)
        names = {process.pid: _title(process) for process in job.family()}
        names |= {process.pid: name for name, process in actors(run).items()}
        job.stop()
    always = set(looks[0]).intersection(*looks)
    sums = [[sum(one[pid][k] for pid in always) for one in looks] for k in range(3)]
    found = {
        "minutes": options.minutes,
        "rss_mb": round(sums[0][-1]),
        "rss_mb_per_min": round(slope(times, sums[0]), 2),
        "anonymous_mb": round(sums[1][-1]),
        "anonymous_mb_per_min": round(slope(times, sums[1]), 2),
        "files_per_min": round(slope(times, sums[2]), 3),
        "shared_mb_per_min": round(slope(times, shared), 3),
        "processes": len(always),
        "steps": latest(run)["step"],
    }
    for pid in sorted(always, key=lambda pid: names.get(pid, "~")):
        grown = slope(times, [one[pid][1] for one in looks])
        print(f"{names.get(pid, 'gone'):>32} {looks[-1][pid][1]:8.0f} MB anonymous, {grown:+.2f} MB a minute")
    tell(found, {**machine(), "seed": options.seed}, options.json)
    return int(float(found["anonymous_mb_per_min"]) > LIMIT)


if __name__ == "__main__":
    sys.exit(main())

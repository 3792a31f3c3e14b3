"""What `--rerun` costs the loop: steps and events a second with and without it, and the processor time that it takes.

    python benchmarks/speed/rerun_cost.py          # a table for people
    python benchmarks/speed/rerun_cost.py --json   # the same; the last line is one flat JSON object

A whole run of `launch.py`, as a person starts it. Intervals without and with the process that `--rerun FILE` starts
are neighbours. Rates come from the run's own figures. The cost is the median over the neighbours, with its standard
error: where others use the machine, rates of two intervals differ by more than 1 % by themselves.
"""

import argparse
import math
import statistics
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.harness.job import Job
from benchmarks.harness.measured import machine, tell
from benchmarks.speed.viewers import START_WITHIN, Rates, median, wait_for_steps
from runtime.viewers.viewer_process import ViewerProcess

COST = 0.01
"""Share of the learner's rate that rerun may take."""
SETTLE = 3.0
"""Seconds from the start of the process to the beginning of an interval: its libraries are loaded by then."""


def measure(address: str, run: Path, seconds: float, repeats: int) -> dict[str, float]:
    """Figures of a run that learns."""
    rates = Rates(run)
    alone: list[dict[str, float]] = []
    shown: list[dict[str, float]] = []
    shares, sizes = [], []
    for number in range(repeats):
        # Rates drift while a run goes on: in turn one comes first, and the other.
        for with_it in (False, True) if number % 2 == 0 else (True, False):
            if not with_it:
                alone.append(rates.over(seconds))
                continue
            file = run.parent / f"{number}.rrd"
            viewer = ViewerProcess(str(file), run.name)
            viewer.open(address)
            time.sleep(SETTLE)
            process = psutil.Process(viewer.pid)
            before = process.cpu_times()
            shown.append(rates.over(seconds))
            after = process.cpu_times()
            shares.append((after.user + after.system - before.user - before.system) / seconds)
            viewer.close()
            sizes.append(file.stat().st_size / seconds)
    found: dict[str, float] = {}
    for name in ("learner", "sources"):
        found |= {f"{name}_per_s_alone": median(alone, name), f"{name}_per_s_shown": median(shown, name)}
        costs = [1 - with_it[name] / without[name] for without, with_it in zip(alone, shown, strict=True)]
        found[f"{name}_cost"] = statistics.median(costs)
        # The standard error of a median is about 1.25 times that of a mean.
        found[f"{name}_cost_error"] = 1.25 * statistics.pstdev(costs) / math.sqrt(max(1, len(costs) - 1))
    cpu = [1 - two["learner_cpu"] / one["learner_cpu"] for one, two in zip(alone, shown, strict=True)]
    found["learner_cpu_cost"] = statistics.median(cpu)
    return found | {"rerun_cores": statistics.median(shares), "file_kib_per_s": statistics.median(sizes) / 1024}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of an interval (default 20)")
    parser.add_argument("--repeats", type=int, default=5, help="intervals without and with rerun (default 5)")
    parser.add_argument("--steps", type=int, default=100, help="learner steps before it begins (default 100)")
    parser.add_argument("--seed", type=int, default=0, help="of the run (default 0)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        options = ["--run-dir", str(run), "--seed", str(arguments.seed), "--set", "run.dashboard=false"]
        with Job("--teacher", "simulated", "--teach", "digits", *options) as job:
            address = job.wait_for(r"page (http://\S+/)", START_WITHIN)[1]
            wait_for_steps(address, arguments.steps)
            found = measure(address, run, arguments.seconds, arguments.repeats)
            job.stop()
    verdict = "within" if found["learner_cost"] <= COST else "beyond"
    error = found["learner_cost_error"]
    print(f"cost of rerun for the learner's rate: {found['learner_cost']:.2%} ± {error:.2%}, {verdict} {COST:.0%}")
    tell(
        {name: round(value, 4) for name, value in found.items()}, {**machine(), "seed": arguments.seed}, arguments.json
    )


if __name__ == "__main__":
    main()

"""What `--rerun` costs the loop: steps and events a second with and without it, and the processor time that it takes.

    python benchmarks/speed/rerun_cost.py          # a table for people
    python benchmarks/speed/rerun_cost.py --json   # the same; the last line is one flat JSON object

A whole run of `launch.py`, as a person starts it. Intervals without and with the process that `--rerun FILE` starts
alternate. Rates come from the run's own figures. Where others use the machine, rates of two intervals differ by more
than 1 % by themselves: their spread without rerun is told beside the cost.
"""

import argparse
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
        alone.append(rates.over(seconds))
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
        without, with_it = median(alone, name), median(shown, name)
        found |= {f"{name}_per_s_alone": without, f"{name}_per_s_shown": with_it}
        found[f"{name}_cost"] = 1 - with_it / without if without else 0.0
        found[f"{name}_spread_alone"] = statistics.pstdev(one[name] for one in alone) / without if without else 0.0
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
    print(f"cost of rerun for the learner's rate: {found['learner_cost']:.2%}, {verdict} {COST:.0%}")
    tell(
        {name: round(value, 4) for name, value in found.items()}, {**machine(), "seed": arguments.seed}, arguments.json
    )


if __name__ == "__main__":
    main()

"""The main job from outside, as a person runs it: how soon it learns, how well, and how much memory it takes.

    python benchmarks/studies/main_job.py --minutes 5               # embedded digits and voices
    python benchmarks/studies/main_job.py --minutes 10 --data DIR   # MNIST and recorded speech found there
    python benchmarks/studies/main_job.py --minutes 5 --json        # the last line is one flat JSON object

Options that are not named here go to `launch.py` as they are. Memory is the proportional set size (Linux): pages that
processes share count once, Ray's own processes are included.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.harness.measured import machine, tell

ROOT = Path(__file__).parents[2]
SAMPLE_EVERY = 2.0
"""Seconds between two looks at memory."""


class Memory(threading.Thread):
    """Follows the memory of a process and all its descendants.

    Attributes:
        peak: largest sum of proportional set sizes so far, bytes.
    """

    def __init__(self, process: int) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._root = psutil.Process(process)

    def run(self) -> None:
        """Look until the process has gone."""
        while self._root.is_running() and self._root.status() != psutil.STATUS_ZOMBIE:
            self.peak = max(self.peak, self._now())
            time.sleep(SAMPLE_EVERY)

    def _now(self) -> int:
        total = 0
        try:
            family = [self._root, *self._root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return 0
        for process in family:
            try:
                total += process.memory_full_info().pss
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return total


def measure(arguments: list[str], run: Path) -> dict[str, Any]:
    """Run the main job in `run` and gather its figures.

    Raises:
        SystemExit: it failed.
    """
    command = [sys.executable, str(ROOT / "launch.py"), *arguments, "--run-dir", str(run)]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    if "--data" not in arguments:
        environment.pop("RECIPROCAL_DATA", None)
    began = time.monotonic()
    first_step = float("nan")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as job:
        memory = Memory(job.pid)
        memory.start()
        assert job.stdout is not None
        for line in job.stdout:
            print(line, end="", flush=True)
            if line.startswith("first step after"):
                first_step = time.monotonic() - began
    if job.returncode:
        raise SystemExit(f"the main job failed with exit code {job.returncode}")
    figures: dict[str, Any] = {}
    for text in (run / "metrics.jsonl").read_text().splitlines():
        figures |= json.loads(text)
    config = json.loads((run / "config.json").read_text())
    graded = {k.partition("/")[2]: v for k, v in figures.items() if k.startswith("exam/")}
    return {
        "first_step_s": round(first_step, 1),
        **graded,
        **{k.replace("/", "_"): v for k, v in figures.items() if k.startswith("judge/")},
        "steps": figures["step"],
        "peak_pss_mib": round(memory.peak / 2**20),
        "seed": config["config"]["run"]["seed"],
        "data": "; ".join(line.split(";")[0] for line in config.get("teacher-0", [])),
        "learner": config.get("learner", [""])[0],
    }


def main() -> None:
    """Measure and print; the last line is JSON on request."""
    parser = argparse.ArgumentParser(description="the main job from outside; other options go to launch.py")
    parser.add_argument("--minutes", default="5", help="minutes of learning (default 5)")
    parser.add_argument("--json", action="store_true", help="print one flat JSON object as the last line")
    options, others = parser.parse_known_args()
    with tempfile.TemporaryDirectory(prefix="reciprocal-") as folder:
        figures = measure(["--teacher", "simulated", "--minutes", options.minutes, *others], Path(folder) / "run")
    tell(figures, machine(), options.json)


if __name__ == "__main__":
    main()

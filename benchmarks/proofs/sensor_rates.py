"""Does anything that stalls behind the sensors reach them? Their rates while learner, monitor or agent stand still.

    python benchmarks/proofs/sensor_rates.py --data DIR [--seconds 20] [--json]

`launch.py --sensors live` hears a real sound server and sees a real network camera, before which a script plays. One
process after the other is stopped (SIGSTOP) for less time than a hang is borne; chunks of sound and pictures read a
second, then and when it has come back, are held against the time before. Also told is how long events took to replay
while nothing was stopped.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.harness.job import Job, actors, figures, latest
from benchmarks.harness.measured import machine, tell
from benchmarks.harness.stage import Stage, parse_options, write_script

VICTIMS = ("learner", "monitor", "agent")
STOPPED = 8.0
"""Seconds for which each is stopped: less than `run.hang_deadline`, so that none is replaced."""
SENSORS = ("microphone", "camera")
PAIRS = "sensors/events/audio+image"
"""Figure that counts what is heard and seen together."""
START = 180.0


def rates(run: Path, begin: float, end: float) -> dict[str, float]:
    """Samples read a second by each sensor, between two times of the run.

    Raises:
        AssertionError: no two lines of figures lie there.
    """
    lines = [line for line in figures(run) if begin <= line["time"] <= end and "sensor_read/camera" in line]
    assert len(lines) > 1, f"no figures between {begin:.0f} and {end:.0f} s"
    # What is read is told once a chunk: a line through all that was told, not a difference of two.
    times = [line["time"] for line in lines]
    return {
        name: statistics.linear_regression(times, [line[f"sensor_read/{name}"] for line in lines]).slope
        for name in SENSORS
    }


def measure(data: Path, folder: Path, seconds: float, seed: int) -> dict[str, Any]:
    """One run, and all stalls in it."""
    home, run = folder / "stage", folder / "run"
    home.mkdir()
    lines = write_script(data, 60 + (2 * seconds + STOPPED) * (1 + len(VICTIMS)), seed)
    found: dict[str, Any] = {}
    with Stage(home, lines, seed) as stage:
        arguments = ["--sensors", "live", "--camera", stage.camera, "--run-dir", str(run), "--seed", str(seed)]
        # Counts are told once a chunk: short ones tell rates more closely.
        often = ("--set", "run.tick=0.25", "--set", "run.chunk=0.1")
        with Job(*arguments, *often, environment=stage.environment) as job:
            for opened in ("SMART over", "microphone live", "camera live"):
                job.wait_for(opened, START)
            stage.begin()
            job.wait_for("first step after", START)
            time.sleep(seconds)
            quiet = latest(run)
            found["to_replay_p50_ms"] = round(1000 * quiet["sensors/latency_p50"])
            found["to_replay_p99_ms"] = round(1000 * quiet["sensors/latency_p99"])
            found["pairs"] = quiet[PAIRS]
            for victim in VICTIMS:
                begun = latest(run)["time"]
                time.sleep(seconds)
                struck = latest(run)["time"]
                process = actors(run)[victim]
                process.suspend()
                time.sleep(STOPPED)
                process.resume()
                time.sleep(max(seconds - STOPPED, 2.0))
                before, after = rates(run, begun, struck), rates(run, struck, latest(run)["time"])
                for name in SENSORS:
                    found[f"{name}_per_s"] = round(before[name], 2)
                    found[f"{name}_while_{victim}_stops"] = round(after[name] / before[name] - 1, 4)
            job.stop()
    return found


def main() -> None:
    """Measure and print; the last line is JSON on request."""
    parser = argparse.ArgumentParser(description="sensors' rates while others stand still")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each rate (default 20)")
    options = parse_options(parser)
    with tempfile.TemporaryDirectory(prefix="reciprocal-") as folder:
        found = measure(Path(options.data), Path(folder), options.seconds, options.seed)
    tell(found, {**machine(), "seed": options.seed}, options.json)


if __name__ == "__main__":
    main()

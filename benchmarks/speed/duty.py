"""Duty: the learner's steps/s inside the running system, against the same model's bare loop over preloaded tensors.

    python benchmarks/speed/duty.py [--seconds 90] [--preset small] [--data DIR] [--json]

Bare loop before, system, bare loop after: what the machine does meanwhile slows both. Both take the same turns with
the same settings on batches of co-occurring events; the system also runs teacher, replay, exams, figures and
checkpoints. The judges are trained before, so that the system is measured as it runs from the second start on.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from agent.config import LearnerConfig, MonitorConfig
from agent.exams.judge_cache import judges_folder
from agent.exams.judges import Training
from agent.hardware import choose_hardware
from agent.smart.update import Smart
from benchmarks.harness.measured import machine, tell
from teacher.config import DataConfig
from teacher.datasets import load_images, load_speech

ROOT = Path(__file__).parents[2]
SETTLE = 20.0
"""Seconds after the first step that do not count: actors are still starting up."""


def train_judges(data: DataConfig) -> None:
    """Have both judges in the cache."""
    settings = MonitorConfig()
    for modality, samples, steps in (
        ("image", load_images(data), settings.judge_steps),
        ("audio", load_speech(data), settings.judge_steps),
    ):
        training = Training(modality, samples, steps, settings.judge_seed, judges_folder())
        while not training.finished:
            training.step()


def bare_steps_per_s(seconds: float, settings: LearnerConfig, seed: int) -> float:
    """Steps a second of `Smart` alone, over tensors in memory, for so long."""
    hardware = choose_hardware(settings)
    settings = settings.replace(preset=hardware.preset)
    torch.set_num_threads(hardware.threads)
    names = ("audio", "image")
    smart = Smart(names, settings, settings, settings, hardware.device, hardware.precision, seed)
    generator = torch.Generator().manual_seed(seed)
    lesson = torch.arange(settings.batch, device=hardware.device)
    shapes = {"audio": (settings.batch, 1, 96, 96), "image": (settings.batch, 1, 32, 32)}
    batches = [
        {m: torch.rand(shape, generator=generator).to(hardware.device) for m, shape in shapes.items()} for _ in range(8)
    ]
    for k in range(4):
        smart.step(names[k % 2], batches[k], lesson)
    begun, steps = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        if steps % settings.turn_steps == 0:
            smart.begin_turn()
        losses = smart.step(names[steps // settings.turn_steps % 2], batches[steps % 8], lesson)
        steps += 1
    float(sum(losses.values()))  # waits for a GPU
    return steps / (time.perf_counter() - begun)


def system_steps_per_s(seconds: float, options: list[str], run: Path) -> float:
    """Steps a second between `SETTLE` seconds after the first step and the end of a run of the main job.

    Raises:
        SystemExit: the main job failed.
    """
    minutes = (SETTLE + seconds) / 60
    command = [sys.executable, str(ROOT / "launch.py"), "--teacher", "simulated", "--style", "classroom"]
    command += ["--teach", "digits"]
    command += ["--minutes", f"{minutes:.3f}", "--run-dir", str(run), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the main job failed with exit code {done.returncode}:\n{done.stdout[-2000:]}")
    lines = [json.loads(text) for text in (run / "metrics.jsonl").read_text().splitlines()]
    learning = [(line["time"], line["step"]) for line in lines if line["step"] > 0]
    start = learning[0][0] + SETTLE
    last = max(step for _, step in learning)
    window = [(t, step) for t, step in learning if t >= start and step < last]
    (t0, s0), (t1, s1) = window[0], window[-1]
    return float((s1 - s0) / (t1 - t0))


def main() -> None:
    """Measure and print; the last line is JSON on request."""
    parser = argparse.ArgumentParser(description="the learner's duty inside the running system")
    parser.add_argument("--seconds", type=float, default=90.0, help="length of the system's window (default 90)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", default=None, help="folder of datasets (default: the embedded ones)")
    parser.add_argument("--json", action="store_true", help="print one flat JSON object as the last line")
    parser.add_argument("--preset", default="auto", help="network sizes, of both (default auto)")
    options = parser.parse_args()
    settings = LearnerConfig(preset=options.preset)
    same = ["--seed", str(options.seed), "--preset", options.preset]
    if options.data is None:
        os.environ.pop("RECIPROCAL_DATA", None)
    else:
        same += ["--data", options.data]
    train_judges(DataConfig(data=options.data))
    before = bare_steps_per_s(options.seconds / 2, settings, options.seed)
    with tempfile.TemporaryDirectory(prefix="reciprocal-") as folder:
        system = system_steps_per_s(options.seconds, same, Path(folder) / "run")
    after = bare_steps_per_s(options.seconds / 2, settings, options.seed)
    bare = (before + after) / 2
    figures: dict[str, Any] = {
        "duty": round(system / bare, 4),
        "system_steps_per_s": round(system, 3),
        "bare_steps_per_s": round(bare, 3),
        "bare_before": round(before, 3),
        "bare_after": round(after, 3),
        "learner": choose_hardware(settings).summary,
    }
    tell(figures, {**machine(), "seed": options.seed}, options.json)


if __name__ == "__main__":
    main()

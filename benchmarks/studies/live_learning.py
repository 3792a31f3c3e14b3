"""Does it learn from live sensors? Half an hour of real microphone and camera, graded afterwards.

    python benchmarks/studies/live_learning.py --data DIR --out DIR [--minutes 30] [--seed 0] [--json]

`launch.py --sensors live` hears a real sound server and sees a real network camera, before which a script says FSDD's
training recordings and shows MNIST's training digits on cards. Nothing in the run knows a label. When it is over,
judges grade its last checkpoint on MNIST's and FSDD's test data, and the pairs that it made are held against the
script. Beside it stands the simulated teacher's learner after as many events of each kind and as many steps.

The simulated part of an interrupted benchmark goes on with the same `--out`; a live part that was cut short begins
again.
"""

import argparse
import os
import shutil
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from agent.algorithms.smart import SmartTurns
from agent.checkpoints.checkpoint import newest_checkpoint
from agent.config import LearnerConfig, MonitorConfig
from agent.exams.exam import examine
from agent.learner import Learner
from agent.networks.published import Networks
from agent.smart.networks import SmartNetworks
from benchmarks.harness.grades import load_examiners
from benchmarks.harness.job import Job, latest
from benchmarks.harness.measured import machine, tell
from benchmarks.harness.stage import Stage, parse_options, write_script
from benchmarks.harness.truth import judge
from replay.config import ReplayConfig
from replay.files import read_json, write_json
from replay.reader import Reader
from runtime.trial import Trial
from sensors.core.errors import UserError
from teacher.config import CONCEPTS, DataConfig, TeacherConfig
from teacher.datasets import ExamSet, Samples, load_images, load_speech
from teacher.subjects.digits import taught_digits

START = 180.0
"""Seconds that the run may take to open its sensors, and to end."""
SAVE_EVERY = 1_000


def perceive(data: Path, out: Path, minutes: float, seed: int) -> dict[str, Any]:
    """The live run; its directory is `out/run`.

    Returns:
        `steps`, `events` by kind; of the script `right` and `pairs`, `found` and `due`; drops, stalls and latencies.

    Raises:
        SystemExit: the run failed.
    """
    home, run = out / "stage", out / "run"
    for old in (home, run):
        shutil.rmtree(old, ignore_errors=True)
    home.mkdir(parents=True)
    lines = write_script(data, 60 * minutes, seed)
    with Stage(home, lines, seed) as stage:
        arguments = ["--sensors", "live", "--camera", stage.camera, "--run-dir", str(run), "--seed", str(seed)]
        with Job(*arguments, "--minutes", str(minutes), environment=stage.environment) as job:
            for opened in ("SMART over", "microphone live", "camera live"):
                job.wait_for(opened, START)
            stage.begin()
            code = job.process.wait(60 * minutes + START)
        print(job.text, flush=True)
        if code:
            raise SystemExit(f"the live run failed with exit code {code}")
        assert stage.began is not None
        ended = stage.at
        verdict = judge(run / "replay", lines, stage.began, [(ended - 3.0, float("inf"))])
    last = latest(run)
    return {
        "steps": last["step"],
        "events": {k.removeprefix("events/"): int(v) for k, v in last.items() if k.startswith("events/")},
        "right": verdict.right,
        "pairs": verdict.pairs,
        "found": verdict.found,
        "due": verdict.due,
        "dropped": sum(v for k, v in last.items() if k.startswith("dropped/")),
        "stalls": sum(v for k, v in last.items() if k.startswith("sensor_stalls/")),
        "to_replay_p50_ms": round(1000 * last.get("sensors/latency_p50", float("nan"))),
        "to_replay_p99_ms": round(1000 * last.get("sensors/latency_p99", float("nan"))),
    }


def learned(run: Path) -> Networks:
    """The networks of a run's newest checkpoint, averaged weights, on the CPU."""
    checkpoint = newest_checkpoint(run / "checkpoints")
    assert checkpoint is not None
    settings = LearnerConfig.from_dict(read_json(run / "config.json")["config"]["learner"]).replace(device="cpu")
    reader = Reader(run / "replay")
    try:
        smart = SmartTurns(settings, reader, 0)
        Learner([smart], reader, smart.hardware).restore(checkpoint)
    finally:
        reader.close()
    return SmartNetworks(smart.steps, {m: side.cpu() for m, side in smart.smart.averages.items()})


def simulate(images: Samples, speech: Samples, live: Mapping[str, Any], out: Path, seed: int) -> Networks:
    """The simulated teacher's learner after as many events and steps, alone in this process."""
    events = Counter(live["events"])
    total = events.total()
    teacher = TeacherConfig(
        style="classroom", lesson_length=1, single_share=round(1 - events["audio+image"] / total, 4), batch_events=16
    )
    learner = LearnerConfig(device="cpu", min_events=16)
    replay = ReplayConfig(samples_per_insert=0.0, min_size=16)
    steps = int(live["steps"])
    with Trial(taught_digits(images, speech), teacher, replay, learner, seed, out / "simulated", steps, total) as trial:
        trial.restore(out / "simulated-checkpoint")
        while trial.done < steps:
            trial.run(min(steps, trial.done + SAVE_EVERY))
            trial.save(out / "simulated-checkpoint")
            print(f"simulated: step {trial.done:,} of {steps:,} over {trial.events_by_kind}", flush=True)
        return trial.networks()


def main() -> None:
    """Perceive, grade, simulate, grade; the last line is JSON on request."""
    parser = argparse.ArgumentParser(description="learning from live sensors, beside the simulated teacher")
    parser.add_argument("--out", required=True, help="directory of the run and of what was measured")
    parser.add_argument("--minutes", type=float, default=30.0, help="length of the script (default 30)")
    options = parse_options(parser)
    out = Path(options.out)
    source = DataConfig(data=options.data, images="mnist", speech="fsdd")
    try:
        images, speech = load_images(source), load_speech(source)
    except UserError as error:
        parser.error(str(error))
    done = out / "live.json"
    if not done.exists():
        live = perceive(Path(options.data), out, options.minutes, options.seed)
        write_json(done, live)
    live = read_json(done)
    torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))
    judges = {m: made["first"] for m, made in _examiners(images, speech).items()}
    tests = ExamSet.of({"image": images, "audio": speech}, CONCEPTS)
    began = time.monotonic()
    figures: dict[str, Any] = {**{k: v for k, v in live.items() if k != "events"}}
    figures |= {f"events_{kind.replace('+', '_')}": n for kind, n in live["events"].items()}
    figures |= {f"live_{k}": round(v, 4) for k, v in examine(learned(out / "run"), judges, tests).accuracy.items()}
    print({k: v for k, v in figures.items() if k.startswith("live_")}, flush=True)
    simulated = examine(simulate(images, speech, live, out, options.seed), judges, tests).accuracy
    figures |= {f"simulated_{k}": round(v, 4) for k, v in simulated.items()}
    figures |= {f"judge_{m}": round(j.accuracy, 4) for m, j in judges.items()}
    figures |= {"minutes": options.minutes, "seed": options.seed, "graded_s": round(time.monotonic() - began)}
    tell(figures, machine(), options.json)


def _examiners(images: Samples, speech: Samples) -> dict[str, Any]:
    return load_examiners({"image": images, "audio": speech}, MonitorConfig(), "small", ("first",))


if __name__ == "__main__":
    main()

"""How fast the agent answers while it learns: what does this sound look like, what does this picture sound like.

    python benchmarks/speed/answer.py          # a table for people
    python benchmarks/speed/answer.py --json   # the same; the last line is one flat JSON object

A learner in a process of its own learns without a pause from random events in a mapped replay; the agent's actor
pulls its weights every few seconds, as in a run. One question of one sample is asked at a time, over Ray, pictures and
sounds in turn. `call` is what the asker waits for, `answer` what the agent works on it. What the agent costs the
learner is its speed with the agent asked and without, in intervals that alternate.
"""

import argparse
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import ray

from agent.actor import LearnerActor
from agent.answers.actor import AnswerActor
from agent.config import AnswerConfig, LearnerConfig
from benchmarks.harness.measured import machine, tell
from benchmarks.harness.private_ray import private_ray
from replay.buffer import Buffer
from replay.config import ReplayConfig
from sensors.core.event import EventBatch
from sensors.core.modalities import modality

EVENTS = 1024
DEADLINE = 120.0
"""Seconds after which an actor that does not answer ends the benchmark."""
LIMIT = 100.0
"""Milliseconds within which 99 of 100 answers should come."""


def fill(directory: Path, seed: int) -> None:
    """Random co-occurring events."""
    rng = np.random.default_rng(seed)
    free = ReplayConfig(samples_per_insert=0.0, capacity=EVENTS, min_size=1)
    with closing(Buffer(directory, free)) as buffer:
        seq = np.arange(EVENTS)
        samples = {
            m.name: rng.integers(0, 256, (EVENTS, *m.shape), np.uint8) for m in map(modality, ("audio", "image"))
        }
        moment = seq.astype(np.float64)
        buffer.insert(EventBatch("random", 0, seq, moment, moment, seq, samples))


class Interval:
    """Lets the learner work, and asks the agent meanwhile or does not.

    Args:
        learner: its actor.
        agent: the actor that answers.
        seed: of the samples that are asked about.
    """

    def __init__(self, learner: Any, agent: Any, seed: int) -> None:
        self._learner, self._agent = learner, agent
        self._rng = np.random.default_rng(seed)
        self.calls: list[float] = []

    def run(self, seconds: float, rate: float) -> float:
        """Learner steps a second over so long, with so many questions a second; 0: the agent has nothing to do."""
        steps, spent, chunk = 0, 0.0, 1.0
        end = time.monotonic() + seconds
        work = self._learner.run.remote(chunk)
        upkeep = self._agent.run.remote(chunk) if rate else None
        while time.monotonic() < end:
            if rate:
                self._ask()
                time.sleep(1 / rate)
            else:
                ray.wait([work], timeout=chunk)
            if upkeep is not None and ray.wait([upkeep], timeout=0)[0]:
                upkeep = self._agent.run.remote(chunk)
            if ray.wait([work], timeout=0)[0]:
                report = ray.get(work, timeout=DEADLINE)
                steps, spent = steps + round(report["steps_per_s"] * chunk), spent + chunk
                work = self._learner.run.remote(chunk)
        ray.get([call for call in (work, upkeep) if call is not None], timeout=DEADLINE)
        return steps / max(spent, 1e-9)

    def _ask(self) -> None:
        asked = modality(("audio", "image")[len(self.calls) % 2])
        sample = self._rng.integers(0, 256, asked.shape, np.uint8)
        began = time.perf_counter()
        ray.get(self._agent.evoke.remote(asked.name, sample), timeout=DEADLINE)
        self.calls.append(time.perf_counter() - began)


def measure(preset: str, seconds: float, repeats: int, rate: float, seed: int) -> dict[str, float]:
    """Figures of one preset.

    Returns:
        `call_ms_p50`, `call_ms_p99`, `answer_ms_p99`, `questions`, and steps a second: `steps_per_s_asked`,
        `steps_per_s_alone`.
    """
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "samples").mkdir()
        fill(Path(folder) / "replay", seed)
        config = LearnerConfig(preset=preset, device="cpu")
        made: Any = ray.remote(LearnerActor).options(name="learner", num_cpus=1)
        learner = made.remote(folder, config.to_dict(), seed)
        made = ray.remote(AnswerActor).options(num_cpus=0, max_concurrency=8)
        agent = made.remote(folder, AnswerConfig(serve=True).to_dict())
        try:
            end = time.monotonic() + DEADLINE
            while ray.get(agent.figures.remote(), timeout=DEADLINE).get("answer/step", -1) < 0:
                if time.monotonic() > end:
                    raise SystemExit("the learner published no weights")
                ray.get([learner.run.remote(1.0), agent.run.remote(1.5)], timeout=DEADLINE)
            interval = Interval(learner, agent, seed)
            interval.run(3.0, rate)
            interval.calls.clear()
            asked, alone = [], []
            for _ in range(repeats):
                asked.append(interval.run(seconds, rate))
                alone.append(interval.run(seconds, 0.0))
            own = ray.get(agent.figures.remote(), timeout=DEADLINE)
        finally:
            for actor in (agent, learner):
                ray.kill(actor)
    p50, p99 = np.quantile(interval.calls, (0.5, 0.99)) * 1e3
    return {
        "call_ms_p50": float(p50),
        "call_ms_p99": float(p99),
        "answer_ms_p99": own["answer/ms_p99"],
        "questions": float(len(interval.calls)),
        "steps_per_s_asked": statistics.median(asked),
        "steps_per_s_alone": statistics.median(alone),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--presets", default="small", help="comma list of small, paper (default small)")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of an interval (default 5)")
    parser.add_argument("--repeats", type=int, default=2, help="intervals with and without questions (default 2)")
    parser.add_argument("--rate", type=float, default=20.0, help="questions a second at most (default 20)")
    parser.add_argument("--seed", type=int, default=0, help="of weights, events and questions (default 0)")
    arguments = parser.parse_args()
    about = {**machine(), "seed": arguments.seed}
    figures: dict[str, float] = {}
    with private_ray(cpus=2):
        for preset in arguments.presets.split(","):
            found = measure(preset, arguments.seconds, arguments.repeats, arguments.rate, arguments.seed)
            for name, value in found.items():
                figures[f"{preset}_{name}"] = round(value, 2)
            verdict = "within" if found["call_ms_p99"] <= LIMIT else "beyond"
            print(f"{preset:8} p99 of a call is {verdict} {LIMIT:g} ms")
    tell(figures, about, arguments.json)


if __name__ == "__main__":
    main()

"""What faults cost in learning: the same run undisturbed, and with teachers, learner and replay that die.

    python benchmarks/proofs/chaos_learning.py --out DIR [--steps 4000] [--seed 0] [--data DIR] [--json]

Both runs take as many learner steps on as many samples. In the second one a teacher dies by SIGKILL with a chance of
`--crash` for every event that it sends, the learner dies three times and replay twice, spread over the run. What was
learned since the last checkpoint is learned again, so the steps that count are the same.
"""

import argparse
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

from benchmarks.harness.job import Job, actors, figures, latest
from benchmarks.harness.measured import machine, tell

TEACHERS = 2
PLANNED = {"learner": 3, "replay": 2}
"""How often which actor dies."""
START = 300.0
SLACK = 0.02
"""Difference of accuracies that counts as none."""


def learn(run: Path, arguments: list[str], steps: int, harm: "Harm | None", minutes: float) -> dict[str, float]:
    """One run to its end; accuracy of every path in the final exam on all test data.

    Raises:
        AssertionError: it did not start, or ended otherwise than well.
    """
    with Job("--teacher", "simulated", "--teach", "digits", "--run-dir", str(run), *arguments) as job:
        job.wait_for("first step after", START)
        end = time.monotonic() + 60 * minutes
        while job.process.poll() is None:
            assert time.monotonic() < end, f"not over after {minutes:.0f} minutes:\n{job.text[-2000:]}"
            if harm is not None:
                harm.step(run, steps)
            time.sleep(0.2)
        assert job.process.returncode == 0, job.text[-3000:]
    last = latest(run)
    assert last["step"] == steps
    return {key.removeprefix("exam/"): float(value) for key, value in last.items() if key.startswith("exam/")}


class Harm:
    """Kills by plan and by chance; each kill is counted when its process is gone.

    Args:
        crash: chance that a teacher dies at an event.
        seed: of when.
    """

    def __init__(self, crash: float, seed: int) -> None:
        self.kills: Counter[str] = Counter()
        self._crash, self._rng = crash, random.Random(seed)
        plan = [role for role, times in PLANNED.items() for _ in range(times)]
        self._rng.shuffle(plan)
        # The first tenth and the last are left alone: the run has begun then, and it comes to its end.
        self._plan = [(0.1 + 0.8 * (k + 0.5) / len(plan), role) for k, role in enumerate(plan)]
        self._events = 0.0

    def step(self, run: Path, steps: int) -> None:
        """Kill who is to die by now."""
        lines = figures(run)[-1:]
        if not lines:
            return
        done, sent = lines[0]["step"] / steps, float(lines[0].get("teacher/offered", 0.0))
        new, self._events = max(sent - self._events, 0.0), max(sent, self._events)
        if self._rng.random() < 1 - (1 - self._crash) ** new:
            self._kill(run, f"teacher-{self._rng.randrange(TEACHERS)}")
        if self._plan and done >= self._plan[0][0] and self._kill(run, self._plan[0][1]):
            self._plan.pop(0)

    def _kill(self, run: Path, role: str) -> bool:
        victim = actors(run).get(role)
        if victim is None:
            return False
        try:
            victim.kill()
            victim.wait(10)
        except psutil.NoSuchProcess:
            return False
        self.kills[role.partition("-")[0]] += 1
        print(f"killed {role}", flush=True)
        return True


def main() -> int:
    """Both runs, side by side; 1 when the disturbed one is worse by more than two points."""
    parser = argparse.ArgumentParser(description="learning while actors die")
    parser.add_argument("--out", type=Path, required=True, help="directory for both runs")
    parser.add_argument("--steps", type=int, default=4000, help="learner steps of each run (default 4000)")
    parser.add_argument("--crash", type=float, default=0.0005, help="chance that a teacher dies at an event")
    parser.add_argument("--seed", type=int, default=0, help="of runs and faults")
    parser.add_argument("--data", help="directory with datasets (default: embedded ones)")
    parser.add_argument("--json", action="store_true", help="print one flat JSON object as the last line")
    options = parser.parse_args()
    arguments = ["--teachers", str(TEACHERS), "--steps", str(options.steps), "--seed", str(options.seed)]
    arguments += ["--set", "run.tick=0.5", "--set", "run.restarts=1000", "--set", "run.checkpoint_every=10"]
    arguments += ["--data", options.data] if options.data else []
    options.out.mkdir(parents=True, exist_ok=True)
    harm = Harm(options.crash, options.seed)
    minutes = options.steps / 60  # a step a second is slow for any machine
    calm = learn(options.out / "calm", arguments, options.steps, None, minutes)
    disturbed = learn(options.out / "disturbed", arguments, options.steps, harm, minutes)
    short = {role: times - harm.kills[role] for role, times in PLANNED.items() if harm.kills[role] < times}
    assert not short and harm.kills["teacher"], f"too few died: {dict(harm.kills)}"
    found: dict[str, Any] = {f"calm_{path}": round(share, 4) for path, share in calm.items()}
    found |= {f"disturbed_{path}": round(share, 4) for path, share in disturbed.items()}
    found |= {f"kills_{role}": times for role, times in sorted(harm.kills.items())}
    worst = max(calm[path] - disturbed[path] for path in ("image_to_audio", "audio_to_image"))
    found |= {"worst_loss": round(worst, 4), "steps": options.steps}
    tell(found, {**machine(), "seed": options.seed}, options.json)
    return int(worst > SLACK)


if __name__ == "__main__":
    sys.exit(main())

"""A run whose processes are killed and stopped at random: what is lost, what comes twice, how soon it recovers.

    python benchmarks/proofs/chaos.py --out DIR [--minutes 30] [--seed 0] [--ack disk] [--data DIR] [--json]

Teachers push events at a steady pace into a replay that is large enough to keep them all; one process after the other
gets SIGKILL, or SIGSTOP for as long as a hang lasts, or the whole tree gets SIGKILL at once and the run is resumed. A
fault counts once it was seen to have happened: the process is gone, or stopped. The run has recovered when a process
has that role again and, in figures written after that, the role is up and its own counter moves: see `works`. After
everything was killed, the run has recovered with the first step of learning. The first fault comes before the first
step, as soon as replay holds events: everything is killed, there is no checkpoint, and the run is resumed from its
events alone.

A source numbers its events without gaps and sends again what was not acknowledged, so what replay holds in the end
tells everything: a number that is missing is a lost event, one that is there twice a duplicate. But when all is killed,
teachers go on from the checkpoint's cursor and send again what came after it: an acknowledged event of those that was
lost is stored again, and not counted here. `benchmarks/proofs/kills.py` counts it.
"""

import argparse
import contextlib
import json
import random
import signal
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.harness.job import Job, actors, figures, latest
from benchmarks.harness.measured import machine, tell
from replay.storage import Storage
from replay.stored import count_events
from sensors.core.modalities import labelled

TEACHERS = 2
RATE = 30.0
"""Events a second of each teacher."""
HANG = 12.0
"""Seconds for which a process is stopped."""
PATIENCE = 120.0
"""Seconds after which the run counts as not recovered."""
REST = (4.0, 10.0)
"""Seconds between two faults."""
PROGRESS = {"learner": "learner/steps_done", "replay": "replay/inserted", "monitor": "examined/step"}
"""Role -> the figure that grows while it works and by nobody else's work; a teacher's is `accepted/<its name>`."""
RISES = {"monitor": 1}
"""Role -> how often that must grow; twice where nothing is said. The first time may tell of what was done before the
fault: steps of a chunk that was stopped halfway, events that a dead replay stored and had not told of. The monitor's
figure is in a line once for each exam, so that the first line tells nothing, and one that grows tells of two exams."""
COUNTERS = ("replay/", "teacher/", "restarts/", "events/", "dropped/")
"""Beginnings of the keys of figures that never go backwards while one supervisor lives."""
FALLS = {"replay/events_per_s", "replay/fill"}


@dataclass
class ChaosReport:
    """What happened.

    Attributes:
        faults: how often what was done, 'kill learner', 'stop teacher-0', 'kill all', ….
        recovered: seconds from the fault until the role worked again, by fault.
        unrecovered: faults from which the run did not recover in time, and why.
        backwards: counters that went backwards while one supervisor lived.
        lost: numbers missing in replay.
        duplicates: events that replay holds more than once.
        kept: events that replay holds.
    """

    faults: Counter[str] = field(default_factory=Counter)
    recovered: dict[str, list[float]] = field(default_factory=dict)
    unrecovered: list[str] = field(default_factory=list)
    backwards: list[str] = field(default_factory=list)
    lost: int = 0
    duplicates: int = 0
    kept: int = 0


def works(role: str, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether lines of figures, all written after a fault was over, show that a role works: it is up and gets on."""
    name = PROGRESS.get(role, f"accepted/{role}")
    values = [float(row[name]) for row in rows if name in row and row.get(f"actor/{role}") == "up"]
    return sum(after > before for before, after in pairwise(values)) >= RISES.get(role, 2)


class Campaign:
    """Faults against one run, one after the other.

    Args:
        run: directory of the run, made by it.
        arguments: of `launch.py`, beyond those of the campaign.
        seed: of the order of the faults.
        say: told what happens.
    """

    def __init__(self, run: Path, arguments: list[str], seed: int, say: Callable[[str], None]) -> None:
        self.report = ChaosReport()
        self._run, self._say = run, say
        self._rng = random.Random(seed)
        self._job = Job("--teacher", "simulated", "--teachers", str(TEACHERS), "--run-dir", str(run), *arguments)
        self._lives = 0
        roles = ["learner", "replay", "monitor", *(f"teacher-{i}" for i in range(TEACHERS))]
        self._todo: list[tuple[str, str]] = []
        self._faults = [(what, role) for what in ("kill", "stop") for role in roles] + [("kill", "all")]

    def run(self, seconds: float) -> ChaosReport:
        """Do harm for about so long, each kind of fault once before any comes again, then stop and count.

        Raises:
            AssertionError: the run did not start, or did not end as it should.
        """
        self.kill_early()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not self._todo:
                self._todo = self._rng.sample(self._faults, len(self._faults))
            time.sleep(self._rng.uniform(*REST))
            what, role = self._todo.pop()
            if role == "all":
                self.kill_all()
            elif what == "kill":
                self.kill(role)
            else:
                self.hang(role)
            taken = self.report.recovered.get(f"{what} {role}", [])
            self._say(f"{what} {role}: recovered after {taken[-1]:.1f} s" if taken else f"{what} {role}: not recovered")
        self._job.stop()
        self._check_counters()
        self._count()
        return self.report

    def close(self) -> None:
        """End the run, however it stands."""
        self._job.close()

    def kill(self, role: str) -> None:
        """SIGKILL to one actor."""
        victim = self._victim(role)
        began = time.monotonic()
        victim.kill()
        victim.wait(10)
        self.report.faults[f"kill {role}"] += 1
        self._await(f"kill {role}", role, victim.pid, began)

    def hang(self, role: str) -> None:
        """SIGSTOP to one actor for `HANG` seconds; it goes on if it is still there."""
        victim = self._victim(role)
        began = time.monotonic()
        victim.suspend()
        while victim.status() != psutil.STATUS_STOPPED:  # every thread of it must have heard
            assert time.monotonic() - began < HANG, f"{role} does not stop"
            time.sleep(0.01)
        self.report.faults[f"stop {role}"] += 1
        while victim.is_running() and time.monotonic() - began < HANG:
            time.sleep(0.1)
        with contextlib.suppress(psutil.NoSuchProcess):  # it was put down
            victim.resume()
        self._await(f"stop {role}", role, None, began)

    def kill_early(self) -> None:
        """SIGKILL to everything before the first step, when replay holds events and nothing else was saved."""
        end = time.monotonic() + 300
        while not latest(self._run).get("replay/inserted"):
            assert time.monotonic() < end and self._job.process.poll() is None, self._job.text
            time.sleep(0.05)
        self.kill_all("kill all early")
        assert "no checkpoint yet" in self._job.text, self._job.text
        taken = self.report.recovered["kill all early"][-1]
        self._say(f"kill all before the first step: recovered after {taken:.1f} s")

    def kill_all(self, fault: str = "kill all") -> None:
        """SIGKILL to the supervisor and everything below it, then `--resume`."""
        began = time.monotonic()
        assert self._job.kill() > 4
        self.report.faults[fault] += 1
        self._check_counters()
        # What was told to be there is there, before any source sends it again.
        told = latest(self._run)
        held = told.get("replay/inserted", 0) - told.get("replay/evicted", 0)
        self.report.lost += max(0, int(held) - count_events(self._run / "replay"))
        self._lives = len(figures(self._run))
        self._job = Job("--resume", str(self._run))
        self._job.wait_for("first step after", 300)
        self.report.recovered.setdefault(fault, []).append(time.monotonic() - began)

    def _victim(self, role: str) -> psutil.Process:
        end = time.monotonic() + PATIENCE
        while role not in (found := actors(self._run)):
            assert time.monotonic() < end, f"no process of {role}"
            time.sleep(0.5)
        return found[role]

    def _await(self, fault: str, role: str, gone: int | None, began: float) -> None:
        """Until another process than `gone` has the role, and lines written after that show that it works."""
        end = began + PATIENCE
        first: int | None = None
        while time.monotonic() < end:
            assert self._job.process.poll() is None, f"{fault} ended the run:\n{self._job.text[-3000:]}"
            if first is None:
                actor = actors(self._run).get(role)
                if actor is not None and actor.pid != gone:
                    # The next line may be under way: its time may be earlier, that of the one after it cannot.
                    first = len(figures(self._run)) + 1
            elif works(role, figures(self._run)[first:]):
                self.report.recovered.setdefault(fault, []).append(time.monotonic() - began)
                return
            time.sleep(0.1)
        missing = "process" if first is None else "progress"
        self.report.unrecovered.append(f"{fault}: no {missing} of {role} in {PATIENCE:.0f} s")

    def _check_counters(self) -> None:
        """Compare every line of this supervisor's life with the one before."""
        last: dict[str, Any] = {}
        for line in figures(self._run)[self._lives :]:
            for key, value in line.items():
                if key.startswith(COUNTERS) and key not in FALLS and value < last.get(key, value):
                    self.report.backwards.append(f"{key}: {last[key]} -> {value} at {line['time']}")
            last |= line

    def _count(self) -> None:
        """What replay holds, against each source's own numbers."""
        found = []
        for table in sorted((self._run / "replay").iterdir()):
            if not (table / "layout.json").is_file() or labelled(table.name):
                continue
            storage = Storage(table, writable=False)
            assert int(storage.counters[0]["evicted"]) == 0, f"{table.name} was too small for this campaign"
            found.append(storage.meta[storage.live()][["source", "generation", "seq"]])
        ids, copies = np.unique(np.concatenate(found), return_counts=True)
        self.report.kept = int(copies.sum())
        self.report.duplicates = int((copies - 1).sum())
        for source, generation in np.unique(ids[["source", "generation"]]):
            own = ids["seq"][(ids["source"] == source) & (ids["generation"] == generation)]
            self.report.lost += int(own.max()) + 1 - len(own)


def main() -> int:
    """Run the campaign and write its report; 1 when anything was lost, came twice or was not recovered."""
    parser = argparse.ArgumentParser(description="a run whose processes are killed and stopped at random")
    parser.add_argument("--out", type=Path, required=True, help="directory for the run and the report")
    parser.add_argument("--minutes", type=float, default=30.0, help="length of the campaign (default 30)")
    parser.add_argument("--seed", type=int, default=0, help="of the order of the faults")
    parser.add_argument("--ack", default="disk", choices=("memory", "disk"), help="when events are acknowledged")
    parser.add_argument("--data", help="directory with datasets (default: embedded ones)")
    parser.add_argument("--json", action="store_true", help="print one flat JSON object as the last line")
    options = parser.parse_args()
    events = int(options.minutes * 60 * RATE * TEACHERS * 1.5) + 4096
    settings = {
        "teacher.rate": RATE,
        "replay.capacity": events,
        "replay.capacity_single": events,
        "replay.limiter_slack": 100_000_000,
        # Exams, by which one sees the monitor work, come soon and again and again; how good the judges are is nothing.
        "monitor.every": 3,
        "monitor.exam_samples": 100,
        "monitor.judge_steps": 20,
        "run.tick": 0.5,
        "run.checkpoint_every": 10,
        "run.restarts": 1000,
    }
    arguments = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    arguments += [
        "--ack",
        options.ack,
        "--seed",
        str(options.seed),
        *(["--data", options.data] if options.data else []),
    ]
    options.out.mkdir(parents=True, exist_ok=True)
    print(f"seed {options.seed}", flush=True)
    campaign = Campaign(options.out / "run", arguments, options.seed, lambda text: print(text, flush=True))
    try:
        report = campaign.run(60 * options.minutes)
    finally:
        campaign.close()
    times = [s for taken in report.recovered.values() for s in taken]
    found = {
        "minutes": options.minutes,
        "ack": options.ack,
        "kills": sum(n for fault, n in report.faults.items() if fault.startswith("kill")),
        "stops": sum(n for fault, n in report.faults.items() if fault.startswith("stop")),
        "events": report.kept,
        "lost": report.lost,
        "duplicates": report.duplicates,
        "unmended": len(report.unrecovered),
        "backwards": len(report.backwards),
        "recoveries_s": [round(s, 1) for s in times],
        "steps": latest(options.out / "run").get("step"),
    }
    about = {**machine(), "seed": options.seed}
    print(f"\n{'fault':<16} {'times':>5} {'recovered after, median':>21} {'longest':>8}")
    for fault, taken in sorted(report.recovered.items()):
        print(f"{fault:<16} {report.faults[fault]:>5} {statistics.median(taken):>19.1f} s {max(taken):>6.1f} s")
    for line in (*report.unrecovered, *report.backwards):
        print(line)
    (options.out / "report.json").write_text(json.dumps(found | about | {"mended": report.recovered}, indent=1))
    tell(found, about, options.json)
    return int(bool(report.lost or report.duplicates or report.unrecovered or report.backwards))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())

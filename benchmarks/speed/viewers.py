"""What the page costs the run, and how fast it answers while the learner learns.

    python benchmarks/speed/viewers.py                    # a table for people
    python benchmarks/speed/viewers.py --json             # the same; the last line is one flat JSON object
    python benchmarks/speed/viewers.py --sensors session  # sensors that play a recording, instead of a teacher

A whole run of `launch.py`, as a person starts it. Intervals without a viewer and with ten of them are neighbours, in
turn one first and the other: the rates drift while a run goes on. A viewer reads the events as they come and fetches
each newest sample, as the page's scripts do. It has the lowest priority, as viewers are on other machines. The
learner's and the sources' rates of an interval come from the run's own figures, the actors' CPU time from the system.
The cost is the median over the neighbours, with its standard error. Then questions are asked one at a time: a drawing
and a sound in turn, each a whole request over HTTP.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.answers.files import wav
from benchmarks.harness.job import Job, actors
from benchmarks.harness.measured import machine, tell

LIMIT = 100.0
"""Milliseconds within which 99 of 100 answers should come."""
LEARNER_COST, SENSORS_COST = 0.02, 0.01
"""Shares of their rates that ten viewers may take."""
START_WITHIN = 600.0
"""Seconds within which the run must have learned so many steps."""
TOTALS = ("replay/inserted", "sensor_read/")
"""Totals of teachers and sensors, by the beginnings of their figures."""


class WatchingViewer:
    """One viewer of the page: reads all events, and fetches the samples that they name.

    Args:
        address: of the page.
    """

    def __init__(self, address: str) -> None:
        self.events = self.fetched = 0
        self._address = address
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Go."""
        self._stop.set()
        self._thread.join(5.0)

    def _watch(self) -> None:
        with urllib.request.urlopen(f"{self._address}v1/events", timeout=30) as stream:
            name = b""
            while not self._stop.is_set() and (line := stream.readline()):
                if line.startswith(b"event: "):
                    name = line[7:].strip()
                elif line.startswith(b"data: "):
                    self.events += 1
                    if name == b"samples":
                        self._fetch(json.loads(line[6:]))

    def _fetch(self, told: dict[str, Any]) -> None:
        for one in told["newest"].values():
            try:
                with urllib.request.urlopen(f"{self._address}v1/samples/{one['id']}", timeout=30) as answer:
                    self.fetched += len(answer.read())
            except OSError:
                # A busy replay drops an event before it is fetched.
                continue


class Audience:
    """Viewers in a process of their own, which gets CPU time last: viewers compute on other machines.

    Args:
        address: of the page.
        count: viewers.
    """

    def __init__(self, address: str, count: int) -> None:
        command = [sys.executable, str(Path(__file__).absolute()), "--watch", address, "--viewers", str(count)]
        # A session of its own: Linux shares CPU time among sessions first, and their priority is the autogroup's.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def close(self) -> int:
        """End; how many events the viewers saw."""
        told, _ = self._process.communicate("\n", timeout=30)
        return int(told)


def watch(address: str, count: int) -> None:
    """Be so many viewers until a line comes on standard input; print the events that they saw."""
    Path("/proc/self/autogroup").write_text("19")
    os.nice(19)
    watching = [WatchingViewer(address) for _ in range(count)]
    print("watching", flush=True)
    sys.stdin.readline()
    for viewer in watching:
        viewer.close()
    print(sum(viewer.events for viewer in watching))


class Rates:
    """Rates of a run over intervals, by its figures.

    Args:
        run: its directory.
    """

    def __init__(self, run: Path) -> None:
        self._path = run / "metrics.jsonl"
        self._processes = actors(run)

    def over(self, seconds: float) -> dict[str, float]:
        """Steps and events of sources a second, from now on for about so long."""
        before, used = self._last(), self._cpu()
        time.sleep(seconds)
        now = self._last()
        busy = {f"{name}_cpu": (spent - used[name]) / seconds for name, spent in self._cpu().items()}
        span = now["time"] - before["time"]
        if span <= 0:
            raise SystemExit("the run writes no figures any more")
        found = {"learner": (now["step"] - before["step"]) / span}
        sources = [key for key in now if key.startswith(TOTALS) and key in before]
        found["sources"] = sum(float(now[key]) - float(before[key]) for key in sources) / span
        return found | busy

    def _cpu(self) -> dict[str, float]:
        """Seconds of CPU time that the learner and the page have used."""
        times = {name: self._processes[name].cpu_times() for name in ("learner", "page")}
        return {name: float(each.user + each.system) for name, each in times.items()}

    def _last(self) -> dict[str, Any]:
        with self._path.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - (1 << 16)))
            lines = [line for line in file.read().split(b"\n")[1:] if line.endswith(b"}")]
        found: dict[str, Any] = json.loads(lines[-1])
        return found


def drawing(seed: int) -> bytes:
    """A board with a digit, as a PNG file."""
    board: NDArray[np.uint8] = np.full((280, 280), 255, np.uint8)
    cv2.putText(board, str(seed % 10), (70, 220), cv2.FONT_HERSHEY_SIMPLEX, 7, (0,), 18)
    return bytes(cv2.imencode(".png", board)[1].tobytes())


def saying(seed: int) -> bytes:
    """A sound of half a second, as a WAV file."""
    rng = np.random.default_rng(seed)
    t = np.arange(8000) / 16_000
    wave = 0.4 * np.sin(2 * np.pi * (200 + 40 * (seed % 10)) * t) * np.hanning(len(t))
    return wav((wave + 0.001 * rng.standard_normal(len(t))).astype(np.float32))


def ask(address: str, count: int, rate: float) -> list[float]:
    """Seconds that each of so many questions took."""
    took = []
    for number in range(count):
        body, kind = (drawing(number), "image/png") if number % 2 == 0 else (saying(number), "audio/wav")
        request = urllib.request.Request(f"{address}v1/evoke?keep=0&data=npy", body, {"Content-Type": kind})
        began = time.perf_counter()
        with urllib.request.urlopen(request, timeout=60) as answer:
            told = json.load(answer)
        took.append(time.perf_counter() - began)
        if not told["told"] and told["reason"] == "not_ready":
            raise SystemExit("the page has no weights")
        time.sleep(1 / rate)
    return took


def measure(
    address: str, run: Path, seconds: float, repeats: int, viewers: int, questions: int, rate: float
) -> dict[str, float]:
    """Figures of a run that learns."""
    rates = Rates(run)
    intervals: dict[int, list[dict[str, float]]] = {0: [], viewers: []}
    events = 0
    for number in range(repeats):
        for count in (0, viewers) if number % 2 == 0 else (viewers, 0):
            audience = Audience(address, count)
            time.sleep(2.0)
            intervals[count].append(rates.over(seconds))
            events += audience.close()
    alone, watched = intervals[0], intervals[viewers]
    found: dict[str, float] = {"viewers": viewers, "events_seen": events}
    for name in ("learner", "sources"):
        found |= {f"{name}_per_s_alone": median(alone, name), f"{name}_per_s_watched": median(watched, name)}
        costs = [1 - with_them[name] / without[name] for without, with_them in zip(alone, watched, strict=True)]
        found[f"{name}_cost"] = statistics.median(costs)
        # The standard error of a median is about 1.25 times that of a mean.
        found[f"{name}_cost_error"] = 1.25 * statistics.pstdev(costs) / math.sqrt(max(1, len(costs) - 1))
    costs = [1 - two["learner_cpu"] / one["learner_cpu"] for one, two in zip(alone, watched, strict=True)]
    found["learner_cpu_cost"] = statistics.median(costs)
    for name in ("learner_cpu", "page_cpu"):
        found |= {f"{name}_alone": median(alone, name), f"{name}_watched": median(watched, name)}
    ask(address, 10, rate)
    p50, p99 = np.quantile(ask(address, questions, rate), (0.5, 0.99)) * 1e3
    return found | {"evoke_ms_p50": float(p50), "evoke_ms_p99": float(p99), "questions": questions}


def median(intervals: Sequence[dict[str, float]], name: str) -> float:
    """Of one rate."""
    return statistics.median(one[name] for one in intervals)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--seconds", type=float, default=12.0, help="length of an interval (default 12)")
    parser.add_argument("--repeats", type=int, default=10, help="intervals without and with viewers (default 10)")
    parser.add_argument("--viewers", type=int, default=10, help="viewers at one time (default 10)")
    parser.add_argument("--questions", type=int, default=200, help="questions that are timed (default 200)")
    parser.add_argument("--rate", type=float, default=5.0, help="questions a second at most (default 5)")
    parser.add_argument("--steps", type=int, default=100, help="learner steps before it begins (default 100)")
    parser.add_argument("--sensors", help="directory of a recording that is played (default: a simulated teacher)")
    parser.add_argument("--seed", type=int, default=0, help="of the run (default 0)")
    parser.add_argument("--watch", metavar="ADDRESS", help="be viewers of a page until a line comes on standard input")
    arguments = parser.parse_args()
    if arguments.watch is not None:
        watch(arguments.watch, arguments.viewers)
        return
    about = {**machine(), "seed": arguments.seed}
    source = ["--teacher", "simulated", "--teach", "digits"]
    if arguments.sensors is not None:
        source = ["--sensors", str(Path(arguments.sensors).absolute())]
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        options = ["--run-dir", str(run), "--seed", str(arguments.seed), "--set", "run.dashboard=false"]
        with Job(*source, *options) as job:
            address = job.wait_for(r"page (http://\S+/)", START_WITHIN)[1]
            wait_for_steps(address, arguments.steps)
            bounds = (arguments.seconds, arguments.repeats, arguments.viewers, arguments.questions, arguments.rate)
            found = measure(address, run, *bounds)
            job.stop()
    figures = {name: round(value, 4) for name, value in found.items()}
    for name, most in (("learner", LEARNER_COST), ("sources", SENSORS_COST)):
        verdict = "within" if found[f"{name}_cost"] <= most else "beyond"
        print(f"cost of {arguments.viewers} viewers for the rate of {name}: {verdict} {most:.0%}")
    print(f"p99 of an answer is {'within' if found['evoke_ms_p99'] <= LIMIT else 'beyond'} {LIMIT:g} ms")
    tell(figures, about, arguments.json)


def wait_for_steps(address: str, steps: int) -> None:
    """Until the run has learned so many steps, and the page has weights."""
    end = time.monotonic() + START_WITHIN
    while time.monotonic() < end:
        with urllib.request.urlopen(f"{address}v1/status", timeout=30) as answer:
            told = json.load(answer)
        if told["run"]["step"] >= steps and told["page"]["weights_step"] is not None:
            return
        time.sleep(1.0)
    raise SystemExit(f"the run did not learn {steps} steps within {START_WITHIN:g} s")


if __name__ == "__main__":
    main()

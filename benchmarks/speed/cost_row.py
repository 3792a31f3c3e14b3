"""What a learner costs in one make: preset, precision, compiled or not, memory order. Run in a process of its own.

    python -m benchmarks.speed.cost_row '{"task": "speed", "preset": "small", "device": "cpu", ...}'

The last line printed is one flat JSON object; a make that this machine cannot run has a `reason` in place of figures.
"""

import contextlib
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from agent.algorithms.smart import SmartTurns
from agent.checkpoints.checkpoint import save_state
from agent.config import LearnerConfig
from agent.events.turns import Turn
from agent.learner import Learner
from agent.networks.weights import place
from agent.smart.update import Side
from replay.buffer import Buffer
from replay.config import ReplayConfig
from replay.reader import Reader
from runtime.trial import Trial
from sensors.core.event import NO_LESSON, EventBatch
from sensors.core.state import StateDict
from teacher.config import DataConfig, TeacherConfig
from teacher.datasets import load_images, load_speech
from teacher.subjects.digits import taught_digits

KIND = "audio+image"
SIDES = ("audio", "image")
SHAPES = {"audio": (1, 96, 96), "image": (1, 32, 32)}
ROUNDS = 3
"""Windows that a figure is the median of; each begins with a look at what matrix products cost just then."""
Row = dict[str, Any]


def in_rows(module: Side, device: torch.device) -> Side:
    """SMART's networks with weights in the order in which they are written, rows and columns last."""
    return module.to(device)


@dataclass(frozen=True)
class Drawn:
    """One batch of preloaded events."""

    lesson: NDArray[np.int64]
    samples: Mapping[str, NDArray[Any]]


class Preloaded:
    """Replay in memory: a few batches of noise, drawn in turn."""

    def __init__(self, batch: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        lesson = np.full(batch, NO_LESSON, np.int64)
        self._batches = [
            Drawn(lesson, {m: rng.integers(0, 256, (batch, *shape), np.uint8) for m, shape in SHAPES.items()})
            for _ in range(4)
        ]
        self._drawn = 0

    def kinds(self) -> list[str]:
        """The one table."""
        return [KIND]

    def size(self, kind: str) -> int:
        """Enough for any `min_events`."""
        return sys.maxsize

    def deficit(self, kind: str) -> float:
        """Nothing limits this replay."""
        return 0.0

    def sample(self, kind: str, count: int, selector: str = "uniform", **options: Any) -> Drawn:
        """The next batch."""
        self._drawn += 1
        return self._batches[self._drawn % len(self._batches)]

    def state_dict(self) -> StateDict:
        """No state."""
        return {"version": 1}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """No state."""


def settings(cell: Mapping[str, Any]) -> LearnerConfig:
    """The learner's settings for a cell; everything that is not the cell's own is the default."""
    names = ("preset", "device", "precision", "batch", "threads")
    # From the first step on as it is later: samples are moved at full strength.
    return LearnerConfig(**{name: cell[name] for name in names}, augment_from=0, augment_growth=0)


def prepare(cell: Mapping[str, Any]) -> SmartTurns:
    """SMART whose sides have guides, in the make that the cell asks for."""
    with mock.patch("agent.smart.update.place", place if cell["channels_last"] else in_rows):
        it = SmartTurns(settings(cell), Preloaded(cell["batch"], cell["seed"]), cell["seed"])
    if cell["compiled"]:
        for side in it.smart.sides.values():
            compile_side(side)
    for _ in range(50):
        losses = [step(it, side) for side in SIDES]
        if all(len(terms) == len(SIDES) for terms in losses):
            return it
        it.smart.begin_turn()
    raise RuntimeError("no guides after 50 turns of one step")


def compile_side(side: Side) -> None:
    """Have `torch.compile` take E, D and T; also E alone, as it runs when it guides."""
    encode = torch.compile(side.autoencoder.encode)
    side.autoencoder.compile()
    vars(side.autoencoder)["encode"] = encode
    for transcoder in side.transcoders.values():
        assert isinstance(transcoder, nn.Module)
        transcoder.compile()


def step(it: SmartTurns, side: str) -> dict[str, Tensor]:
    """One step of that side, within a turn of its own, so that no guides are chosen."""
    it.at = Turn(KIND, side)
    losses = it.step()
    assert losses is not None
    return losses


def wait(device: torch.device) -> None:
    """Until the device has done what it was asked."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds_of(work: Callable[[], object], device: torch.device, times: int = 1) -> float:
    """Mean time of `times` calls, s."""
    wait(device)
    begun = time.perf_counter()
    for _ in range(times):
        work()
    wait(device)
    return (time.perf_counter() - begun) / times


def gemm_rate(device: torch.device, precision: str, seconds: float) -> float:
    """Largest rate of square matrix products within so many seconds, FLOP/s.

    float32 on a GPU may use TF32 wherever its convolutions may: the same hardware for both sides of the ratio.
    """
    size = 8192 if device.type == "cuda" else 1024
    a, b = (torch.randn(size, size, device=device).to(getattr(torch, precision)) for _ in range(2))
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32
    times = 5 if device.type == "cuda" else 1
    try:
        seconds_of(lambda: a @ b, device)
        best, begun = float("inf"), time.perf_counter()
        while time.perf_counter() - begun < seconds:
            best = min(best, seconds_of(lambda: a @ b, device, times))
        return 2 * size**3 / best
    finally:
        torch.backends.cuda.matmul.allow_tf32 = False


def flops_of(cell: Mapping[str, Any]) -> float:
    """Model FLOPs of a step, mean of both sides: matrix products and convolutions, forward and backward."""
    it = prepare({**cell, "compiled": False})
    with FlopCounterMode(display=False) as counter:
        for side in SIDES:
            step(it, side)
    return float(counter.get_total_flops() / len(SIDES))


def peak_rss() -> float:
    """Largest resident set of this process so far, MiB."""
    # Not getrusage where there is something better: a process inherits its parent's peak there.
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def peak_gpu(device: torch.device) -> float:
    """Largest sum of allocations on the GPU since its peak was last reset, MiB; 0 for a CPU."""
    return torch.cuda.max_memory_allocated(device) / 2**20 if device.type == "cuda" else 0.0


def speed(cell: Mapping[str, Any]) -> Iterator[Row]:
    """Steps/s, FLOP utilisation and memory; guides are chosen anew every `turn_steps` steps, as in a run."""
    torch.set_num_threads(cell["threads"])
    begun = time.perf_counter()
    it = prepare(cell)
    first = time.perf_counter() - begun
    device = it.hardware.device
    for _ in range(it.config.bank // cell["batch"] + 1):
        it.smart.guides.observe({m: torch.randn(cell["batch"], it.config.latent, device=device) for m in SIDES})
    group = 10 if device.type == "cuda" else 1
    for side in SIDES:
        seconds_of(partial(step, it, side), device, group)
    begins = [seconds_of(it.smart.begin_turn, device) for _ in range(ROUNDS)]
    # The learner's: what the matrix products allocate is gone again, and the peak begins anew after them.
    seconds, rates, peaks = [], [], [peak_gpu(device)]
    for _ in range(ROUNDS):
        rates.append(gemm_rate(device, cell["precision"], cell["seconds"] / 8))
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        means = []
        for side in SIDES:
            times: list[float] = []
            until = time.perf_counter() + cell["seconds"] / ROUNDS / 2
            while not times or time.perf_counter() < until:
                times.append(seconds_of(partial(step, it, side), device, group))
            means.append(statistics.median(times))
        seconds.append(statistics.mean(means) + min(begins) / it.config.turn_steps)
        peaks.append(peak_gpu(device))
    row = {
        "steps_per_s": 1 / statistics.median(seconds),
        "samples_per_s": cell["batch"] / statistics.median(seconds),
        "first_step_s": first,
        "peak_rss_mib": peak_rss(),
        "peak_gpu_mib": max(peaks),
        "gemm_gflops": statistics.median(rates) / 1e9,
    }
    flops = flops_of(cell)
    shares = [flops / s / rate for s, rate in zip(seconds, rates, strict=True)]
    yield {**row, "gflop_per_step": flops / 1e9, "utilisation": statistics.median(shares)}


def memory(cell: Mapping[str, Any]) -> Iterator[Row]:
    """A whole learner's peak: replay of full size mapped and read through, weights published, a checkpoint written."""
    torch.set_num_threads(cell["threads"])
    with tempfile.TemporaryDirectory(prefix="reciprocal-") as folder:
        limits = ReplayConfig(samples_per_insert=0.0)
        fill(Path(folder) / "replay", limits, cell["events"], cell["seed"])
        reader = Reader(Path(folder) / "replay", cell["seed"])
        smart = SmartTurns(settings(cell), reader, cell["seed"])
        it = Learner([smart], reader, smart.hardware)
        for _ in range(cell["events"] // 128):
            it.replay.sample(KIND, 512)
        report = it.run(1e9, steps=cell["steps"])
        smart.weights()
        save_state(Path(folder), "learner", it.state_dict())
        yield {"steps_per_s": report.steps / report.seconds, "peak_rss_mib": peak_rss()}


def fill(directory: Path, limits: ReplayConfig, events: int, seed: int) -> None:
    """A replay with so many co-occurring events of noise."""
    rng = np.random.default_rng(seed)
    buffer = Buffer(directory, limits, seed)
    for at in range(0, events, 512):
        order = np.arange(at, min(at + 512, events))
        moment = order.astype(np.float64)
        samples = {m: rng.integers(0, 256, (len(order), *shape), np.uint8) for m, shape in SHAPES.items()}
        buffer.insert(EventBatch("noise", 0, order, moment, moment, order // 4, samples))
    buffer.close()


def proof(cell: Mapping[str, Any]) -> Iterator[Row]:
    """A preset on real data for so many steps: speed, memory, and every loss at the start and at the end."""
    torch.set_num_threads(cell["threads"])
    data = DataConfig(data=cell["data"])
    images, speech = load_images(data), load_speech(data)
    config = LearnerConfig(**{name: cell[name] for name in ("preset", "device", "precision", "batch", "threads")})
    terms: dict[str, list[float]] = {}
    teacher = TeacherConfig(style="classroom")
    with tempfile.TemporaryDirectory(prefix="reciprocal-") as folder, Trial(
        taught_digits(images, speech), teacher, ReplayConfig(), config, cell["seed"], Path(folder), cell["steps"]
    ) as trial:  # fmt: skip
        for _ in range(cell["steps"]):
            for name, loss in trial.step().items():
                terms.setdefault(name, []).append(float(loss))
        about: Row = {
            "steps": trial.done,
            "steps_per_s": trial.done / trial.seconds,
            "samples_per_s": trial.done * cell["batch"] / trial.seconds,
            "peak_rss_mib": peak_rss(),
            "data": f"{images.name}, {speech.name}",
        }
    for name, losses in terms.items():
        tenth = max(len(losses) // 10, 1)
        yield {**about, "loss": name, "start": statistics.mean(losses[:tenth]), "end": statistics.mean(losses[-tenth:])}


TASKS = {"speed": speed, "memory": memory, "proof": proof}


def main() -> None:
    """Measure the cell that the command line describes."""
    cell = json.loads(sys.argv[1])
    try:
        rows = list(TASKS[cell["task"]](cell))
    except Exception as error:  # whatever a compiler or a driver may raise is this row's result
        text = " ".join(str(error).split())
        rows = [{"reason": f"{type(error).__name__}: {text[:200]}"}]
    print(json.dumps(rows))


if __name__ == "__main__":
    main()

"""The replay actor of a Ray session is killed at random moments while teachers send; see `kills.py`.

Two teachers of embedded digits and synthetic voices send 200 events a second each. What lies before a teacher's cursor
was acknowledged to it.
"""

import contextlib
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray.exceptions import RayActorError

from benchmarks.harness.private_ray import private_ray
from replay.actor import ReplayActor
from replay.buffer import Buffer
from replay.config import ReplayConfig
from replay.dedupe import source_key
from replay.storage import Storage
from teacher.actor import TeacherActor
from teacher.config import DataConfig, TeacherConfig

TEACHERS = ("teacher-0", "teacher-1")
RATE = 200.0
"""Events a second of each teacher."""
DEADLINE = 60.0
"""Seconds until a call, or an acknowledgement, must have come."""


class Lesson(threading.Thread):
    """A teacher that teaches until it is told to end.

    Attributes:
        totals: events offered, accepted, duplicate, dropped; sendings lost.
        held: events without a final answer at the end.
        acknowledged: events that replay is known to have.
    """

    def __init__(self, name: str, seed: int, replay: Any) -> None:
        super().__init__(name=name, daemon=True)
        data = DataConfig(images="digits", speech="synthetic").to_dict()
        teaching = TeacherConfig(style="classroom", rate=RATE, batch_events=16).to_dict()
        self._teacher = TeacherActor(name, data, teaching, seed, 0, replay)
        self.end = threading.Event()
        self.totals = dict.fromkeys(("offered", "accepted", "duplicate", "dropped", "lost"), 0)
        self.held = self.acknowledged = 0
        self.error: BaseException | None = None

    def run(self) -> None:
        """Teach in short chunks."""
        try:
            while not self.end.is_set():
                counts = self._teacher.run(0.05)
                for name in ("offered", "accepted", "duplicate", "lost"):
                    self.totals[name] += counts[name]
                self.totals["dropped"] += sum(counts["dropped"].values())
                self.held = counts["held"]
                self.acknowledged = self.totals["accepted"] + self.totals["duplicate"]
        except BaseException as error:
            self.error = error

    def cursor(self) -> int:
        """Events before this one were acknowledged, all of them."""
        return int(self._teacher.state_dict()["seq"])


def measure(kills: int, ack: str, seed: int) -> dict[str, float]:
    """Kill the replay actor so many times; the figures of a report.

    Raises:
        TimeoutError: it did not come back.
    """
    with private_ray() as folder:
        return campaign(folder / "replay", kills, ack, seed)


def campaign(directory: Path, kills: int, ack: str, seed: int) -> dict[str, float]:
    """As `measure`, in a Ray session that there is."""
    rng = np.random.default_rng(seed)
    config = ReplayConfig(ack=ack, samples_per_insert=0.0, capacity=50_000, capacity_single=50_000)
    options: dict[str, Any] = {"num_cpus": 0, "max_restarts": -1, "max_concurrency": config.callers}
    replay: Any = ray.remote(ReplayActor).options(**options).remote(str(directory), config.to_dict())
    lessons = [Lesson(name, number, replay) for number, name in enumerate(TEACHERS)]
    recoveries: list[float] = []
    killed: set[int] = set()
    process = _await_another(replay, killed)
    for lesson in lessons:
        lesson.start()
    try:
        _await_progress(lessons)
        for _ in range(kills):
            time.sleep(rng.uniform(0.1, 1.0))
            began = time.monotonic()
            os.kill(process, signal.SIGKILL)
            killed.add(process)
            process = _await_another(replay, killed)
            # By now, what the dead one had answered has been taken in.
            _await_progress(lessons)
            recoveries.append(time.monotonic() - began)
    finally:
        for lesson in lessons:
            lesson.end.set()
        for lesson in lessons:
            lesson.join(DEADLINE)
    torn = sum(table["torn"] for table in ray.get(replay.stats.remote(), timeout=DEADLINE).values())
    ray.get(replay.close.remote(), timeout=DEADLINE)
    ray.kill(replay)
    ordered = sorted(recoveries)
    return {
        "kills": float(len(killed)),
        **_audit(directory, config, lessons),
        "torn": torn,
        "lost_sendings": float(sum(lesson.totals["lost"] for lesson in lessons)),
        "recovery_median_s": ordered[len(ordered) // 2],
        "recovery_max_s": ordered[-1],
    }


def _audit(directory: Path, config: ReplayConfig, lessons: list[Lesson]) -> dict[str, float]:
    buffer = Buffer(directory, config)
    # What is damaged is emptied, and so lost.
    assert buffer.checked(DEADLINE)
    tables = buffer.stats()
    buffer.close()
    lost = duplicates = unaccounted = 0.0
    found: dict[str, list[int]] = {lesson.name: [] for lesson in lessons}
    for kind, figures in tables.items():
        unaccounted += abs(figures["inserted"] - figures["size"] - figures["evicted"] - figures["corrupt"])
        assert figures["evicted"] == 0, "too small a table for this campaign"
        storage = Storage(directory / kind, writable=False)
        meta = storage.meta[storage.live()]
        for name in found:
            found[name] += meta["seq"][meta["source"] == source_key(name)].tolist()
    for lesson in lessons:
        seq = found[lesson.name]
        lost += len(set(range(lesson.cursor())) - set(seq))
        duplicates += len(seq) - len(set(seq))
        t = lesson.totals
        unaccounted += abs(t["offered"] - t["accepted"] - t["duplicate"] - t["dropped"] - lesson.held)
    acknowledged = float(sum(lesson.acknowledged for lesson in lessons))
    return {"acknowledged": acknowledged, "lost": lost, "duplicates": duplicates, "unaccounted": unaccounted}


def _await_progress(lessons: list[Lesson]) -> None:
    """Until every teacher has been told of an event more."""
    before = [lesson.acknowledged for lesson in lessons]
    deadline = time.monotonic() + DEADLINE
    while any(lesson.acknowledged <= count for lesson, count in zip(lessons, before, strict=True)):
        for lesson in lessons:
            if lesson.error is not None:
                raise lesson.error
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing acknowledged for {DEADLINE:g} s")
        time.sleep(0.005)


def _await_another(replay: Any, killed: set[int]) -> int:
    """The actor's process, once it is none of those that were killed."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        with contextlib.suppress(RayActorError):
            process = int(ray.get(replay.__ray_call__.remote(_process), timeout=DEADLINE))
            if process not in killed:
                return process
        time.sleep(0.01)
    raise TimeoutError(f"replay was not there again in {DEADLINE:g} s")


def _process(actor: Any) -> int:
    return os.getpid()

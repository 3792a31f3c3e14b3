"""A teacher, replay and the learner in one process, without Ray: step by step and deterministic.

A newcomer starts reading here. This module names the parts of a run with a teacher, in the order in which data flow: a
teacher makes events, replay keeps them, the learner learns from them, and exams say what has been learned. `launch.py`
runs the same parts as Ray actors, which `runtime/supervisor/` starts and watches. A live run has sensors in place of
the teacher: for these begin at `sensors/live/live_rig.py`.

    with Trial(taught, TeacherConfig(), ReplayConfig(), LearnerConfig(), 0, folder, steps=1000) as trial:
        trial.run(1000)
        grades = examine(trial.networks(), judges, trial.machine.exam())

The order is fixed: replay is fed until it tells the teacher to wait, then the learner takes one step. On the CPU the
same settings, data, seed and thread count give the same weights, bit by bit, and so does a trial that was saved, killed
and restored.
"""

import copy
import math
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agent.algorithms import SMART, Setup, algorithm
from agent.algorithms.smart import SmartTurns
from agent.checkpoints.checkpoint import load_state, newest_checkpoint, read_manifest, save_state, write_checkpoint
from agent.checkpoints.migrations import migrate_learner
from agent.config import LearnerConfig
from agent.hardware import choose_hardware
from agent.inference import build_networks
from agent.learner import Learner
from agent.networks.published import Networks
from replay.buffer import Buffer
from replay.config import ReplayConfig
from replay.files import lock, make_directory
from replay.reader import Reader
from replay.sampler import SampleBatch
from runtime.config.groups import flatten
from runtime.config.learning import free_tables
from runtime.config.migrate import migrate
from runtime.config.settings import RunConfig
from sensors.core.errors import ConfigError, StateError, StorageError
from sensors.core.event import EventBatch
from sensors.core.state import StateDict, check_state
from teacher.config import TeacherConfig
from teacher.machine import Machine
from teacher.subjects import Taught
from teacher.subjects.kinds import kinds_of

Concepts = Mapping[str, NDArray[np.int64]]
Tap = Callable[[EventBatch, Concepts], None]
"""Called with a batch and, by modality, the concept of each of its events."""
SOURCE = "teacher-0"
CHECK_EVERY = 50
"""Steps between two looks at whether the losses are finite."""


class Trial:
    """One run of the system.

    Attributes:
        machine: the teacher.
        learner: the learner.
        steps: steps that the whole trial has; the learning rate falls towards its end.
        seconds: time spent in learner steps, s, over all restores.
        events_by_kind: events that replay accepted so far, by kind.
        tap: when set, called with every batch that replay accepts, before the learner can draw from it, and with
            its events' concepts: for measuring only.
    """

    VERSION = 1

    def __init__(
        self,
        taught: Taught,
        teacher: TeacherConfig,
        replay: ReplayConfig,
        learner: LearnerConfig,
        seed: int,
        directory: Path,
        steps: int,
        most_events: int | None = None,
        learn: Sequence[str] = (SMART.name,),
        sections: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    ) -> None:
        """Start from nothing; what an earlier trial left in `directory/replay` is removed.

        Args:
            taught: what a subject loaded; of digits, `teacher.subjects.digits.taught_digits(images, speech)`.
            teacher: how to teach.
            replay: sizes of the tables, which lie in `directory/replay` until `close`.
            learner: settings; `threads` 0 leaves torch's number of threads as it is.
            seed: of everything random.
            directory: used by no other trial.
            steps: learner steps of the whole trial, > 0.
            most_events: events after which the teacher falls silent; None: it goes on.
            learn: names of the algorithms that learn.
            sections: their own settings by name.

        Raises:
            ConfigError: settings that exclude each other.
            StorageError: no space, or the directory is in use by another trial.
        """
        RunConfig(teacher=teacher, replay=replay, learner=learner)  # checks them against each other
        if steps < 1:
            raise ConfigError(f"steps={steps}: a trial has at least one")
        self.steps = steps
        self.seconds = 0.0
        self.events_by_kind: dict[str, int] = {}
        self.tap: Tap | None = None
        self._most = most_events
        self._config = replay
        self._seed = seed
        self._folder = directory / "replay"
        self._batches = 0
        self._held: tuple[EventBatch, Concepts] | None = None
        self.machine = Machine(teacher, taught.datasets, taught.concepts, SOURCE, seed)
        _clear(self._folder)
        declared = [algorithm(name) for name in learn]
        self._free = free_tables(declared, kinds_of(tuple(taught.datasets), teacher), learner)
        self._buffer = Buffer(self._folder, replay, seed, self._free)
        self._reader = Reader(self._folder, seed)
        hardware = choose_hardware(learner)
        config = learner.replace(preset=hardware.preset)
        drawn = _Reopened(self)
        setup = Setup(config, hardware, drawn, drawn, seed, sections)
        self.learner = Learner([one.make(setup) for one in declared], drawn, hardware)
        if learner.threads:
            torch.set_num_threads(learner.threads)
        self._about = {
            "teacher": teacher.to_dict(),
            "replay": replay.to_dict(),
            "learner": config.to_dict(),
            "trial": {"seed": seed, "steps": steps, "most_events": most_events, "learn": "+".join(learn)},
            **({"sections": {name: dict(section) for name, section in sections.items()}} if sections else {}),
            "data": {kind: choice.rpartition(":")[2] for kind, choice in taught.choices.items()},
        }

    @property
    def events(self) -> int:
        """Events that replay accepted so far."""
        return sum(self.events_by_kind.values())

    @property
    def done(self) -> int:
        """Learner steps so far."""
        return self.learner.steps

    def step(self) -> dict[str, Tensor]:
        """Feed replay, then take one learner step.

        Returns:
            Losses by term, as the algorithm returns them.

        Raises:
            ConfigError: the teacher waits or fell silent before the learner could start.
            StateError: a loss is no longer finite.
        """
        self.learner.remaining = max(1 - self.done / self.steps, 0.0)
        losses = None
        while losses is None:
            more = self._feed()
            begun = time.perf_counter()
            losses = self.learner.step()
            if losses is None and not more:
                raise ConfigError(
                    f"the learner waits for ever ({self.learner.waiting()}): "
                    "lower learner.min_events or raise replay.limiter_slack"
                )
        if self.done % CHECK_EVERY == 0:
            self._check(losses)
        elif self.learner.hardware.device.type == "cuda":
            torch.cuda.synchronize()
        self.seconds += time.perf_counter() - begun
        return losses

    def run(self, until: int) -> None:
        """Steps until so many are done in all."""
        losses: dict[str, Tensor] = {}
        while self.done < until:
            losses = self.step()
        self._check(losses)

    @property
    def smart(self) -> SmartTurns:
        """SMART, where it is among what learns."""
        found = self.learner.algorithms[SMART.name]
        assert isinstance(found, SmartTurns)
        return found

    def networks(self, name: str | None = None) -> Networks:
        """A copy of an algorithm's averaged weights, on the CPU, for exams; by default the first one's."""
        published = self.learner.algorithms[name or next(iter(self.learner.algorithms))].publish(-1)
        assert published is not None
        return build_networks({**published, "step": self.done})

    def state_dict(self) -> StateDict:
        """Everything but replay's tables: these are made again from the teacher's events, which never change."""
        counters = {kind: (self._folder / kind / "counters.col").read_bytes() for kind in self._reader.kinds()}
        return {
            "version": self.VERSION,
            "about": copy.deepcopy(self._about),
            "seconds": self.seconds,
            "batches": self._batches,
            "events_by_kind": dict(self.events_by_kind),
            "counters": {kind: torch.tensor(list(raw), dtype=torch.uint8) for kind, raw in counters.items()},
            "learner": self.learner.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where the saved trial stood.

        Raises:
            StateError: saved by a trial of other settings or data, or a part is missing or unknown.
        """
        keys = {"about", "seconds", "batches", "events_by_kind", "counters", "learner"}
        check_state(state, keys, self.VERSION, "trial")
        # A setting that is newer than the checkpoint had its default then, or what was done before there was one.
        defaults = {"teacher": TeacherConfig(), "replay": ReplayConfig(), "learner": LearnerConfig()}
        saved = {name: part for name, part in migrate(state["about"]).items() if name in self._about}
        mine = flatten(self._about)
        before = flatten({name: c.to_dict() for name, c in defaults.items()}) | {"trial.learn": SMART.name}
        theirs = before | flatten(saved)
        if changed := sorted(k for k in mine.keys() | theirs.keys() if mine.get(k) != theirs.get(k)):
            raise StateError(f"trial: saved with another {', '.join(changed)}; begin it in another directory")
        self._rebuild(int(state["batches"]), state["counters"])
        self.learner.load_state_dict(migrate_learner(state["learner"]))
        self.seconds = float(state["seconds"])
        if self.events_by_kind != state["events_by_kind"]:
            raise StateError(f"trial: its events are now {self.events_by_kind}, saved {state['events_by_kind']}")

    def save(self, path: Path) -> None:
        """Write a checkpoint into the folder `path`, in place of the one before.

        Raises:
            StorageError: it cannot be written; the one before is untouched.
        """

        def write(stage: Path) -> None:
            save_state(stage, "trial", self.state_dict())

        write_checkpoint(path, self.done, write, {}, keep=1)

    def restore(self, path: Path) -> bool:
        """Go on from the checkpoint in the folder `path`; false when there is none.

        Raises:
            StateError: it is damaged, or of a trial of other settings.
        """
        checkpoint = newest_checkpoint(path)
        if checkpoint is None:
            return False
        read_manifest(checkpoint)
        self.load_state_dict(load_state(checkpoint, "trial", self.learner.hardware.device))
        return True

    def close(self) -> None:
        """Give the disk space of replay back; closing twice is fine."""
        self._let_go()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _feed(self) -> bool:
        """Offer batches until the teacher is told to wait; one batch where nothing limits it.

        Returns:
            Whether there may be more at once.
        """
        while self._most is None or self.events < self._most:
            if self._held is None:
                self._held = (self.machine.step(), self.machine.concepts())
            batch, concepts = self._held
            if self._buffer.insert(batch).throttled_ms:
                return False
            self._held = None
            self._count(batch)
            if self.tap is not None:
                self.tap(batch, concepts)
            if self._config.samples_per_insert == 0:
                return True
        return False

    def _count(self, batch: EventBatch) -> None:
        self._batches += 1
        self.events_by_kind[batch.kind] = self.events_by_kind.get(batch.kind, 0) + len(batch)

    def _rebuild(self, batches: int, counters: Mapping[str, Tensor]) -> None:
        """Fill the tables anew with the teacher's first `batches` batches, then set their counters as they were."""
        self._let_go()
        _clear(self._folder)
        start = self.machine.state_dict() | {"batch": 0, "seq": 0, "lesson": 0}
        self.machine.load_state_dict(start)
        self._held, self._batches, self.events_by_kind = None, 0, {}
        free = Buffer(self._folder, self._config.replace(samples_per_insert=0.0), self._seed)
        for _ in range(batches):
            batch = self.machine.step()
            free.insert(batch)
            self._count(batch)
        free.close()
        del free
        for kind, raw in counters.items():
            (self._folder / kind / "counters.col").write_bytes(raw.cpu().numpy().tobytes())
        self._buffer = Buffer(self._folder, self._config, self._seed, self._free)
        self._reader = Reader(self._folder, self._seed)

    def _let_go(self) -> None:
        self._reader.close()
        self._buffer.close()

    def _check(self, losses: Mapping[str, Tensor]) -> None:
        if bad := [name for name, loss in losses.items() if not math.isfinite(float(loss))]:
            raise StateError(f"loss {', '.join(bad)} is not finite at step {self.done}: lower learner.learning_rate")


class _Reopened:
    """The trial's replay as its learner sees it: always the reader that is open now."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial

    def kinds(self) -> list[str]:
        return self._trial._reader.kinds()

    def size(self, kind: str) -> int:
        return self._trial._reader.size(kind)

    def deficit(self, kind: str) -> float:
        return self._trial._reader.deficit(kind)

    def sample(self, kind: str, count: int, selector: str = "uniform", **options: Any) -> SampleBatch:
        return self._trial._reader.sample(kind, count, selector, **options)

    def state_dict(self) -> StateDict:
        return self._trial._reader.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._trial._reader.load_state_dict(state)


def _clear(folder: Path) -> None:
    """Remove a trial's tables, unless another process uses them.

    Raises:
        StorageError: it does.
    """
    make_directory(folder)
    descriptor = lock(folder / "lock")
    if descriptor is None:
        raise StorageError(f"{folder}: in use by another trial; choose another directory")
    with open(descriptor, "rb"):
        shutil.rmtree(folder)

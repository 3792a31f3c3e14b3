"""Ray shells of the learner, of the monitor, and of what answers while both are at work."""

import contextlib
import os
import threading
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import ray
import torch
from ray.exceptions import RayActorError, RayError

from agent.algorithms import SMART, Setup, algorithm
from agent.answers.associations import Associations
from agent.answers.respond import LATEST, Responder
from agent.answers.response import warm_up
from agent.answers.viewer import ViewerWindow
from agent.config import AnswerConfig, LearnerConfig, MonitorConfig
from agent.events.held_out import TrainingReplay
from agent.events.randomness import seed_random
from agent.hardware import choose_hardware
from agent.inference import build_networks
from agent.learner import Learner
from agent.monitors.monitor import Monitor
from agent.monitors.rounds import Round, Rounds
from agent.monitors.subjects import find_subjects
from replay.reader import Reader
from sensors.core.errors import StateError
from sensors.sources.own_playback import NAME as PLAYBACK
from sensors.sources.own_playback import OwnPlayback
from sensors.sources.speaker import Speaker
from teacher.config import DataConfig
from teacher.subjects import read_subjects

LOOK = 0.05
"""Seconds between two looks for new events and weights."""
PULL_DEADLINE = 60.0
"""Seconds within which the learner must hand out its weights."""
PULL_PATIENCE = 1.0
"""Seconds that the monitor waits for them at once; later ones are there when it looks again."""


class LearnerActor:
    """The learner in a process of its own, with a GPU if there is one.

    Args:
        run_dir: of the run, whose `replay` holds the tables.
        config: `LearnerConfig` as a dict.
        seed: of weights and guides.
        replay: handle of replay.
        learn: names of the algorithms, those that learn from tables of this run.
        sections: their own settings by section, as dicts; defaults where they are not given.
    """

    def __init__(
        self,
        run_dir: str,
        config: dict[str, Any],
        seed: int,
        replay: Any = None,
        learn: Sequence[str] = (SMART.name,),
        sections: Mapping[str, dict[str, Any]] = MappingProxyType({}),
    ) -> None:
        settings = LearnerConfig.from_dict(config)
        seed_random(seed)
        hardware = choose_hardware(settings)
        reader = Reader(Path(run_dir) / "replay", seed)
        drawn = TrainingReplay(reader, settings.held_out) if settings.held_out > 0 else reader
        setup = Setup(settings.replace(preset=hardware.preset), hardware, drawn, reader, seed, sections)
        self.learner = Learner([algorithm(name).make(setup) for name in learn], drawn, hardware)
        torch.set_num_threads(hardware.threads)

    def describe(self) -> list[str]:
        """Printable lines about hardware and sizes."""
        return self.learner.describe()

    def run(self, seconds: float, steps: int | None = None) -> dict[str, Any]:
        """Learn for about `seconds`, and `steps` steps at most."""
        report = self.learner.run(seconds, steps)
        if report.waiting:
            time.sleep(min(0.05, seconds))
        return {
            "step": report.step,
            "turn": report.turn,
            "steps_per_s": report.steps / max(report.seconds, 1e-9),
            "duty": report.busy / max(report.seconds, 1e-9),
            "waiting": report.waiting,
            "waits": report.waits,
            "losses": report.losses,
            "figures": report.figures | self._taken(),
        }

    def publish(self, name: str, version: int) -> dict[str, Any] | None:
        """What the algorithm `name` has learned, or None when there is nothing newer than `version`, or no such one."""
        found = self.learner.algorithms.get(name)
        return None if found is None else found.publish(version)

    def snapshot(self, order: int | None = None) -> dict[str, float] | None:
        """Hold the state as of this `step`, for `checkpoint` to write; tells the `stall_ms` that it cost the learning.

        It is held until it is written, or `order` is given up, or a later one comes; without an order no longer than
        until the next copy. None while the one before is still being written, or is held for an order and this is none.

        Raises:
            StateError: the weights are no longer finite.
        """
        seconds = self.learner.snapshot(order)
        # No error: its receiver may have ended by now.
        return None if seconds is None else {"step": self.learner.steps, "stall_ms": 1000 * seconds}

    def checkpoint(self, directory: str, step: int | None = None) -> int:
        """Write the learner's part of a checkpoint into its stage directory; returns its step. May run beside the rest.

        Args:
            directory: the stage.
            step: of the snapshot; None: the kept copy of the last step, for a caller that cannot wait.

        Raises:
            RuntimeError: there is no such snapshot.
            StateError: the weights are no longer finite.
            OSError: it cannot be written.
        """
        if self.learner.failure:
            raise StateError(self.learner.failure)
        step = self.learner.steps if step is None else step
        self.learner.held.save(Path(directory), step)
        return step

    def give_up(self, order: int) -> None:
        """The checkpoint of this `order` will not be written any more, or was. May run beside the rest."""
        self.learner.held.give_up(order)

    def restore(self, directory: str) -> None:
        """Go on from a checkpoint."""
        self.learner.restore(Path(directory))

    def set_remaining(self, fraction: float | None) -> None:
        """Tell which share of a bounded run remains; the learning rate falls towards its end."""
        self.learner.remaining = fraction

    def ping(self) -> str:
        """Answer, which shows that the actor is alive."""
        return repr(self)

    def _taken(self) -> dict[str, float]:
        """Batches that held events which should have been held out."""
        replay = self.learner.replay
        return {"learner/held_out_taken": float(replay.taken)} if isinstance(replay, TrainingReplay) else {}

    def close(self) -> None:
        """Let go of replay's pages."""
        replay = self.learner.replay
        if isinstance(replay, Reader | TrainingReplay):
            replay.close()

    def __repr__(self) -> str:
        # Ray asks for it, too, while it reports that the constructor failed.
        if not hasattr(self, "learner"):
            return "Learner(starting)"
        turns = ", ".join(a.turn for a in self.learner.algorithms.values() if a.turn)
        return f"Learner({self.learner.hardware.device.type}, {turns or 'waiting'})"


class MonitorActor:
    """The monitor in a process of its own that gives way to the learner.

    Args:
        run_dir: of the run, whose `samples` are written.
        config: `MonitorConfig` as a dict.
        data: `DataConfig` as a dict.
        learner: handle of the learner; when that dies, the actor that takes the name 'learner'.
        teach: names of the subjects, joined by '+'; with the next, it says which exams there are.
        learn: names of the learner's algorithms.
        sections: their own settings by section, and the learner's, as dicts; defaults where they are not given.
        held_out: share of events that the learner holds out.
        examined: names of the subjects whose teachers bring an exam set.
        exams: these exam sets, in this order, as dicts of arrays.

    Raises:
        DataError: `monitor.judges` names a directory without datasets.
    """

    def __init__(
        self,
        run_dir: str,
        config: dict[str, Any],
        data: dict[str, Any],
        learner: Any,
        teach: str = "digits",
        learn: Sequence[str] = (SMART.name,),
        sections: Mapping[str, dict[str, Any]] = MappingProxyType({}),
        held_out: float = 0.0,
        examined: Sequence[str] = (),
        *exams: dict[str, Any],
    ) -> None:
        settings = MonitorConfig.from_dict(config)
        os.nice(settings.niceness)
        torch.set_num_threads(settings.threads)
        self.learner, self._pending = learner, dict[int, Any]()
        self.subjects = find_subjects(
            settings,
            DataConfig.from_dict(data),
            read_subjects(teach),
            dict(zip(examined, exams, strict=True)),
            [algorithm(name) for name in learn],
            sections,
            Path(run_dir),
            held_out,
        )
        self.versions = [-1] * len(self.subjects.all)
        pulls = [partial(self._pull, number) for number in range(len(self.subjects.all))]
        self.rounds = Rounds([Round(e.subject, pull) for e, pull in zip(self.subjects.all, pulls, strict=True)])

    def run(self, seconds: float) -> dict[str, Any]:
        """Train the judges, or examine when an exam is due."""
        found = self.rounds.run(seconds)
        return {"figures": found.figures, "note": found.note}

    def final(self, seconds: float) -> dict[str, Any]:
        """Finish the judges and examine on all test data; the learner rests, so every core is free.

        Args:
            seconds: about how long to work on it now; to be called until it is done.

        Returns:
            `figures` and `note` of all of it once it is done, and until then `progress`: how far it is, for people.
        """
        torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)
        progress, found = self.rounds.conclude(seconds)
        return {"figures": found.figures, "note": found.note, "progress": progress}

    def _pull(self, number: int, anyway: bool) -> Any | None:
        """The published networks for one subject's exam, if they are newer than at its last exam, or in any case."""
        examined = self.subjects.all[number]
        published = self._ask(number, examined.algorithm, -1 if anyway else self.versions[number], anyway)
        if published is None:
            return None
        self.versions[number] = published["version"]
        return examined.build(published)

    def _ask(self, number: int, name: str, known: int, anyway: bool) -> dict[str, Any] | None:
        """What the learner publishes; None when there is nothing new, or not within a moment unless it must be."""
        answer = self._pending.pop(number, None)
        try:
            if answer is None or anyway:
                answer = self.learner.publish.remote(name, known)
            if anyway or ray.wait([answer], timeout=PULL_PATIENCE)[0]:
                published: dict[str, Any] | None = ray.get(answer, timeout=PULL_DEADLINE)
                return published
            self._pending[number] = answer
        except RayActorError:
            # It died: another one takes its name.
            with contextlib.suppress(ValueError):
                self.learner = ray.get_actor("learner")
            if anyway:
                raise
        return None

    def material(self, known: Sequence[int]) -> list[dict[str, Any]] | None:
        """What the page shows of the exams of samples by sense; may run beside the rest.

        Args:
            known: step of the newest exam of each subject, as this told them before; empty: nothing is known yet.

        Returns:
            For each subject what `Monitor.material` tells; None where there is nothing newer.
        """
        monitors = [e.subject for e in self.subjects.all if isinstance(e.subject, Monitor)]
        told = [one.material(known[n] if n < len(known) else None) for n, one in enumerate(monitors)]
        return None if [one["step"] for one in told] == list(known) else told

    def ping(self) -> str:
        """Answer, which shows that the actor is alive."""
        return repr(self)

    def close(self) -> None:
        """Let go of replay's pages."""
        self.subjects.close()

    def __repr__(self) -> str:
        if not hasattr(self, "rounds"):
            return "Monitor(starting)"
        return "Monitor(judges ready)" if self.rounds.ready else "Monitor(training judges)"


class AnswerActor:
    """Answers what samples evoke while the learner is busy; `ray.get_actor("agent")` finds it.

    Made with `max_concurrency` of 2 and more: questions are answered while `run` pulls weights and responds.

    Args:
        run_dir: of the run, whose `replay` is watched and whose `samples` are written.
        config: `AnswerConfig` as a dict.
        learner: name of the learner's actor; the actor of that name is asked, also after a restart.
        learned_by: the algorithm of the learner whose networks answer.
    """

    def __init__(
        self, run_dir: str, config: dict[str, Any], learner: str = "learner", learned_by: str = SMART.name
    ) -> None:
        self.settings = AnswerConfig.from_dict(config)
        self._learned_by = learned_by
        self.associations = Associations(self.settings.threads)
        self._learner = learner
        self._pending: Any = None
        self._asked = -1e9
        self._closing = threading.Event()
        self.reader: Reader | None = None
        self.responder: Responder | None = None
        self.playback: OwnPlayback | None = None
        self.speaker: Speaker | None = None
        self.window: ViewerWindow | None = None
        if self.settings.respond:
            warm_up()
            samples = Path(run_dir) / "samples"
            self.reader = Reader(Path(run_dir) / "replay")
            if self.settings.speaker is not None:
                self.playback = OwnPlayback(Path(run_dir) / PLAYBACK)
                self.speaker = Speaker(self.settings.speaker, self.playback)
            self.window = ViewerWindow(samples / LATEST) if self.settings.window else None
            self.responder = Responder(self.settings, self.reader, self.associations, samples, self.speaker)

    def describe(self) -> list[str]:
        """Printable lines: how other programs ask, and where responses go."""
        here = ray.get_runtime_context()
        way = f'ray.init(address="{here.gcs_address}", namespace="{here.namespace}"), actor "agent"'
        asked = [f"may be asked by other programs: {way}"] if self.settings.serve else []
        if not self.settings.respond:
            return asked
        sound = "files alone" if self.speaker is None else f"files and speaker {self.speaker.device!r}"
        shown = "no window" if self.window is None else self.window.problem or "a window"
        return [*asked, f"responds to what is seen or heard alone: sounds to {sound}; pictures to files, {shown}"]

    def evoke(self, modality: str, samples: Any, target: str | None = None) -> dict[str, Any]:
        """What does this sound look like, what does this picture sound like.

        Args:
            modality: of the samples.
            samples: (B, *shape) or (*shape) in the modality's stored dtype.
            target: the one modality that is wanted; None: all others.

        Returns:
            `step` of the weights that answered, and `samples`: modality -> (B, *shape) in its stored dtype.

        Raises:
            StateError: nothing has been learned yet.
            EventError: a modality that the learner does not have, or samples of another shape or dtype.
        """
        evoked = self.associations.evoke(modality, samples, target)
        return {"step": evoked.step, "samples": dict(evoked.samples)}

    def run(self, seconds: float) -> dict[str, Any]:
        """Keep the weights new and respond, for about `seconds`."""
        end, notes = time.monotonic() + seconds, list[str]()
        while not self._closing.is_set():
            self._renew()
            if self.responder is not None and (note := self.responder.step()):
                notes.append(note)
            if time.monotonic() >= end:
                break
            self._closing.wait(min(LOOK, seconds))
        return {"figures": self.figures(), "note": "; ".join(notes)}

    def figures(self) -> dict[str, float]:
        """Questions, how long answers took, how old the weights are, responses."""
        told = self.associations.figures()
        return told | ({} if self.responder is None else self.responder.figures())

    def _renew(self) -> None:
        """Ask for newer weights, and take them when they are there; the learner is never waited for."""
        now = time.monotonic()
        try:
            if self._pending is None and now - self._asked >= self.settings.refresh:
                self._asked = now
                self._pending = ray.get_actor(self._learner).publish.remote(
                    self._learned_by, max(self.associations.step, 0)
                )
            if self._pending is None or not ray.wait([self._pending], timeout=0)[0]:
                return
            published, self._pending = ray.get(self._pending, timeout=PULL_DEADLINE), None
        except (ValueError, RayError):
            # It is not there, or died: the next look asks the actor that has its name by then.
            self._pending = None
            return
        if published is not None:
            self.associations.update(build_networks(published))

    def ping(self) -> str:
        """Answer, which shows that the actor is alive."""
        return repr(self)

    def close(self) -> None:
        """Fall silent, close the window, let go of replay's pages."""
        self._closing.set()
        for part in (self.speaker, self.window, self.reader, self.playback):
            if part is not None:
                part.close()

    def __repr__(self) -> str:
        # Ray asks for it, too, while it reports that the constructor failed.
        step = self.associations.step if hasattr(self, "associations") else -1
        return f"Agent({'waiting' if step < 0 else f'step {step}'})"

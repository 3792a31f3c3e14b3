"""The Ray actor that answers questions and responds while the learner is at work."""

import threading
import time
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError

from agent.algorithms import SMART
from agent.answers.associations import Associations
from agent.answers.respond import LATEST, Responder
from agent.answers.response import warm_up
from agent.answers.viewer import ViewerWindow
from agent.config import AnswerConfig
from agent.inference import build_networks
from replay.reader import Reader
from sensors.sources.own_playback import NAME as PLAYBACK
from sensors.sources.own_playback import OwnPlayback
from sensors.sources.speaker import Speaker

LOOK = 0.05
"""Seconds between two looks for new events and weights."""
PULL_DEADLINE = 60.0
"""Seconds within which the weights that the learner hands out must arrive."""


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

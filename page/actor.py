"""Ray shell of the page: pulls weights and exams, and hands commands to the supervisor."""

import contextlib
import os
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError

from agent.algorithms import TDLFT
from agent.answers.response import warm_up
from agent.inference import build_networks
from page.access.guard import is_loopback
from page.config import PageConfig
from page.context import PageContext, facts_of
from page.samples.exam_results import subjects_of
from page.server.page_server import PageServer
from page.sharing.forwarder import Forwarder
from page.sharing.sharing_connections import SharedMessage
from sensors.core.errors import StateError

SENSORS = "sensors"
"""Name of the actor that perceives."""
FETCH = 10.0
"""Seconds in which an answer that is there already must be read."""
LOOK = 0.5
"""Seconds between two looks for answers."""
IDLE_REFRESH = 60.0
"""Seconds between two looks for newer weights while nobody watches or asks."""
ASKED_LATELY = 60.0
"""Seconds after a question for which weights are kept new."""
EXAMS_EVERY = 10.0
"""Seconds between two looks for newer exams."""


class PageActor:
    """The page of one run in a process of its own that gives way to the learner.

    Args:
        run_dir: of the run, whose replay is watched and whose `samples` are written.
        config: `PageConfig` as a dict.
        facts: `RunFacts` as a dict.
        learned_by: the algorithm of the learner whose networks answer.
        token: that viewers need; used where the page is not on loopback.

    Raises:
        ConfigError: no port is free, or the address or the certificate cannot be used.
    """

    def __init__(
        self, run_dir: str, config: dict[str, Any], facts: Mapping[str, Any], learned_by: str, token: str
    ) -> None:
        self.settings = PageConfig.from_dict(config)
        os.nice(self.settings.niceness)
        self._learned_by = learned_by
        self._token = "" if is_loopback(self.settings.address) else token
        self.context = PageContext(Path(run_dir), self.settings, facts_of(facts))
        self.server = PageServer(self.context, self.settings, self._token)
        # Beside the work, and before anybody asks: the library that makes sounds takes seconds to load.
        self.context.pool.submit(warm_up)
        self._closing = threading.Event()
        self._weights, self._lips = _Pull(), _Pull()
        self._exams = _Pull()
        self._exam_steps: list[int] = []
        self._forwarder = Forwarder(self.context.sharing, _SensorsByRay(), self.context.facts.live)
        self._thread = threading.Thread(target=self._pull, name="pulling", daemon=True)
        self._thread.start()

    def describe(self) -> list[str]:
        """Printable lines: where the page is."""
        wanted, got = self.settings.port, self.server.port
        taken = "" if wanted == got else f"  (port {wanted} is taken)"
        return [f"page {self.server.address}{taken}"]

    def entrance(self) -> str:
        """The address with the token in it, for the person who started the run; empty where there is no token."""
        return f"{self.server.address}?token={self._token}" if self._token else ""

    def run(self, seconds: float, overview: Mapping[str, Any]) -> dict[str, Any]:
        """Take in how the run is, and give the commands that viewers gave within about `seconds`.

        Args:
            seconds: to wait for commands.
            overview: see `page.feed.run_report.status_of`.

        Returns:
            `commands`, names with their numbers, and `figures`.
        """
        self.context.report.update(overview)
        commands = self.context.commands.take(seconds)
        return {
            "commands": [(command.number, command.name) for command in commands],
            "figures": self.context.own_figures(),
        }

    def ping(self) -> str:
        """Answer, which shows that the actor is alive."""
        return repr(self)

    def close(self) -> None:
        """End all connections, and let go of replay's pages."""
        self._closing.set()
        self._forwarder.close()
        self.server.close()
        self.context.close()

    def _pull(self) -> None:
        """Keep weights and exams new; the learner and the monitor are never waited for."""
        while not self._closing.wait(LOOK):
            now = time.monotonic()
            watched = self.context.viewers > 0 or now - self.context.last_asked < ASKED_LATELY
            every = self.settings.refresh if watched or self.context.model.step is None else IDLE_REFRESH
            with contextlib.suppress(ValueError, RayError, StateError):
                # An actor that is not there, or died: whoever takes its name is asked at the next look.
                self._renew(now, every)
                self._look_at_exams(now)
            self.context.model.update_codes()

    def _renew(self, now: float, every: float) -> None:
        known = max(self.context.model.step or 0, 0)
        if self._weights.due(now, every):
            self._weights.ask(now, ray.get_actor("learner").publish.remote(self._learned_by, known))
        published = self._weights.take()
        if published is not None:
            self.context.model.renew(build_networks(published))
        if self._lips.due(now, every):
            # In a run without lip reading there is never anything newer.
            turn = self.context.lip_reader.turn or 0
            self._lips.ask(now, ray.get_actor("learner").publish.remote(TDLFT.name, turn))
        if (read := self._lips.take()) is not None:
            self.context.lip_reader.renew(read)

    def _look_at_exams(self, now: float) -> None:
        if self._exams.due(now, EXAMS_EVERY):
            self._exams.ask(now, ray.get_actor("monitor").material.remote(list(self._exam_steps)))
        told = self._exams.take()
        if told is not None:
            self._exam_steps = [int(one["step"]) for one in told]
            self.context.take_exams(subjects_of(told, list(self.context.samples.subjects)))

    def __repr__(self) -> str:
        # Ray asks for it, too, while it reports that the constructor failed.
        return f"Page({self.server.address if hasattr(self, 'server') else 'starting'})"


class _SensorsByRay:
    """The way to the sensors' actor, which is another one after a restart."""

    def __init__(self) -> None:
        self._actor: Any = None

    def ask(self, messages: Sequence[SharedMessage]) -> Any:
        """Begin an exchange."""
        if self._actor is None:
            self._actor = ray.get_actor(SENSORS)
        return self._actor.share.remote([tuple(message) for message in messages])

    def answer(self, pending: Any, seconds: float) -> tuple[bool, Any]:
        """The answer, if it is there."""
        if not ray.wait([pending], timeout=seconds)[0]:
            return False, None
        try:
            return True, ray.get(pending, timeout=FETCH)
        except RayError:
            self._actor = None
            raise


class _Pull:
    """A question to another actor whose answer is looked for, and never waited for."""

    def __init__(self) -> None:
        self._pending: Any = None
        self._asked = -1e9

    def due(self, now: float, every: float) -> bool:
        """Whether it is time to ask, and no answer is awaited."""
        return self._pending is None and now - self._asked >= every

    def ask(self, now: float, pending: Any) -> None:
        """The question was asked."""
        self._asked, self._pending = now, pending

    def take(self) -> Any:
        """The answer; None while there is none."""
        if self._pending is None or not ray.wait([self._pending], timeout=0)[0]:
            return None
        pending, self._pending = self._pending, None
        return ray.get(pending, timeout=FETCH)

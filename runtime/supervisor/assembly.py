"""Makes the actors of a run, all at once, each ready to be made again."""

import functools
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from replay.config import NONE
from runtime.config.learning import kinds, learning, sections
from runtime.config.page_facts import page_facts
from runtime.config.settings import RunConfig
from runtime.config.teaching import Teacher, teachers_of
from runtime.config.version import version
from runtime.supervisor.liveness import BACKGROUND, HEARTBEAT, Clock, with_heartbeat
from runtime.supervisor.supervised_actor import SupervisedActor
from sensors.live.rig_config import LIVE, RigConfig
from sensors.live.sensor_log import NAME as LOG
from sensors.plugins import process_setup
from sensors.sources.own_playback import NAME as PLAYBACK
from teacher.subjects import settings_of

ACTOR_CLASSES: Mapping[str, Any] = {
    "replay": "replay.actor:ReplayActor",
    "learner": "agent.actor:LearnerActor",
    "monitor": "agent.actor:MonitorActor",
    "teacher": "teacher.actor:TeacherActor",
    "sensors": "sensors.actor:SensorActor",
    "agent": "agent.actor:AnswerActor",
    "page": "page.actor:PageActor",
}
"""Class of each role's actor, or where to import it from."""
SENSORS = "sensors"
"""Name of the actor that perceives."""
AGENT = "agent"
"""Name of the actor that answers questions; other programs find it by this name."""
PAGE = "page"
"""Name of the actor that serves the page."""
QUESTIONS = 8
"""Calls that this actor works on at one time, its regular one among them."""


def assemble(
    config: RunConfig,
    path: Path,
    classes: Mapping[str, Any],
    gpus: float,
    here: str,
    joined: bool,
    clock: Clock,
    generations: dict[str, int],
) -> dict[str, SupervisedActor]:
    """Create replay, learner, teachers or sensors, and monitor, without waiting for any of them.

    Args:
        config: all settings.
        path: the run directory.
        classes: role -> actor class.
        gpus: GPUs for the learner.
        here: node that holds the run directory, for actors that write to it.
        joined: whether the cluster may have other nodes.
        clock: of the supervisor.
        generations: teacher -> its last generation so far; kept up to date.

    Returns:
        The actors by name, in the order in which they were made.
    """
    # Only the learner asks Ray for a CPU: on two cores, actors that ask for one each would wait for ever.
    common: dict[str, Any] = {"num_cpus": 0, "max_task_retries": 0}
    there = {"scheduling_strategy": NodeAffinitySchedulingStrategy(here, soft=False)}
    pinned = common | (there if joined else {})
    seed = config.run.seed
    actors: dict[str, SupervisedActor] = {}
    teachers = teachers_of(config.run)
    learns = learning(config)

    def supervise(name: str, create: Callable[[], Any], keeps_handle: bool = False) -> None:
        actors[name] = SupervisedActor(name, create, keeps_handle, config.run.restarts, clock, here)

    def replay() -> Any:
        options = pinned | {"name": "replay", "max_restarts": -1, "max_concurrency": config.replay.callers}
        tables = (kinds(config), learns.free)
        return _actor(classes["replay"], options, str(path / "replay"), config.replay.to_dict(), seed, *tables)

    def learner() -> Any:
        options = pinned | {"name": "learner", "num_cpus": 1, "num_gpus": gpus}
        told = (learns.names, sections(config))
        replay = actors["replay"].handle
        return _actor(classes["learner"], options, str(path), config.learner.to_dict(), seed, replay, *told)

    def teacher(one: Teacher) -> Any:
        # A cursor brings its own generation. Without one, new events must not repeat the ids of the dead actor's.
        generations[one.name] = generations.get(one.name, -1) + 1
        return _actor(
            classes["teacher"],
            # The monitor reads labelled data itself: on the same node, so that both read the same files.
            (pinned if one.subject.labelled else common) | {"name": one.name},
            one.name,
            config.data.to_dict(),
            settings_of(one.subject, config).to_dict(),
            one.seed,
            generations[one.name],
            actors["replay"].handle,
            one.subject.name,
            config.replay.ack != NONE,
        )

    def sensors() -> Any:
        generations[SENSORS] = generations.get(SENSORS, -1) + 1
        # On the machine of the run's directory and terminal: that is where the microphone is.
        return _actor(
            classes["sensors"],
            pinned | {"name": SENSORS},
            SENSORS,
            rig_of(config, path).to_dict(),
            generations[SENSORS],
            actors["replay"].handle,
            kinds(config),
            config.replay.ack != NONE,
        )

    def agent() -> Any:
        options = pinned | {"name": AGENT, "max_concurrency": QUESTIONS}
        return _actor(classes["agent"], options, str(path), config.answer.to_dict(), "learner", learns.answers)

    # Made once: viewers are not asked for another token after a restart.
    token = secrets.token_urlsafe(24)

    def page() -> Any:
        facts = page_facts(config, path, version())
        told = (str(path), config.page.to_dict(), facts, learns.answers, token)
        return _actor(classes["page"], pinned | {"name": PAGE}, *told)

    def monitor() -> Any:
        # The first teacher of each subject that has an exam set of samples by sense gives it to the monitor.
        first = {one.subject.name: actors[one.name] for one in teachers if one.speaks and not one.subject.labelled}
        return _actor(
            classes["monitor"],
            pinned | {"name": "monitor"},
            str(path),
            config.monitor.to_dict(),
            config.data.to_dict(),
            actors["learner"].handle,
            config.run.teach,
            learns.names,
            {**sections(config), "learner": config.learner.to_dict()},
            config.learner.held_out,
            list(first),
            *(actor.handle.exam.remote() for actor in first.values()),
        )

    supervise("replay", replay, keeps_handle=True)
    supervise("learner", learner)
    if config.run.sensors is not None:
        supervise(SENSORS, sensors)
    for one in teachers:
        supervise(one.name, functools.partial(teacher, one))
    if config.answer.serve or config.answer.respond:
        supervise(AGENT, agent)
    supervise("monitor", monitor)
    if config.page.port is not None:
        supervise(PAGE, page)
    return actors


def shown_actors(config: RunConfig) -> set[str]:
    """Names of the actors whose facts are shown on the screen; those of the others are only written to files."""
    return {"learner", SENSORS, AGENT, PAGE, *(one.name for one in teachers_of(config.run) if one.speaks)}


def rig_of(config: RunConfig, path: Path) -> RigConfig:
    """The rig of a run that perceives for itself, with `path` as its directory."""
    # An agent that hears its own voice would learn what it imagines. A recording does not hold its voice.
    own_playback = str(path / PLAYBACK) if config.answer.respond and config.rig.source == LIVE else None
    return config.rig.replace(own_playback=own_playback, log=str(path / LOG))


def _actor(kind: Any, options: Mapping[str, Any], *arguments: Any) -> Any:
    untyped: Any = ray
    made = untyped.remote(concurrency_groups={HEARTBEAT: 1, BACKGROUND: 1})(with_heartbeat(kind, process_setup()))
    return made.options(**options).remote(*arguments)

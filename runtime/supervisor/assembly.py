"""Makes the actors of a run, all at once, each ready to be made again."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from replay.config import NONE
from runtime.learning import kinds, learning, sections
from runtime.settings import RunConfig
from runtime.supervisor.crew import Member
from runtime.supervisor.vigil import ASIDE, PULSE, Clock, watched
from runtime.teaching import Teacher, teachers_of
from sensors.live.journal import NAME as LOG
from sensors.live.rig_config import LIVE, RigConfig
from sensors.plugins import process_setup
from sensors.sources.hush import NAME as HUSH
from teacher.subjects import settings_of

CAST: Mapping[str, Any] = {
    "replay": "replay.actor:ReplayActor",
    "learner": "agent.actor:LearnerActor",
    "monitor": "agent.actor:MonitorActor",
    "teacher": "teacher.actor:TeacherActor",
    "sensors": "sensors.actor:SensorActor",
    "agent": "agent.actor:AnswerActor",
}
"""Class of each role's actor, or where to import it from."""
SENSORS = "sensors"
"""Name of the one that perceives."""
AGENT = "agent"
"""Name of the one that answers, by which other programs find it."""
QUESTIONS = 8
"""Questions that it works on at one time, its everyday work among them."""


def assemble(
    config: RunConfig,
    path: Path,
    classes: Mapping[str, Any],
    gpus: float,
    here: str,
    joined: bool,
    clock: Clock,
    generations: dict[str, int],
) -> dict[str, Member]:
    """Create replay, learner, teachers or sensors, and monitor, without waiting for any of them.

    Args:
        config: all settings.
        path: the run directory.
        classes: role -> actor class.
        gpus: GPUs for the learner.
        here: node that holds the run directory, for those that write to it.
        joined: whether there may be others.
        clock: of who watches over them.
        generations: teacher -> its last generation so far; kept up to date.

    Returns:
        Name -> member, in the order in which they were made.
    """
    # Services ask for no CPU: on two cores actors that ask for one each would wait for ever.
    common: dict[str, Any] = {"num_cpus": 0, "max_task_retries": 0}
    there = {"scheduling_strategy": NodeAffinitySchedulingStrategy(here, soft=False)}
    pinned = common | (there if joined else {})
    seed = config.run.seed
    crew: dict[str, Member] = {}
    teachers = teachers_of(config.run)
    learns = learning(config)

    def member(name: str, create: Callable[[], Any], keeps_handle: bool = False) -> None:
        crew[name] = Member(name, create, keeps_handle, config.run.restarts, clock, here)

    def replay() -> Any:
        options = pinned | {"name": "replay", "max_restarts": -1, "max_concurrency": config.replay.callers}
        tables = (kinds(config), learns.free)
        return _actor(classes["replay"], options, str(path / "replay"), config.replay.to_dict(), seed, *tables)

    def learner() -> Any:
        options = pinned | {"name": "learner", "num_cpus": 1, "num_gpus": gpus}
        told = (learns.names, sections(config))
        replay = crew["replay"].handle
        return _actor(classes["learner"], options, str(path), config.learner.to_dict(), seed, replay, *told)

    def teacher(one: Teacher) -> Any:
        # A cursor brings its own generation; without one, events must not take the dead one's numbers.
        generations[one.name] = generations.get(one.name, -1) + 1
        return _actor(
            classes["teacher"],
            # The monitor reads labelled data itself: on its node, so that they are the same ones.
            (pinned if one.subject.labelled else common) | {"name": one.name},
            one.name,
            config.data.to_dict(),
            settings_of(one.subject, config).to_dict(),
            one.seed,
            generations[one.name],
            crew["replay"].handle,
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
            crew["replay"].handle,
            kinds(config),
            config.replay.ack != NONE,
        )

    def agent() -> Any:
        options = pinned | {"name": AGENT, "max_concurrency": QUESTIONS}
        return _actor(classes["agent"], options, str(path), config.answer.to_dict(), "learner", learns.answers)

    def monitor() -> Any:
        # The first teacher of each subject that has an exam set of samples by sense brings it.
        first = {one.subject.name: crew[one.name] for one in teachers if one.speaks and not one.subject.labelled}
        return _actor(
            classes["monitor"],
            pinned | {"name": "monitor"},
            str(path),
            config.monitor.to_dict(),
            config.data.to_dict(),
            crew["learner"].handle,
            config.run.teach,
            learns.names,
            {**sections(config), "learner": config.learner.to_dict()},
            config.learner.held_out,
            list(first),
            *(member.handle.exam.remote() for member in first.values()),
        )

    member("replay", replay, keeps_handle=True)
    member("learner", learner)
    if config.run.sensors is not None:
        member(SENSORS, sensors)
    for one in teachers:
        member(one.name, functools.partial(teacher, one))
    if config.answer.serve or config.answer.respond:
        member(AGENT, agent)
    member("monitor", monitor)
    return crew


def speakers(config: RunConfig) -> set[str]:
    """Members whose facts are shown, not only kept."""
    return {"learner", SENSORS, AGENT, *(one.name for one in teachers_of(config.run) if one.speaks)}


def rig_of(config: RunConfig, path: Path) -> RigConfig:
    """The rig of a run that perceives for itself, with `path` as its directory."""
    # An agent that hears itself would learn what it imagines; on a recording there is nothing of it.
    hush = str(path / HUSH) if config.answer.respond and config.rig.source == LIVE else None
    return config.rig.replace(hush=hush, log=str(path / LOG))


def _actor(kind: Any, options: Mapping[str, Any], *arguments: Any) -> Any:
    untyped: Any = ray
    made = untyped.remote(concurrency_groups={PULSE: 1, ASIDE: 1})(watched(kind, process_setup()))
    return made.options(**options).remote(*arguments)

"""Makes the actors of a run and their roles, all at once, each actor ready to be made again."""

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
from runtime.reporting.figures import Value
from runtime.supervisor.actors.actor_wrapper import BACKGROUND, HEARTBEAT, StartNote, wrap_actor
from runtime.supervisor.actors.supervised_actor import SupervisedActor
from runtime.supervisor.actors.supervision import Supervision
from runtime.supervisor.roles.answer_role import AGENT, AnswerRole
from runtime.supervisor.roles.learner_role import LearnerRole
from runtime.supervisor.roles.monitor_role import MonitorRole
from runtime.supervisor.roles.page_role import PAGE
from runtime.supervisor.roles.replay_role import ReplayRole
from runtime.supervisor.roles.role import Role
from runtime.supervisor.roles.sensor_role import SENSORS, SensorRole
from runtime.supervisor.roles.teacher_role import TeacherRole
from sensors.core.state import StateDict
from sensors.live.rig_config import RigConfig
from sensors.live.sensor_log import NAME as LOG
from sensors.plugins import process_setup
from sensors.sources.own_playback import NAME as PLAYBACK
from teacher.subjects import settings_of

ACTOR_CLASSES: Mapping[str, Any] = {
    "replay": "replay.actor:ReplayActor",
    "learner": "agent.actor:LearnerActor",
    "monitor": "agent.monitors.actor:MonitorActor",
    "teacher": "teacher.actor:TeacherActor",
    "sensors": "sensors.actor:SensorActor",
    "agent": "agent.answers.actor:AnswerActor",
    "page": "page.actor:PageActor",
}
"""Class of each role's actor, or where to import it from."""
QUESTIONS = 8
"""Calls that the actor that answers questions works on at one time, its regular one among them."""


def assemble(
    config: RunConfig,
    path: Path,
    classes: Mapping[str, Any],
    gpus: float,
    joined: bool,
    supervision: Supervision,
    cursors: Mapping[str, StateDict],
    generations: dict[str, int],
    newest: Callable[[], Path | None],
    fresh: dict[str, Value],
    page_role: Callable[[SupervisedActor], Role],
) -> dict[str, Role]:
    """Create replay, learner, teachers or sensors, and monitor, without waiting for any of them.

    Args:
        config: all settings.
        path: the run directory.
        classes: role -> actor class, or where to import it from.
        gpus: GPUs for the learner.
        joined: whether the cluster may have other nodes.
        supervision: what all actors share. Its node holds the run directory: actors that write to it are made there.
        cursors: saved positions of teachers and sensors, by name.
        generations: teacher -> its last generation so far; kept up to date.
        newest: finds the newest checkpoint; None where there is none.
        fresh: receives new grades.
        page_role: makes the role of the page, which shows what the supervisor alone knows.

    Returns:
        The role of each actor by the actor's name, in the order in which they were made.
    """
    # Only the learner asks Ray for a CPU: on two cores, actors that ask for one each would wait for ever.
    common: dict[str, Any] = {"num_cpus": 0, "max_task_retries": 0}
    there = {"scheduling_strategy": NodeAffinitySchedulingStrategy(supervision.node, soft=False)}
    pinned = common | (there if joined else {})
    seed = config.run.seed
    roles: dict[str, Role] = {}
    known = (supervision.status, supervision.section)
    remark = supervision.remark
    teachers = teachers_of(config.run)
    learns = learning(config)

    def supervise(
        name: str, create: Callable[[], Any], role: Callable[[SupervisedActor], Role], keeps_handle: bool = False
    ) -> None:
        roles[name] = role(SupervisedActor(name, create, supervision, keeps_handle))

    def make(role: str, options: Mapping[str, Any], *arguments: Any) -> Any:
        note = StartNote(supervision.starts.path, options["name"], supervision.node)
        untyped: Any = ray
        groups = untyped.remote(concurrency_groups={HEARTBEAT: 1, BACKGROUND: 1})
        return groups(wrap_actor(classes[role], process_setup(), note)).options(**options).remote(*arguments)

    def replay() -> Any:
        options = pinned | {"name": "replay", "max_restarts": -1, "max_concurrency": config.replay.callers}
        tables = (kinds(config), learns.free)
        return make("replay", options, str(path / "replay"), config.replay.to_dict(), seed, *tables)

    def learner() -> Any:
        options = pinned | {"name": "learner", "num_cpus": 1, "num_gpus": gpus}
        told = (learns.names, sections(config))
        replay = roles["replay"].actor.handle
        return make("learner", options, str(path), config.learner.to_dict(), seed, replay, *told)

    def teacher(one: Teacher) -> Any:
        # A cursor brings its own generation. Without one, new events must not repeat the ids of the dead actor's.
        generations[one.name] = generations.get(one.name, -1) + 1
        return make(
            "teacher",
            # The monitor reads labelled data itself: on the same node, so that both read the same files.
            (pinned if one.subject.labelled else common) | {"name": one.name},
            one.name,
            config.data.to_dict(),
            settings_of(one.subject, config).to_dict(),
            one.seed,
            generations[one.name],
            roles["replay"].actor.handle,
            one.subject.name,
            config.replay.ack != NONE,
        )

    def sensors() -> Any:
        generations[SENSORS] = generations.get(SENSORS, -1) + 1
        # On the machine of the run's directory and terminal: that is where the microphone is.
        return make(
            "sensors",
            pinned | {"name": SENSORS},
            SENSORS,
            rig_of(config, path).to_dict(),
            generations[SENSORS],
            roles["replay"].actor.handle,
            kinds(config),
            config.replay.ack != NONE,
        )

    def agent() -> Any:
        options = pinned | {"name": AGENT, "max_concurrency": QUESTIONS}
        return make("agent", options, str(path), config.answer.to_dict(), "learner", learns.answers)

    # Made once: viewers are not asked for another token after a restart.
    token = secrets.token_urlsafe(24)

    def page() -> Any:
        facts = page_facts(config, path, version())
        told = (str(path), config.page.to_dict(), facts, learns.answers, token)
        return make("page", pinned | {"name": PAGE}, *told)

    def monitor() -> Any:
        # The first teacher of each subject that has an exam set of samples by sense gives it to the monitor.
        first = {one.subject.name: roles[one.name].actor for one in teachers if one.speaks and not one.subject.labelled}
        return make(
            "monitor",
            pinned | {"name": "monitor"},
            str(path),
            config.monitor.to_dict(),
            config.data.to_dict(),
            roles["learner"].actor.handle,
            config.run.teach,
            learns.names,
            {**sections(config), "learner": config.learner.to_dict()},
            config.learner.held_out,
            list(first),
            *(actor.handle.exam.remote() for actor in first.values()),
        )

    supervise("replay", replay, lambda actor: ReplayRole(actor, *known, remark), keeps_handle=True)
    supervise("learner", learner, lambda actor: LearnerRole(actor, *known, newest))
    if config.run.sensors is not None:
        supervise(SENSORS, sensors, lambda actor: SensorRole(actor, *known, cursors.get(SENSORS), remark))
    for one in teachers:
        create = functools.partial(teacher, one)
        supervise(one.name, create, lambda actor: TeacherRole(actor, *known, cursors.get(actor.name)))
    if config.answer.serve or config.answer.respond:
        supervise(AGENT, agent, lambda actor: AnswerRole(actor, *known, remark))
    supervise("monitor", monitor, lambda actor: MonitorRole(actor, *known, remark, fresh))
    if config.page.port is not None:
        supervise(PAGE, page, page_role)
    return roles


def shown_actors(config: RunConfig) -> set[str]:
    """Names of the actors whose facts are shown on the screen; those of the others are only written to files."""
    return {"learner", SENSORS, AGENT, PAGE, *(one.name for one in teachers_of(config.run) if one.speaks)}


def rig_of(config: RunConfig, path: Path) -> RigConfig:
    """The rig of a run that perceives for itself, with `path` as its directory."""
    # An agent that hears its own voice would learn what it imagines. A recording does not hold its voice.
    own_playback = str(path / PLAYBACK) if config.answer.respond and not config.rig.played else None
    return config.rig.replace(own_playback=own_playback, log=str(path / LOG))

"""Makes the actors of a run, all at once, each ready to be made again."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from replay.config import NONE
from runtime.settings import LETTERS_TEACHER, RunConfig, teacher_names
from runtime.supervisor.crew import Member
from runtime.supervisor.vigil import ASIDE, PULSE, Clock, watched
from sensors.config import Config
from sensors.hush import NAME as HUSH
from sensors.journal import NAME as LOG
from sensors.modalities import kind_of
from sensors.plugins import process_setup
from sensors.rig_config import LIVE, RigConfig
from sensors.streams import perceived_kinds

CAST: Mapping[str, Any] = {
    "replay": "replay.actor:ReplayActor",
    "learner": "agent.actor:LearnerActor",
    "monitor": "agent.actor:MonitorActor",
    "teacher": "teacher.actor:TeacherActor",
    "sensors": "sensors.actor:SensorActor",
    "agent": "agent.actor:AnswerActor",
}
"""Class of each role's actor, or where to import it from."""
SEEDS = 64
"""Teachers' seeds of one run: run seed x `SEEDS` + the teacher's number; the letters teacher's is without one."""
SENSORS = "sensors"
"""Name of the one that perceives."""
AGENT = "agent"
"""Name of the one that answers, by which other programs find it."""
QUESTIONS = 8
"""Questions that it works on at one time, its everyday work among them."""
SPEAKERS = ("learner", "teacher-0", LETTERS_TEACHER, SENSORS, AGENT)
"""Members whose facts are shown, not only kept."""


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

    def member(name: str, create: Callable[[], Any], keeps_handle: bool = False) -> None:
        crew[name] = Member(name, create, keeps_handle, config.run.restarts, clock, here)

    def replay() -> Any:
        options = pinned | {"name": "replay", "max_restarts": -1, "max_concurrency": config.replay.callers}
        return _actor(classes["replay"], options, str(path / "replay"), config.replay.to_dict(), seed, kinds(config))

    def learner() -> Any:
        options = pinned | {"name": "learner", "num_cpus": 1, "num_gpus": gpus}
        told = (config.run.teach, config.tdlft.to_dict())
        replay = crew["replay"].handle
        return _actor(classes["learner"], options, str(path), config.learner.to_dict(), seed, replay, *told)

    def teacher(name: str, subject: str, settings: Config, own_seed: int) -> Any:
        # A cursor brings its own generation; without one, events must not take the dead one's numbers.
        generations[name] = generations.get(name, -1) + 1
        return _actor(
            classes["teacher"],
            # The monitor reads the corpus of letters itself: on its node, so that it is the same one.
            (pinned if subject == "letters" else common) | {"name": name},
            name,
            config.data.to_dict(),
            settings.to_dict(),
            own_seed,
            generations[name],
            crew["replay"].handle,
            subject,
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
        return _actor(classes["agent"], options, str(path), config.answer.to_dict())

    def monitor() -> Any:
        exam = crew["teacher-0"].handle.exam.remote() if "teacher-0" in crew else None
        return _actor(
            classes["monitor"],
            pinned | {"name": "monitor"},
            str(path),
            config.monitor.to_dict(),
            config.data.to_dict(),
            exam,
            crew["learner"].handle,
            config.run.teach,
            config.tdlft.to_dict(),
            config.learner.held_out,
        )

    member("replay", replay, keeps_handle=True)
    member("learner", learner)
    if config.run.sensors is not None:
        member(SENSORS, sensors)
    for number, name in enumerate(teacher_names(config.run)):
        own = ("letters", config.letters, 0) if name == LETTERS_TEACHER else ("digits", config.teacher, number)
        subject, settings, offset = own
        member(name, functools.partial(teacher, name, subject, settings, seed * SEEDS + offset))
    if config.answer.serve or config.answer.respond:
        member(AGENT, agent)
    member("monitor", monitor)
    return crew


def rig_of(config: RunConfig, path: Path) -> RigConfig:
    """The rig of a run that perceives for itself, with `path` as its directory."""
    # An agent that hears itself would learn what it imagines; on a recording there is nothing of it.
    hush = str(path / HUSH) if config.answer.respond and config.rig.source == LIVE else None
    return config.rig.replace(hush=hush, log=str(path / LOG))


def kinds(config: RunConfig) -> list[str]:
    """Tables that what is taught fills: of each modality, of all together, and of labelled pairs and speech."""
    names = [name.strip() for name in config.learner.modalities.split(",")]
    if config.run.sensors is not None:
        return perceived_kinds(names)
    digits = [*names, "+".join(names)] if config.run.digits else []
    letters = [("speech", "lips", "letter"), ("speech", "letter")] if config.run.letters else []
    return digits + [kind_of(kind) for kind in letters]


def _actor(kind: Any, options: Mapping[str, Any], *arguments: Any) -> Any:
    untyped: Any = ray
    made = untyped.remote(concurrency_groups={PULSE: 1, ASIDE: 1})(watched(kind, process_setup()))
    return made.options(**options).remote(*arguments)

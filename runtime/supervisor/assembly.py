"""Makes the actors of a run, all at once, each ready to be made again."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from runtime.settings import RunConfig
from runtime.supervisor.crew import Member

CAST: Mapping[str, Any] = {
    "replay": "replay.actor:ReplayActor",
    "learner": "agent.actor:LearnerActor",
    "monitor": "agent.actor:MonitorActor",
    "teacher": "teacher.actor:TeacherActor",
}
"""Class of each role's actor, or where to import it from."""
SEEDS = 64
"""Teachers' seeds of one run: run seed x `SEEDS` + the teacher's number."""


def assemble(
    config: RunConfig,
    path: Path,
    classes: Mapping[str, Any],
    gpus: float,
    here: str | None,
    generations: dict[str, int],
) -> dict[str, Member]:
    """Create replay, learner, teachers and monitor without waiting for any of them.

    Args:
        config: all settings.
        path: the run directory.
        classes: role -> actor class.
        gpus: GPUs for the learner.
        here: node that holds the run directory, for those that write to it; none when there is but one.
        generations: teacher -> its last generation so far; kept up to date.

    Returns:
        Name -> member, in the order in which they were made.
    """
    # Services ask for no CPU: on two cores actors that ask for one each would wait for ever.
    common: dict[str, Any] = {"num_cpus": 0, "max_task_retries": 0}
    if here is not None:
        pinned = common | {"scheduling_strategy": NodeAffinitySchedulingStrategy(here, soft=False)}
    else:
        pinned = common
    seed = config.run.seed
    crew: dict[str, Member] = {}

    def member(name: str, create: Callable[[], Any], keeps_handle: bool = False) -> None:
        crew[name] = Member(name, create, keeps_handle, config.run.restarts)

    def replay() -> Any:
        options = pinned | {"name": "replay", "max_restarts": -1}
        names = [name.strip() for name in config.learner.modalities.split(",")]
        kinds = [*names, "+".join(names)]
        return _actor(classes["replay"], options, str(path / "replay"), config.replay.to_dict(), seed, kinds)

    def learner() -> Any:
        options = pinned | {"name": "learner", "num_cpus": 1, "num_gpus": gpus}
        return _actor(classes["learner"], options, str(path), config.learner.to_dict(), seed, crew["replay"].handle)

    def teacher(number: int) -> Any:
        name = f"teacher-{number}"
        # A cursor brings its own generation; without one, events must not take the dead one's numbers.
        generations[name] = generations.get(name, -1) + 1
        return _actor(
            classes["teacher"],
            common | {"name": name},
            name,
            config.data.to_dict(),
            config.teacher.to_dict(),
            seed * SEEDS + number,
            generations[name],
            crew["replay"].handle,
        )

    def monitor() -> Any:
        exam = crew["teacher-0"].handle.exam.remote()
        return _actor(
            classes["monitor"],
            pinned | {"name": "monitor"},
            str(path),
            config.monitor.to_dict(),
            config.data.to_dict(),
            exam,
            crew["learner"].handle,
        )

    member("replay", replay, keeps_handle=True)
    member("learner", learner)
    for number in range(config.run.teachers):
        member(f"teacher-{number}", functools.partial(teacher, number))
    member("monitor", monitor)
    return crew


def _actor(kind: Any, options: Mapping[str, Any], *arguments: Any) -> Any:
    return ray.remote(kind).options(**options).remote(*arguments)

"""The role of each actor of a run."""

from collections.abc import Callable, Mapping
from pathlib import Path

from runtime.config.settings import RunSection
from runtime.reporting.figures import Value
from runtime.reporting.run_status import RunStatus
from runtime.supervisor.answer_role import AnswerRole
from runtime.supervisor.assembly import AGENT, SENSORS
from runtime.supervisor.roles import LearnerRole, MonitorRole, ReplayRole, Role, TeacherRole
from runtime.supervisor.sensor_role import SensorRole
from runtime.supervisor.supervised_actor import SupervisedActor
from sensors.core.state import StateDict


def assign_roles(
    actors: Mapping[str, SupervisedActor],
    status: RunStatus,
    section: RunSection,
    cursors: Mapping[str, StateDict],
    newest: Callable[[], Path | None],
    remark: Callable[[str], None],
    fresh: dict[str, Value],
) -> dict[str, Role]:
    """Make a role for each actor, replay's and the learner's first.

    Args:
        actors: by name.
        status: shared by all roles.
        section: settings of the run.
        cursors: saved positions of teachers and sensors, by name.
        newest: finds the newest checkpoint.
        remark: shows a note.
        fresh: receives new grades.
    """
    roles: dict[str, Role] = {
        "replay": ReplayRole(actors["replay"], status, section, remark),
        "learner": LearnerRole(actors["learner"], status, section, newest),
    }
    for name, actor in actors.items():
        if name.startswith("teacher-"):
            roles[name] = TeacherRole(actor, status, section, cursors.get(name))
        elif name == SENSORS:
            roles[name] = SensorRole(actor, status, section, cursors.get(name), remark)
        elif name == AGENT:
            roles[name] = AnswerRole(actor, status, section, remark)
    roles["monitor"] = MonitorRole(actors["monitor"], status, section, remark, fresh)
    return roles

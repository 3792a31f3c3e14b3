"""Who does what in a run: each member's role."""

from collections.abc import Callable, Mapping
from pathlib import Path

from runtime.board import Board
from runtime.figures import Value
from runtime.settings import RunSection
from runtime.supervisor.answer_role import AnswerRole
from runtime.supervisor.assembly import AGENT, SENSORS
from runtime.supervisor.crew import Member
from runtime.supervisor.roles import LearnerRole, MonitorRole, ReplayRole, Role, TeacherRole
from runtime.supervisor.sensor_role import SensorRole
from sensors.core.state import State


def assign(
    crew: Mapping[str, Member],
    board: Board,
    section: RunSection,
    cursors: Mapping[str, State],
    newest: Callable[[], Path | None],
    remark: Callable[[str], None],
    fresh: dict[str, Value],
) -> dict[str, Role]:
    """A role for each member, replay's and the learner's first.

    Args:
        crew: name -> member.
        board: what is known of the run.
        section: settings of the run.
        cursors: saved places of those that teach or perceive.
        newest: finds the newest checkpoint.
        remark: shows a note.
        fresh: takes grades that are new.
    """
    roles: dict[str, Role] = {
        "replay": ReplayRole(crew["replay"], board, section, remark),
        "learner": LearnerRole(crew["learner"], board, section, newest),
    }
    for name, member in crew.items():
        if name.startswith("teacher-"):
            roles[name] = TeacherRole(member, board, section, cursors.get(name))
        elif name == SENSORS:
            roles[name] = SensorRole(member, board, section, cursors.get(name), remark)
        elif name == AGENT:
            roles[name] = AnswerRole(member, board, section, remark)
    roles["monitor"] = MonitorRole(crew["monitor"], board, section, remark, fresh)
    return roles

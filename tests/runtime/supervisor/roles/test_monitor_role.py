from types import SimpleNamespace
from typing import Any

from runtime.config.run_section import RunSection
from runtime.reporting.figures import Value
from runtime.reporting.run_status import RunStatus
from runtime.supervisor.roles.monitor_role import FINAL_PATIENCE, MonitorRole

MONITOR: Any = SimpleNamespace(name="monitor", started=True, keeps_handle=False)


def answer(progress: str, stage: str = "", share: float | None = None) -> dict[str, Any]:
    return {"figures": {}, "note": "", "progress": progress, "stage": stage, "share": share}


def test_the_final_exam_is_asked_for_in_pieces_until_it_is_done() -> None:
    status, notes, fresh = RunStatus(), list[str](), dict[str, Value]()
    role = MonitorRole(MONITOR, status, RunSection(chunk=1.0), notes.append, fresh)
    role.todo.clear()
    role.conclude()
    for now, progress in ((100.0, "judged 500 of 1,000"), (110.0, "judged 1,000 of 1,000")):
        asked = role.next(now)
        assert asked is not None and (asked.method, asked.arguments) == ("final", (1.0,))
        # All pieces together have one deadline.
        assert asked.expected + asked.patience == FINAL_PATIENCE - (now - 100.0)
        role.on_answer("final", answer(progress), now + 1)
        assert status.examined == f"{progress}, 0:{now - 99:02.0f} so far" and not role.graded
    role.on_answer("final", answer("") | {"figures": {"exam/a": 0.5}, "note": "done"}, 112.0)
    assert role.graded and role.next(113.0) is None
    assert (fresh, notes) == ({"exam/a": 0.5}, ["done"])


def test_the_final_exam_tells_how_long_a_stage_will_take() -> None:
    status = RunStatus()
    role = MonitorRole(MONITOR, status, RunSection(chunk=1.0), list[str]().append, {})
    role.todo.clear()
    role.conclude()
    role.next(100.0)
    told = []
    for now, stage, share in (
        (101.0, "training judges", 0.5),  # trained before the end: its pace is not known yet
        (111.0, "training judges", 0.6),
        (151.0, "training judges", 1.0),
        (152.0, "judging", 0.1),
        (153.0, "judging", 0.11),
        (162.0, "judging", 0.2),
        (170.0, "", None),
    ):
        role.on_answer("final", answer("x", stage, share), now)
        told.append(status.examined.partition(" so far")[2])
    assert told == ["", ", about 0:40 to go", ", about 0:00 to go", "", "", ", about 1:20 to go", ""]

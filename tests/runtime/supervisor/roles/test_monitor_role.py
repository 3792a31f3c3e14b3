from types import SimpleNamespace
from typing import Any

from runtime.config.run_section import RunSection
from runtime.reporting.figures import Value
from runtime.reporting.run_status import RunStatus
from runtime.supervisor.roles.monitor_role import FINAL_PATIENCE, MonitorRole

MONITOR: Any = SimpleNamespace(name="monitor", started=True, keeps_handle=False)


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
        role.on_answer("final", {"figures": {}, "note": "", "progress": progress}, now + 1)
        assert status.examined == f"{progress}, {now - 99:.0f} s" and not role.graded
    role.on_answer("final", {"figures": {"exam/a": 0.5}, "note": "done", "progress": ""}, 112.0)
    assert role.graded and role.next(113.0) is None
    assert (fresh, notes) == ({"exam/a": 0.5}, ["done"])

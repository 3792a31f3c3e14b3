"""What a run knows of its teachers' events adds up, whichever process dies."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from runtime.config.run_section import RunSection
from runtime.reporting.figures import Counters
from runtime.reporting.run_status import RunStatus
from runtime.supervisor.roles.teacher_role import TeacherRole, settle


def actor(name: str) -> Any:
    return SimpleNamespace(name=name, started=True, keeps_handle=False)


def dropped(counters: Counters) -> float:
    return sum(total for key, total in counters.totals.items() if key.startswith("teacher/dropped/"))


def known(counters: Counters) -> float:
    totals = counters.totals
    return totals.get("teacher/accepted", 0) + totals.get("teacher/duplicate", 0) + dropped(counters)


def test_teachers_events_add_up_at_any_time_over_deaths_and_resumes() -> None:
    rng = np.random.default_rng(0)
    status = RunStatus()
    roles = [TeacherRole(actor(f"teacher-{n}"), status, RunSection(), None) for n in range(3)]
    held = [0, 0, 0]
    died = resumed = 0
    for _ in range(2_000):
        n, what = int(rng.integers(3)), rng.random()
        if what < 0.05:
            roles[n].on_restart()
            died += held[n]
            held[n] = 0
        elif what < 0.06:
            # The supervisor ends and comes back with what a checkpoint holds.
            state, status = status.counters.state_dict(), RunStatus()
            status.counters.load_state_dict(state)
            settle(status.counters)
            roles = [TeacherRole(actor(f"teacher-{n}"), status, RunSection(), None) for n in range(3)]
            died, held, resumed = died + sum(held), [0, 0, 0], resumed + 1
        else:
            offered = int(rng.integers(100))
            parts = rng.multinomial(held[n] + offered, [0.4, 0.2, 0.1, 0.1, 0.2]).tolist()
            held[n] = parts[4]
            answer = {"offered": offered, "accepted": parts[0], "duplicate": parts[1], "held": parts[4]}
            answer["dropped"] = {"throttled": parts[2], "unanswered": parts[3]}
            roles[n].on_answer("run", answer, 0.0)
        assert status.counters.totals.get("teacher/offered", 0) == known(status.counters) + sum(held)
        assert sum(float(value) for key, value in status.values.items() if key.startswith("held/")) == sum(held)
    assert status.counters.totals["teacher/dropped/died"] == died > 100 and resumed > 5

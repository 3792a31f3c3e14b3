"""What a run knows of its sources adds up, whoever dies."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from runtime.config.settings import RunSection
from runtime.reporting.figures import Counters, Value
from runtime.reporting.run_status import RunStatus
from runtime.supervisor.monitor_role import FINAL_PATIENCE, MonitorRole
from runtime.supervisor.roles import ReplayRole, TeacherRole, settle


def actor(name: str, keeps_handle: bool = False) -> Any:
    return SimpleNamespace(name=name, started=True, keeps_handle=keeps_handle)


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


def test_replays_totals_are_its_files_and_a_fall_of_theirs_counts_nothing() -> None:
    status = RunStatus()
    role = ReplayRole(actor("replay", keeps_handle=True), status, RunSection(), lambda note: None)
    table = {"inserted": 100, "sampled": 5, "evicted": 90, "duplicates": 3, "throttled": 0, "corrupt": 0, "torn": 0}
    for inserted in (100, 98, 99, 101):
        # A kill took back two events whose slots were overwritten before they were recorded.
        role.on_answer("stats", {"image": {**table, "size": 10, "capacity": 20, "inserted": inserted}}, 0.0)
    assert status.values["replay/inserted"] == status.values["events/image"] == 101


def test_what_a_new_replay_process_refused_adds_to_what_the_old_one_had() -> None:
    status = RunStatus()
    notes: list[str] = []
    role = ReplayRole(actor("replay", keeps_handle=True), status, RunSection(), notes.append)
    for process, refused in ((7, 2), (7, 2), (8, 2)):
        role.on_answer("__ray_call__", process, 0.0)
        role.on_answer("ping", {"refused": refused}, 0.0)
    assert status.counters.totals["replay/refused"] == 4 and len(notes) == 1


def test_the_final_exam_is_asked_for_in_pieces_until_it_is_done() -> None:
    status, notes, fresh = RunStatus(), list[str](), dict[str, Value]()
    role = MonitorRole(actor("monitor"), status, RunSection(chunk=1.0), notes.append, fresh)
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


def test_the_final_exam_is_no_time_of_learning() -> None:
    status = RunStatus(first_step_at=10.0, learned_before=5.0)
    assert status.learned(30.0) == 25.0
    status.resting_since = 40.0
    assert status.learned(39.0) == 34.0 and status.learned(140.0) == 35.0

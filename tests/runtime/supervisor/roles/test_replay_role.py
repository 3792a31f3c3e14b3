from types import SimpleNamespace
from typing import Any

from runtime.config.run_section import RunSection
from runtime.reporting.run_status import RunStatus
from runtime.supervisor.roles.replay_role import ReplayRole

REPLAY: Any = SimpleNamespace(name="replay", started=True, keeps_handle=True)


def test_replays_totals_are_its_files_and_a_fall_of_theirs_counts_nothing() -> None:
    status = RunStatus()
    role = ReplayRole(REPLAY, status, RunSection(), lambda note: None)
    table = {"inserted": 100, "sampled": 5, "evicted": 90, "duplicates": 3, "throttled": 0, "corrupt": 0, "torn": 0}
    for inserted in (100, 98, 99, 101):
        # A kill took back two events whose slots were overwritten before they were recorded.
        role.on_answer("stats", {"image": {**table, "size": 10, "capacity": 20, "inserted": inserted}}, 0.0)
    assert status.values["replay/inserted"] == status.values["events/image"] == 101


def test_what_a_new_replay_process_refused_adds_to_what_the_old_one_had() -> None:
    status = RunStatus()
    notes: list[str] = []
    role = ReplayRole(REPLAY, status, RunSection(), notes.append)
    for process, refused in ((7, 2), (7, 2), (8, 2)):
        role.on_answer("__ray_call__", process, 0.0)
        role.on_answer("ping", {"refused": refused}, 0.0)
    assert status.counters.totals["replay/refused"] == 4 and len(notes) == 1

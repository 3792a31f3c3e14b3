import io
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runtime.config.run_section import RunSection
from runtime.reporting.figures import Counters
from runtime.reporting.overview import Overview
from runtime.reporting.run_status import RunStatus
from runtime.reporting.terminal import Terminal
from runtime.supervisor.reports.page_report import PageReport, checkpoint_of
from runtime.supervisor.reports.record import doing
from runtime.supervisor.roles.page_role import PageRole


class Told:
    """A page's role without a page."""

    def __init__(self, viewer: Any = None) -> None:
        self.status, self.stop, self.remarks = RunStatus(), threading.Event(), list[str]()
        actor: Any = SimpleNamespace(name="page", started=True)
        report = lambda now: {"at": now}  # noqa: E731
        self.role = PageRole(actor, self.status, RunSection(), self.remarks.append, self.stop, report, viewer)

    def commands(self, *names: str) -> None:
        answer = {"figures": {"page/viewers": 2.0}, "commands": list(enumerate(names, 1))}
        self.role.on_answer("run", answer, 0.0)


def test_it_is_told_how_the_run_is_and_asked_for_commands() -> None:
    told = Told()
    assert [told.role.next(0.0).method for _ in range(2)] == ["describe", "entrance"]  # type: ignore[union-attr]
    call = told.role.next(7.0)
    assert call is not None and call.method == "run" and call.arguments[1] == {"at": 7.0}


def test_commands_of_viewers_are_obeyed_and_said() -> None:
    told = Told()
    told.commands("pause", "pause", "checkpoint")
    assert told.status.paused and told.status.checkpoint_wanted and len(told.remarks) == 2
    told.commands("resume")
    assert not told.status.paused and told.status.values["page/viewers"] == 2.0
    assert not told.stop.is_set()
    told.commands("stop")
    assert told.stop.is_set() and told.remarks[-1] == "stop asked for from the page"


def test_a_viewer_follows_the_page_and_its_end_is_said() -> None:
    opened, ends = list[str](), ["", "rerun: it is gone; the run goes on without it", ""]

    def open_at(address: str) -> str:
        opened.append(address)
        return "rerun: viewer"

    told = Told(SimpleNamespace(open=open_at, look=lambda: ends.pop(0)))
    told.role.on_answer("describe", ["page http://h:1/  (port 2 is taken)"], 0.0)
    told.role.on_answer("entrance", "", 0.0)
    for _ in range(3):
        told.commands()
    assert opened == ["http://h:1/"]
    assert told.remarks == ["rerun: viewer", "rerun: it is gone; the run goes on without it"]
    told.role.on_answer("entrance", "https://h:1/?token=abc", 0.0)
    assert opened[-1] == "https://h:1/?token=abc"


def test_the_token_is_on_the_screen_alone_and_once() -> None:
    told = Told()
    told.role.on_answer("describe", ["page https://h:1/"], 0.0)
    for _ in range(2):
        told.role.on_answer("entrance", "https://h:1/?token=abc", 0.0)
    assert told.remarks == ["open https://h:1/?token=abc"]
    assert not any("abc" in line for line in told.status.facts["page"])
    told.role.on_answer("describe", ["page https://h:2/"], 0.0)
    assert told.remarks[-1] == "page https://h:2/", "after a restart it may be elsewhere"


def test_a_run_goes_on_without_its_page() -> None:
    assert not PageRole.needed


def test_a_paused_run_says_so() -> None:
    status = RunStatus(paused=True)
    assert doing("learning", status, "", {}) == "paused"
    assert doing("learning", status, "disk full", {}) == "waiting: disk full"


def test_the_report_has_states_since_when_and_the_newest_notes(tmp_path: Path) -> None:
    terminal = Terminal(stream=io.StringIO(), interactive=False)
    for number in range(60):
        terminal.remark(f"note {number}")
    checkpoint = tmp_path / "step-000000012-1"
    checkpoint.mkdir()
    state = SimpleNamespace(state="up", fault="", process=SimpleNamespace(process=SimpleNamespace(pid=7)))
    roles: Any = {"learner": SimpleNamespace(actor=state)}
    status = RunStatus(paused=True)
    status.counters.add("restarts/learner", 2)
    record: Any = SimpleNamespace(overview=None)
    report = PageReport(record, status, lambda: checkpoint, terminal, roles)
    early = report(10.0)
    assert early["actors"] == [{"name": "learner", "state": "up", "since_s": 0.0, "restarts": 2, "pid": 7, "fault": ""}]
    assert early["paused"] and early["checkpoint"]["step"] == 12
    assert [note["number"] for note in early["notes"]] == list(range(11, 61))
    record.overview = Overview(time=3.0, learning=2.0, step=5, phase="learning", share=None, values={"a": 1.0})
    assert report(14.5)["actors"][0]["since_s"] == 4.5
    state.state = "restarting"
    late = report(20.0)
    assert late["actors"][0]["since_s"] == 0.0 and (late["time_s"], late["step"], late["values"]) == (
        3.0,
        5,
        {"a": 1.0},
    )


@pytest.mark.parametrize("name", ["step-x", "step", "step-000000003-gone"])
def test_a_checkpoint_that_is_gone_has_no_age(tmp_path: Path, name: str) -> None:
    assert checkpoint_of(tmp_path / name) == {"step": None, "age_s": None}
    assert checkpoint_of(None) == {"step": None, "age_s": None}


def test_a_pause_is_no_time_of_learning() -> None:
    status = RunStatus(first_step_at=100.0, counters=Counters())
    status.suspend(True, 110.0)
    assert status.learned(150.0) == 10.0
    status.suspend(False, 150.0)
    assert status.learned(160.0) == 20.0 and status.counters.totals["learner/held_s"] == 40.0

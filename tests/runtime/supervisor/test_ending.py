"""What becomes of a run whose sources have all ended."""

from types import SimpleNamespace
from typing import Any

import pytest

from runtime.config.run_section import RunSection
from runtime.reporting.run_status import RunStatus
from runtime.supervisor.ending import Ending
from runtime.supervisor.roles.learner_role import LearnerRole
from sensors.core.errors import SourceError

WAITING = "replay holds 4 of 16 image events"


def answer(step: int, waiting: str) -> dict[str, Any]:
    return {"step": step, "turn": "", "steps_per_s": 0.0, "duty": 0.0, "waiting": waiting}


@pytest.fixture
def status() -> RunStatus:
    return RunStatus(values={"replay/inserted": 4})


@pytest.fixture
def learner(status: RunStatus) -> LearnerRole:
    actor: Any = SimpleNamespace(name="learner", started=True)
    return LearnerRole(actor, status, RunSection(), lambda: None)


def test_a_run_waits_while_more_can_come(status: RunStatus, learner: LearnerRole) -> None:
    ending = Ending(status, pytest.fail)
    for _ in range(9):
        learner.on_answer("run", answer(0, WAITING), 0.0)
        assert not ending.check(learner)
    # The answer that is under way when the last source ends may be of before.
    status.over = True
    assert not ending.check(learner)
    learner.on_answer("run", answer(0, WAITING), 0.0)
    assert not ending.check(learner)
    learner.on_answer("run", answer(0, WAITING), 0.0)
    with pytest.raises(SourceError, match=rf"ended, and learning cannot begin: {WAITING};\s.*are kept"):
        ending.check(learner)


def test_sources_without_any_event_are_told_as_such(status: RunStatus, learner: LearnerRole) -> None:
    status.over, status.values["replay/inserted"] = True, 0
    for _ in range(2):
        learner.on_answer("run", answer(0, "replay holds no events yet"), 0.0)
    with pytest.raises(SourceError, match="nothing in them was an event"):
        Ending(status, pytest.fail).check(learner)


@pytest.mark.parametrize("name", ["sensors/stored", "sensors/repeated"])
def test_an_event_counts_before_replay_was_asked_for_its_figures(
    status: RunStatus, learner: LearnerRole, name: str
) -> None:
    status.over = True
    status.values |= {"replay/inserted": 0, name: 1.0}
    for _ in range(2):
        learner.on_answer("run", answer(0, WAITING), 0.0)
    with pytest.raises(SourceError, match="learning cannot begin"):
        Ending(status, pytest.fail).check(learner)


def test_learning_goes_on_with_what_there_is_and_says_so_once(status: RunStatus, learner: LearnerRole) -> None:
    notes: list[str] = []
    ending, status.over = Ending(status, notes.append), True
    for step in range(1, 9):
        learner.on_answer("run", answer(step, ""), 0.0)
        assert not ending.check(learner)
    assert notes == ["all sources have ended: learning goes on with the events that there are"]


def test_a_run_that_has_learned_comes_to_its_end_where_nothing_is_left(status: RunStatus, learner: LearnerRole) -> None:
    notes: list[str] = []
    ending, status.over, status.step = Ending(status, notes.append), True, 70
    for _ in range(2):
        learner.on_answer("run", answer(70, WAITING), 0.0)
    assert ending.check(learner) and notes == [f"all sources have ended, and nothing is left to learn from: {WAITING}"]


def test_a_source_that_comes_back_is_waited_for_again(status: RunStatus, learner: LearnerRole) -> None:
    ending, status.over = Ending(status, pytest.fail), True
    learner.on_answer("run", answer(0, WAITING), 0.0)
    status.over = False
    learner.on_answer("run", answer(0, WAITING), 0.0)
    status.over = True
    learner.on_answer("run", answer(0, WAITING), 0.0)
    assert not ending.check(learner)

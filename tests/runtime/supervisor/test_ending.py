"""What becomes of a run whose sources have all ended."""

from types import SimpleNamespace
from typing import Any

import pytest

from runtime.board import Board
from runtime.settings import RunSection
from runtime.supervisor.ending import Ending
from runtime.supervisor.roles import LearnerRole
from sensors.core.errors import SourceError

WAITING = "replay holds 4 of 16 image events"


def answer(step: int, waiting: str) -> dict[str, Any]:
    return {"step": step, "turn": "", "steps_per_s": 0.0, "duty": 0.0, "waiting": waiting}


@pytest.fixture
def board() -> Board:
    return Board(values={"replay/inserted": 4})


@pytest.fixture
def learner(board: Board) -> LearnerRole:
    member: Any = SimpleNamespace(name="learner", started=True)
    return LearnerRole(member, board, RunSection(), lambda: None)


def test_a_run_waits_while_more_can_come(board: Board, learner: LearnerRole) -> None:
    ending = Ending(board, pytest.fail)
    for _ in range(9):
        learner.hear("run", answer(0, WAITING), 0.0)
        assert not ending.look(learner)
    # The answer that is under way when the last source ends may be of before.
    board.over = True
    assert not ending.look(learner)
    learner.hear("run", answer(0, WAITING), 0.0)
    assert not ending.look(learner)
    learner.hear("run", answer(0, WAITING), 0.0)
    with pytest.raises(SourceError, match=rf"ended, and learning cannot begin: {WAITING};\s.*are kept"):
        ending.look(learner)


def test_sources_without_any_event_are_told_as_such(board: Board, learner: LearnerRole) -> None:
    board.over, board.values["replay/inserted"] = True, 0
    for _ in range(2):
        learner.hear("run", answer(0, "replay holds no events yet"), 0.0)
    with pytest.raises(SourceError, match="nothing in them was an event"):
        Ending(board, pytest.fail).look(learner)


@pytest.mark.parametrize("name", ["sensors/stored", "sensors/repeated"])
def test_an_event_counts_before_replay_was_asked_for_its_figures(board: Board, learner: LearnerRole, name: str) -> None:
    board.over = True
    board.values |= {"replay/inserted": 0, name: 1.0}
    for _ in range(2):
        learner.hear("run", answer(0, WAITING), 0.0)
    with pytest.raises(SourceError, match="learning cannot begin"):
        Ending(board, pytest.fail).look(learner)


def test_learning_goes_on_with_what_there_is_and_says_so_once(board: Board, learner: LearnerRole) -> None:
    notes: list[str] = []
    ending, board.over = Ending(board, notes.append), True
    for step in range(1, 9):
        learner.hear("run", answer(step, ""), 0.0)
        assert not ending.look(learner)
    assert notes == ["all sources have ended: learning goes on with the events that there are"]


def test_a_run_that_has_learned_comes_to_its_end_where_nothing_is_left(board: Board, learner: LearnerRole) -> None:
    notes: list[str] = []
    ending, board.over, board.step = Ending(board, notes.append), True, 70
    for _ in range(2):
        learner.hear("run", answer(70, WAITING), 0.0)
    assert ending.look(learner) and notes == [f"all sources have ended, and nothing is left to learn from: {WAITING}"]


def test_a_source_that_comes_back_is_waited_for_again(board: Board, learner: LearnerRole) -> None:
    ending, board.over = Ending(board, pytest.fail), True
    learner.hear("run", answer(0, WAITING), 0.0)
    board.over = False
    learner.hear("run", answer(0, WAITING), 0.0)
    board.over = True
    learner.hear("run", answer(0, WAITING), 0.0)
    assert not ending.look(learner)

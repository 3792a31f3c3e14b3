from types import SimpleNamespace
from typing import Any

from runtime.board import Board
from runtime.supervisor.record import FINAL, STARTING, doing


def roles(**started: bool) -> dict[str, Any]:
    return {name: SimpleNamespace(member=SimpleNamespace(started=up)) for name, up in started.items()}


def test_until_the_first_step_the_phase_says_what_is_waited_for() -> None:
    board = Board()
    starting = roles(replay=True, learner=False, sensors=False, monitor=False)
    assert doing(STARTING, board, "", starting) == "starting actors: learner, sensors"
    up = roles(replay=True, learner=True, sensors=True, monitor=False, agent=False)
    assert doing(STARTING, board, "", up) == "waiting for the first step"
    board.waiting = "replay holds 3 of 16 audio events"
    assert doing(STARTING, board, "", up) == "waiting for events: replay holds 3 of 16 audio events"


def test_learning_and_the_final_exam_say_what_they_are_at() -> None:
    board = Board()
    assert doing("learning", board, "", {}) == "learning"
    board.waiting = "replay holds no events yet"
    assert doing("learning", board, "", {}) == "waiting: replay holds no events yet"
    assert doing("learning", board, "disk is full", {}) == "waiting: disk is full"
    assert doing(FINAL, board, "", {}) == FINAL
    board.examined = "judged 4,000 of 10,000, 40 s"
    assert doing(FINAL, board, "", {}) == "final exam: judged 4,000 of 10,000, 40 s"
    assert doing("stopping", board, "", {}) == "stopping"

import threading
import time
from collections.abc import Generator

import pytest

from page.refusals import Refused
from page.thinker import MOST_QUESTIONS, Thinker
from tests.patience import PATIENCE


def test_a_question_waits_for_one_piece_of_other_work_at_most() -> None:
    thinker = Thinker()
    order: list[str] = []
    gate = threading.Event()

    def pieces() -> Generator[None, None, str]:
        for number in range(5):
            gate.wait(PATIENCE)
            order.append(f"piece {number}")
            yield
        return "done"

    work = thinker.work(pieces())
    question = thinker.ask(lambda: order.append("question"))
    gate.set()
    question.result(PATIENCE)
    assert work.result(PATIENCE) == "done"
    assert order.index("question") <= 1 and len(order) == 6
    thinker.close()


def test_what_fails_fails_alone() -> None:
    thinker = Thinker()

    def failing() -> Generator[None, None, None]:
        yield
        raise ValueError("no")

    with pytest.raises(ZeroDivisionError):
        thinker.ask(lambda: 1 / 0).result(PATIENCE)
    with pytest.raises(ValueError, match="no"):
        thinker.work(failing()).result(PATIENCE)
    assert thinker.ask(lambda: 7).result(PATIENCE) == 7
    thinker.close()


def test_questions_that_wait_are_bounded() -> None:
    thinker = Thinker()
    gate = threading.Event()
    first = thinker.ask(lambda: gate.wait(PATIENCE))
    while not first.running():
        time.sleep(0.005)
    waiting = [thinker.ask(lambda: 1) for _ in range(MOST_QUESTIONS)]
    with pytest.raises(Refused) as refused:
        thinker.ask(lambda: 1)
    assert refused.value.reason == "busy"
    gate.set()
    assert sum(one.result(PATIENCE) for one in waiting) == MOST_QUESTIONS
    thinker.close()
    with pytest.raises(Refused):
        thinker.ask(lambda: 1)

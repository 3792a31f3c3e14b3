import threading
import time
from collections.abc import Generator

import pytest

from page.access.refusals import Refused
from page.inference.inference_thread import MOST_QUESTIONS, InferenceThread
from tests.patience import PATIENCE


def test_a_question_waits_for_one_piece_of_other_work_at_most() -> None:
    inference_thread = InferenceThread()
    order: list[str] = []
    gate = threading.Event()

    def pieces() -> Generator[None, None, str]:
        for number in range(5):
            gate.wait(PATIENCE)
            order.append(f"piece {number}")
            yield
        return "done"

    work = inference_thread.work(pieces())
    question = inference_thread.ask(lambda: order.append("question"))
    gate.set()
    question.result(PATIENCE)
    assert work.result(PATIENCE) == "done"
    assert order.index("question") <= 1 and len(order) == 6
    inference_thread.close()


def test_what_fails_fails_alone() -> None:
    inference_thread = InferenceThread()

    def failing() -> Generator[None, None, None]:
        yield
        raise ValueError("no")

    with pytest.raises(ZeroDivisionError):
        inference_thread.ask(lambda: 1 / 0).result(PATIENCE)
    with pytest.raises(ValueError, match="no"):
        inference_thread.work(failing()).result(PATIENCE)
    assert inference_thread.ask(lambda: 7).result(PATIENCE) == 7
    inference_thread.close()


def test_questions_that_wait_are_bounded() -> None:
    inference_thread = InferenceThread()
    gate = threading.Event()
    first = inference_thread.ask(lambda: gate.wait(PATIENCE))
    while not first.running():
        time.sleep(0.005)
    waiting = [inference_thread.ask(lambda: 1) for _ in range(MOST_QUESTIONS)]
    with pytest.raises(Refused) as refused:
        inference_thread.ask(lambda: 1)
    assert refused.value.reason == "busy"
    gate.set()
    assert sum(one.result(PATIENCE) for one in waiting) == MOST_QUESTIONS
    inference_thread.close()
    with pytest.raises(Refused):
        inference_thread.ask(lambda: 1)

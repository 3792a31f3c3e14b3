"""One thread that computes with networks: questions go first, everything else waits in small pieces.

torch computes in one thread here. Two computations at once would each take twice as long; a question that waited for a
whole map of the latent space would take seconds. So a question waits for one piece of other work at most.
"""

import itertools
import queue
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import Any, TypeVar

from page.access.refusals import Refused

T = TypeVar("T")

MOST_QUESTIONS = 16
"""Questions that may wait at one time."""
_QUESTION, _PIECE, _END = 0, 1, 2


class InferenceThread:
    """Runs calls, one at a time; used from any thread.

    Args:
        begin: called first in the thread.
    """

    def __init__(self, begin: Callable[[], None] = lambda: None) -> None:
        self._work: queue.PriorityQueue[tuple[int, int, Callable[[], None]]] = queue.PriorityQueue()
        self._number = itertools.count()
        self._questions = 0
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, args=(begin,), name="thinking", daemon=True)
        self._thread.start()

    def ask(self, question: Callable[[], T]) -> "Future[T]":
        """Answer a question as soon as the piece of work under way is done.

        Raises:
            Refused: too many questions wait.
        """
        with self._lock:
            if self._questions >= MOST_QUESTIONS or self._closed:
                raise Refused("busy", "too many questions wait; ask again in a moment")
            self._questions += 1
        future: Future[T] = Future()

        def answer() -> None:
            with self._lock:
                self._questions -= 1
            if future.set_running_or_notify_cancel():
                _settle(future, question)

        self._put(_QUESTION, answer)
        return future

    def work(self, pieces: Generator[None, None, T]) -> "Future[T]":
        """Do some longer work piece by piece, whenever no question waits."""
        future: Future[T] = Future()

        def go_on() -> None:
            try:
                next(pieces)
            except StopIteration as end:
                future.set_result(end.value)
            except BaseException as error:
                future.set_exception(error)
            else:
                self._put(_PIECE, go_on)

        self._put(_PIECE, go_on)
        return future

    def close(self, patience: float = 1.0) -> None:
        """Stop after the piece of work under way."""
        with self._lock:
            self._closed = True
        self._put(-1, _stop)
        self._thread.join(patience)

    def _put(self, rank: int, call: Callable[[], None]) -> None:
        self._work.put((rank, next(self._number), call))

    def _run(self, begin: Callable[[], None]) -> None:
        begin()
        while True:
            _, _, call = self._work.get()
            if call is _stop:
                return
            call()


def _stop() -> None:
    """Marks the end."""


def _settle(future: "Future[Any]", call: Callable[[], Any]) -> None:
    try:
        future.set_result(call())
    except BaseException as error:
        future.set_exception(error)

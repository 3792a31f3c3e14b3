"""Which errors are told as a stop, and which are not."""

import contextlib
import os
import signal
from collections.abc import Iterator

import pytest

from runtime.command.signals import StopSignals
from sensors.system.interrupts import Interrupted, Interrupts


@pytest.fixture
def interrupts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Interrupts]:
    monkeypatch.setattr(Interrupts, "begun", False)
    with Interrupts() as listening:
        yield listening


def swallow() -> None:
    """A signal whose exception a library catches."""
    with contextlib.suppress(Interrupted):
        os.kill(os.getpid(), signal.SIGINT)
        signal.sigtimedwait([], 1.0)


def test_a_signal_that_a_library_swallowed_stops_the_run_that_begins(interrupts: Interrupts) -> None:
    swallow()
    assert interrupts.came
    with StopSignals(lambda: None) as signals:
        assert signals.requested.is_set()
    assert not interrupts.explains(ValueError("of its own"))


def test_a_run_without_an_earlier_signal_goes_on(interrupts: Interrupts) -> None:
    with StopSignals(lambda: None) as signals:
        assert not signals.requested.is_set()


def test_before_a_run_any_error_after_a_signal_is_a_stop(interrupts: Interrupts) -> None:
    assert not interrupts.explains(ImportError("a library"))
    swallow()
    assert interrupts.explains(ImportError("a library"))


def test_after_a_run_only_an_error_that_the_signal_caused_is_a_stop(interrupts: Interrupts) -> None:
    with StopSignals(lambda: None):
        pass
    swallow()
    assert not interrupts.explains(ValueError("of its own"))
    error = ValueError("while stopping")
    error.__context__ = RuntimeError("between")
    error.__context__.__cause__ = Interrupted()
    assert interrupts.explains(error) and interrupts.explains(Interrupted())

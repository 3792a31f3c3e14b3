import os
import signal
import time

import pytest

from runtime.command.signals import StopSignals
from sensors.system.interrupts import SAME_WITHIN, SIGNALS
from tests.patience import PATIENCE, wait_for


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_asks_and_the_second_ends(number: signal.Signals) -> None:
    ends: list[float] = []
    with StopSignals(lambda: ends.append(time.monotonic())) as signals:
        assert not signals.requested.is_set()
        os.kill(os.getpid(), number)
        assert signals.requested.wait(PATIENCE)
        assert not ends
        time.sleep(SAME_WITHIN + 0.1)
        os.kill(os.getpid(), number)
        assert wait_for(lambda: len(ends) == 1)


def test_one_ctrl_c_that_comes_twice_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    # However long a busy machine takes for the second signal.
    monkeypatch.setattr("runtime.command.signals.SAME_WITHIN", PATIENCE)
    ends: list[float] = []
    with StopSignals(lambda: ends.append(time.monotonic())) as signals:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.requested.wait(PATIENCE)
        time.sleep(0.1)
    assert ends == []


def test_handlers_are_given_back() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with StopSignals(lambda: None):
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before
    assert signal.set_wakeup_fd(-1) == -1

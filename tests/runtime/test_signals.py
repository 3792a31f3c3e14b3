import os
import signal
import time

import pytest

from runtime.signals import SAME_WITHIN, SIGNALS, StopSignals


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_asks_and_the_second_ends(number: signal.Signals) -> None:
    ends: list[float] = []
    with StopSignals(lambda: ends.append(time.monotonic())) as signals:
        assert not signals.requested.is_set()
        os.kill(os.getpid(), number)
        assert signals.requested.wait(2.0)
        assert not ends
        time.sleep(SAME_WITHIN + 0.1)
        os.kill(os.getpid(), number)
        end = time.monotonic() + 2.0
        while not ends and time.monotonic() < end:
            time.sleep(0.01)
        assert len(ends) == 1


def test_one_ctrl_c_that_comes_twice_is_one() -> None:
    ends: list[float] = []
    with StopSignals(lambda: ends.append(time.monotonic())) as signals:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.requested.wait(2.0)
        time.sleep(0.1)
    assert ends == []


def test_handlers_are_given_back() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with StopSignals(lambda: None):
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before
    assert signal.set_wakeup_fd(-1) == -1

import time

import pytest

from runtime.supervisor.actors.clock import LONGEST_STEP, Clock


def test_time_without_supervision_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    clock = Clock()
    for _ in range(10):
        now += 0.25
        clock.advance()
    assert clock() == pytest.approx(2.5)
    now += 3600  # the machine slept
    assert clock.advance() == pytest.approx(2.5 + LONGEST_STEP)
    now += 0.25
    assert clock() == pytest.approx(2.5 + LONGEST_STEP), "between two looks it stands still"

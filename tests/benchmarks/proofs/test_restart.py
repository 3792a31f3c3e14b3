"""Replay is back at once after SIGKILL, however much it holds."""

import pytest

from benchmarks.proofs.restart import measure


@pytest.mark.parametrize("events", [2_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_replay_takes_events_again_at_once(events: int) -> None:
    found = measure(events, 3)
    assert found["open_s"] < found["taken_s"] < 2.0 and found["taken_s"] < found["checked_s"]

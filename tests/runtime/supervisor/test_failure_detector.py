"""Which actors the supervisor kills, and when, on a simulated clock."""

from types import SimpleNamespace
from typing import Any

import pytest

from runtime.config.settings import RunSection
from runtime.reporting.run_status import RunStatus
from runtime.supervisor.failure_detector import FailureDetector

SECTION = RunSection(hang_deadline=10.0, call_deadline=60.0)


class Liveness:
    """What is known of a process that gives no heartbeat from time 0 on."""

    def __init__(self, doing: bool, stopped: bool, answers: bool) -> None:
        self.doing, self.stopped, self.answers = doing, stopped, answers
        self.now, self.died, self.error = 0.0, None, None

    def poll(self, handle: Any) -> None: ...

    @property
    def silence(self) -> float:
        return 0.0 if self.answers else self.now

    @property
    def idle(self) -> float:
        return 0.0 if self.doing else self.now


def role(name: str, doing: bool = False, stopped: bool = False, answers: bool = False) -> Any:
    liveness = Liveness(doing, stopped, answers)
    actor = SimpleNamespace(name=name, started=True, restart_at=None, call=None, failures=0, hung=False, detected=False)
    actor.liveness, actor.handle, actor.overrun, actor.waited = liveness, None, 0.0, 0.0
    return SimpleNamespace(actor=actor)


@pytest.mark.parametrize(
    ("what", "seen", "ended", "why"),
    [
        ({"stopped": True}, True, 10.0, "no heartbeat for 10 s, its process is stopped"),
        ({}, True, 10.0, "no heartbeat for 10 s, its process does nothing"),
        # Starved or in an endless loop: the two cannot be told apart, so both are killed in the end.
        ({"doing": True}, False, 60.0, "no heartbeat for 60 s"),
    ],
)
def test_a_starved_process_gets_longer_but_not_for_ever(
    what: dict[str, bool], seen: bool, ended: float, why: str
) -> None:
    status, told = RunStatus(), list[str]()
    detector = FailureDetector(SECTION, status, told.append)
    silent, well = role("learner", **what), role("replay", answers=True)
    found: list[tuple[Any, str, bool]] = []
    while not found:
        for each in (silent, well):
            each.actor.liveness.now += 0.25
        now = silent.actor.liveness.now
        found = detector.detect([silent, well])
        assert now <= ended + 0.5
        if now > 5.0:
            assert (float(status.values.get("noticed_s/learner", 9.0)) < 5.0) == seen == bool(told)
    assert now == pytest.approx(ended, abs=0.3) and found == [(silent, why, False)]

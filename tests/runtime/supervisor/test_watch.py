"""Whom the supervisor puts down, and when: on a clock of the test's own."""

from types import SimpleNamespace
from typing import Any

import pytest

from runtime.board import Board
from runtime.settings import RunSection
from runtime.supervisor.watch import Watch

SECTION = RunSection(hang_deadline=10.0, call_deadline=60.0)


class Vigil:
    """What is known of a process that gives no pulse from time 0 on."""

    def __init__(self, doing: bool, stopped: bool, answers: bool) -> None:
        self.doing, self.stopped, self.answers = doing, stopped, answers
        self.now, self.died, self.error = 0.0, None, None

    def look(self, handle: Any) -> None: ...

    @property
    def silence(self) -> float:
        return 0.0 if self.answers else self.now

    @property
    def quiet(self) -> float:
        return 0.0 if self.doing else self.now


def role(name: str, doing: bool = False, stopped: bool = False, answers: bool = False) -> Any:
    vigil = Vigil(doing, stopped, answers)
    member = SimpleNamespace(name=name, started=True, down_until=None, call=None, failures=0, hung=False, noticed=False)
    member.vigil, member.handle, member.beyond, member.waited = vigil, None, 0.0, 0.0
    return SimpleNamespace(member=member)


@pytest.mark.parametrize(
    ("what", "seen", "ended", "why"),
    [
        ({"stopped": True}, True, 10.0, "no sign of life for 10 s, its process is stopped"),
        ({}, True, 10.0, "no sign of life for 10 s, its process does nothing"),
        # It starves, or computes in a loop that never ends: nobody can tell, and neither is borne for ever.
        ({"doing": True}, False, 60.0, "no pulse for 60 s"),
    ],
)
def test_who_starves_is_borne_longer_and_nobody_for_ever(
    what: dict[str, bool], seen: bool, ended: float, why: str
) -> None:
    board, told = Board(), list[str]()
    watch = Watch(SECTION, board, told.append)
    silent, well = role("learner", **what), role("replay", answers=True)
    found: list[tuple[Any, str, bool]] = []
    while not found:
        for each in (silent, well):
            each.member.vigil.now += 0.25
        now = silent.member.vigil.now
        found = watch.look([silent, well])
        assert now <= ended + 0.5
        if now > 5.0:
            assert (float(board.values.get("noticed_s/learner", 9.0)) < 5.0) == seen == bool(told)
    assert now == pytest.approx(ended, abs=0.3) and found == [(silent, why, False)]

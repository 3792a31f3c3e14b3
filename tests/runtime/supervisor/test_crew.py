from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import RayTaskError

from runtime.supervisor.crew import Member, user_error
from runtime.supervisor.vigil import Clock
from sensors.errors import DataError, UserError


def failed(cause: Exception) -> Any:
    """As `ray.get` raises it."""
    untyped: Any = RayTaskError
    return untyped("run", "Traceback (most recent call last):\n  File ...", cause).as_instanceof_cause()


def test_a_users_mistake_is_told_plainly_however_many_actors_it_passed() -> None:
    mistake = DataError("images: no file\nuse --data DIR\n\nand much more\n" * 3)
    for error in (failed(mistake), failed(failed(mistake))):
        found = user_error(error)
        assert type(found) is DataError
        assert str(found) == "images: no file\nuse --data DIR"


def test_other_failures_are_no_mistake_of_the_users() -> None:
    assert user_error(failed(ValueError("no such thing"))) is None
    assert user_error(UserError("not from an actor")) is None


def test_a_slow_start_is_no_good_work_so_that_a_crash_loop_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("runtime.supervisor.crew.time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr("ray.get", lambda answer, timeout: answer)

    class Handle:
        class run:
            remote = staticmethod(lambda: "done")

    member = Member("learner", Handle, True, 3, Clock(), "here")
    alive = []
    for _ in range(4):
        member.ask("run", expected=1.0, patience=300.0)
        now[0] += 90.0  # it starts, and dies at once
        member.take()
        alive.append(member.fail())
    assert alive == [True, True, True, False]
    member.ask("run", expected=1.0, patience=300.0)
    member.take()
    now[0] += 90.0  # of good work
    member.ask("run", expected=1.0, patience=300.0)
    member.take()
    assert member.failures == 0


@pytest.mark.parametrize("keeps_handle", [True, False])
def test_a_process_that_is_known_is_killed_here_alone_however_long_it_takes_to_end(
    monkeypatch: pytest.MonkeyPatch, keeps_handle: bool
) -> None:
    member = Member("replay", lambda: "handle", keeps_handle, 3, Clock(), "here")
    killed = list[str]()
    monkeypatch.setattr("ray.kill", lambda handle, no_restart: killed.append("by Ray"))

    def kill(patience: float) -> bool:
        killed.append("here")
        return False  # it waits for a disk, and ends after that

    monkeypatch.setattr(member.vigil, "kill", kill)
    for known, by in ((True, ["here"]), (False, ["by Ray"])):
        killed.clear()
        monkeypatch.setattr(member.vigil, "find", lambda handle, known=known: known)
        member.put_down()
        assert killed == by

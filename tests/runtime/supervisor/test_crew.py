import errno
import os
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayTaskError

from runtime.supervisor.crew import Member, user_error
from runtime.supervisor.vigil import Clock
from sensors.core.errors import DataError, StorageError, UserError


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


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOTDIR, errno.EROFS])
def test_a_file_that_cannot_be_used_is_a_mistake_that_no_restart_mends(number: int) -> None:
    found = user_error(failed(OSError(number, os.strerror(number), "/data/mnist")))
    assert type(found) is StorageError and str(found).startswith(f"/data/mnist: {os.strerror(number)}; ")
    # From a constructor, as text alone.
    error = OSError(number, os.strerror(number), "/data/mnist")
    untyped: Any = RayTaskError
    started = ActorDiedError(untyped("__init__", f"Traceback:\n  ...\n{type(error).__name__}: {error}", error))
    assert started.actor_init_failed
    assert str(user_error(started)) == str(found)
    # Once the run learns, it may be for a moment only: the usual restarts decide.
    for refused in (failed(error), started):
        assert user_error(refused, learning=True) is None
    assert isinstance(user_error(failed(DataError("no file")), learning=True), DataError)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.ENOENT])
def test_other_errors_of_files_are_none(number: int) -> None:
    assert user_error(failed(OSError(number, os.strerror(number), "/data/mnist"))) is None
    assert user_error(failed(PermissionError(errno.EPERM, "of no file"))) is None


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


def test_who_says_again_and_again_that_it_still_starts_has_so_long_all_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    clock: Any = lambda: now[0]  # noqa: E731
    comes: list[Any] = [ActorUnavailableError("it is restarting", b"0" * 16)]

    def get(answer: Any, timeout: float) -> Any:
        if isinstance(comes[0], Exception):
            raise comes[0]
        return comes[0]

    monkeypatch.setattr("ray.get", get)
    ping = SimpleNamespace(remote=lambda: "to come")
    member = Member("replay", lambda: SimpleNamespace(ping=ping, stats=ping), True, 3, clock, "here")

    def starts(seconds: float) -> str:
        end = now[0] + seconds
        while now[0] < end and not member.overdue:
            member.ask("ping", expected=0.0, patience=25.0)
            now[0] += 0.5
            with pytest.raises(ActorUnavailableError) as told:
                member.take()
            assert member.still_to_come(told.value) and member.call is None
        return member.overdue

    assert starts(24.0) == "" and starts(100.0) == "no answer to ping for 26 s"
    assert now[0] == pytest.approx(25.5) and member.fail() and member.overdue == ""
    assert starts(24.0) == "", "and as long again once it was made anew"
    comes[0] = "well"
    member.ask("ping", expected=0.0, patience=25.0)
    member.take()
    now[0] += 100.0
    assert member.overdue == "", "it is up"
    member.ask("stats", expected=1.0, patience=4.0)
    now[0] += 6.0
    assert member.overdue == "no answer to stats for 6 s"

import errno
import os
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayTaskError

from runtime.supervisor.liveness import Clock
from runtime.supervisor.supervised_actor import SupervisedActor, user_error
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
def test_a_file_that_cannot_be_used_is_a_mistake_that_no_restart_helps(number: int) -> None:
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
def test_other_errors_of_files_are_no_mistake(number: int) -> None:
    assert user_error(failed(OSError(number, os.strerror(number), "/data/mnist"))) is None
    assert user_error(failed(PermissionError(errno.EPERM, "of no file"))) is None


def test_other_failures_are_no_mistake_of_the_users() -> None:
    assert user_error(failed(ValueError("no such thing"))) is None
    assert user_error(UserError("not from an actor")) is None


def test_a_slow_start_is_no_work_so_that_a_crash_loop_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("runtime.supervisor.supervised_actor.time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr("ray.get", lambda answer, timeout: answer)

    class Handle:
        class run:
            remote = staticmethod(lambda: "done")

    actor = SupervisedActor("learner", Handle, True, 3, Clock(), "here")
    alive = []
    for _ in range(4):
        actor.ask("run", expected=1.0, patience=300.0)
        now[0] += 90.0  # it starts, and dies at once
        actor.take_answer()
        alive.append(actor.fail())
    assert alive == [True, True, True, False]
    actor.ask("run", expected=1.0, patience=300.0)
    actor.take_answer()
    now[0] += 90.0  # of good work
    actor.ask("run", expected=1.0, patience=300.0)
    actor.take_answer()
    assert actor.failures == 0


@pytest.mark.parametrize("keeps_handle", [True, False])
def test_a_process_that_is_known_is_killed_here_alone_however_long_it_takes_to_end(
    monkeypatch: pytest.MonkeyPatch, keeps_handle: bool
) -> None:
    actor = SupervisedActor("replay", lambda: "handle", keeps_handle, 3, Clock(), "here")
    killed = list[str]()
    monkeypatch.setattr("ray.kill", lambda handle, no_restart: killed.append("by Ray"))

    def kill(patience: float) -> bool:
        killed.append("here")
        return False  # it waits for a disk, and ends after that

    monkeypatch.setattr(actor.liveness, "kill", kill)
    for known, by in ((True, ["here"]), (False, ["by Ray"])):
        killed.clear()
        monkeypatch.setattr(actor.liveness, "find", lambda handle, known=known: known)
        actor.kill()
        assert killed == by


def test_an_actor_that_keeps_starting_has_one_deadline_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    clock: Any = lambda: now[0]  # noqa: E731
    comes: list[Any] = [ActorUnavailableError("it is restarting", b"0" * 16)]

    def get(answer: Any, timeout: float) -> Any:
        if isinstance(comes[0], Exception):
            raise comes[0]
        return comes[0]

    monkeypatch.setattr("ray.get", get)
    ping = SimpleNamespace(remote=lambda: "to come")
    actor = SupervisedActor("replay", lambda: SimpleNamespace(ping=ping, stats=ping), True, 3, clock, "here")

    def starts(seconds: float) -> str:
        end = now[0] + seconds
        while now[0] < end and not actor.overdue:
            actor.ask("ping", expected=0.0, patience=25.0)
            now[0] += 0.5
            with pytest.raises(ActorUnavailableError) as told:
                actor.take_answer()
            assert actor.is_still_starting(told.value) and actor.call is None
        return actor.overdue

    assert starts(24.0) == "" and starts(100.0) == "no answer to ping for 26 s"
    assert now[0] == pytest.approx(25.5) and actor.fail() and actor.overdue == ""
    assert starts(24.0) == "", "and as long again once it was made anew"
    comes[0] = "well"
    actor.ask("ping", expected=0.0, patience=25.0)
    actor.take_answer()
    now[0] += 100.0
    assert actor.overdue == "", "it is up"
    actor.ask("stats", expected=1.0, patience=4.0)
    now[0] += 6.0
    assert actor.overdue == "no answer to stats for 6 s"

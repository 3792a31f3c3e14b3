import errno
import os
from typing import Any

import pytest
from ray.exceptions import ActorDiedError, RayTaskError

from runtime.supervisor.actors.actor_errors import user_error
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

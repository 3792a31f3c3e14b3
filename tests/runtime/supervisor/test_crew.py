from typing import Any

from ray.exceptions import RayTaskError

from runtime.supervisor.crew import user_error
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

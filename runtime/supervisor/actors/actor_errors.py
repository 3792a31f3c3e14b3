"""What Ray's errors of calls to actors mean: a mistake of the user, or a failure with its reason in one line."""

import errno
import importlib
import os
import re
from typing import Any

from ray.exceptions import RayActorError, RayTaskError

from sensors.core.errors import StorageError, UserError

DENIED = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
}
"""Errors about a file that no restart can remove: the user named a file that cannot be used."""


def user_error(error: BaseException, learning: bool = False) -> UserError | None:
    """The user's mistake inside Ray's error; None if there is none.

    A file or folder that cannot be used is a mistake of the user: to restart the actor would not help. Once the run
    learns, every file that the user named has been usable. Then something else has changed, and a restart may help.

    An error raised in a constructor arrives as text: its last lines name the class and the message.

    Args:
        error: of Ray's.
        learning: whether the run has learned a step.
    """
    if isinstance(error, RayTaskError):
        # An error that one actor got from another is wrapped twice; the wrapper's own text is a whole traceback.
        cause: BaseException | None = error
        while isinstance(cause, RayTaskError):
            cause = getattr(cause, "cause", None)
        if isinstance(cause, OSError) and cause.filename:
            return None if learning else denied(cause.errno, cause.filename)
        return type(cause)(_brief(str(cause))) if isinstance(cause, UserError) else None
    if not isinstance(error, RayActorError) or not error.actor_init_failed:
        return None
    last = [line for line in str(error).splitlines() if line.strip()][-1]
    if refused := re.fullmatch(r"\w+Error: \[Errno (\d+)\] .*?: '(.*)'", last):
        return None if learning else denied(int(refused[1]), refused[2])
    raised = list(re.finditer(r"^([A-Za-z_][\w.]*)\.(\w+): ", str(error), re.MULTILINE))
    if not raised:
        return None
    module, name = raised[-1].groups()
    try:
        kind = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        return None
    if isinstance(kind, type) and issubclass(kind, UserError):
        return kind(_brief(str(error)[raised[-1].end() :]))
    return None


def denied(number: int | None, path: Any) -> StorageError | None:
    """The user's mistake in an error of the operating system about a file; None for other kinds of errors."""
    if number not in DENIED:
        return None
    return StorageError(f"{path}: {os.strerror(number)}; make it accessible to this user, or name another")


def _brief(text: str) -> str:
    """The first two lines that say something."""
    return "\n".join([line.rstrip() for line in text.splitlines() if line.strip()][:2])


def reason(error: BaseException) -> str:
    """Why an actor failed, in one line."""
    if isinstance(error, RayTaskError):
        cause = getattr(error, "cause", None) or error
        text = f"{type(cause).__name__}: {str(cause).strip().splitlines()[-1] if str(cause).strip() else ''}"
    elif isinstance(error, RayActorError):
        lines = [part.strip() for part in str(error).splitlines() if part.strip()]
        if error.actor_init_failed:
            text = lines[-1]
        else:
            detail = re.search(r"Worker exit detail: (.*?)(\. |$)", str(error))
            text = "its process died" + (f" ({detail[1].strip()})" if detail else "")
    else:
        text = f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:200]

"""Environment variables that Ray reads once, while it is imported: this comes before any import of Ray."""

import os
import secrets
import shlex
from pathlib import Path

from sensors.core.errors import StorageError
from sensors.system.places import PRIVATE, caches, home, private_folder, writable
from sensors.system.program import beside_python

TASKS_KEPT = 2_000
"""Calls that Ray's own service remembers for its dashboard; by itself it keeps 100,000, and grows for hours."""

DASHBOARD_PATIENCE = 180
"""Seconds that Ray waits for its dashboard; by itself it gives up after 60, which a busy machine may take."""


def prepare_environment(address: str | None) -> list[str]:
    """Keep Ray from reporting usage, from joining what nobody named, from forgetting its token, and from giving up.

    Args:
        address: the cluster to join; none for a private one.

    Returns:
        Printable lines: where the token and the cache lie, if that is no usual place.

    Raises:
        StorageError: no place for them can be written.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Only --address joins a cluster; a cluster that the environment names is ignored.
    os.environ.pop("RAY_ADDRESS", None)
    if address is None:
        # Said by name: an inherited `disabled` would open the dashboard to everyone on the machine.
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ.setdefault("RAY_task_events_max_num_task_in_gcs", str(TASKS_KEPT))
        os.environ.setdefault("RAY_DASHBOARD_STARTUP_TIMEOUT_S", str(DASHBOARD_PATIENCE))
        return _place_token() + _place_caches()
    # A head that `ray start` began asks for the token by default, but does not tell its drivers so.
    if has_token():
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    return _place_caches()


def _place_caches() -> list[str]:
    """Where no usual place for caches can be written, have libraries keep theirs beside ours; says so."""
    place = caches()
    if place.parent.name != PRIVATE:
        return []
    os.environ["XDG_CACHE_HOME"] = str(place)
    return (
        []
        if os.environ.get("RECIPROCAL_CACHE")
        else [f"no usual directory for a cache can be written: it is in {place}"]
    )


def has_token() -> bool:
    """Whether Ray would find an authentication token."""
    if os.environ.get("RAY_AUTH_TOKEN"):
        return True
    named, usual = os.environ.get("RAY_AUTH_TOKEN_PATH"), _usual_token()
    return Path(named).is_file() if named else usual is not None and _readable(usual)


def token_command() -> str:
    """A line of shell that prints the token."""
    path = os.environ.get("RAY_AUTH_TOKEN_PATH")
    where = f"RAY_AUTH_TOKEN_PATH={shlex.quote(path)} " if path else ""
    return f"{where}{beside_python('ray')} get-auth-token"


def _place_token() -> list[str]:
    """See to it that Ray finds a token, or can write one: where its usual place is of no use, in a private folder."""
    if os.environ.get("RAY_AUTH_TOKEN"):
        return []
    if named := os.environ.get("RAY_AUTH_TOKEN_PATH"):
        if not _readable(Path(named)):
            raise StorageError(
                f"RAY_AUTH_TOKEN_PATH={named}: this file holds no token; write one into it, or unset the variable"
            )
        return []
    usual = _usual_token()
    if usual is not None and (_readable(usual) or (not usual.exists() and writable(usual.parent))):
        return []
    path = private_folder() / "auth_token"
    if not _readable(path):
        stage = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            with open(os.open(stage, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(secrets.token_hex(32))
            stage.replace(path)  # whole or not at all, as another run may be reading it
        except OSError as error:
            raise StorageError(
                f"{path}: cannot be written ({error.strerror}); set TMPDIR or HOME to a directory that can be written"
            ) from None
    os.environ["RAY_AUTH_TOKEN_PATH"] = str(path)
    why = "there is no home directory" if usual is None else f"{usual} cannot be used"
    return [f"{why}: Ray's token is in {path}"]


def _usual_token() -> Path | None:
    at_home = home()
    return None if at_home is None else at_home / ".ray" / "auth_token"


def _readable(token: Path) -> bool:
    try:
        return token.is_file() and os.access(token, os.R_OK) and token.stat().st_size > 0
    except OSError:
        return False

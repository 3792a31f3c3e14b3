"""Environment variables that Ray reads once, while it is imported: this comes before any import of Ray."""

import os
from pathlib import Path

TASKS_KEPT = 2_000
"""Calls that Ray's own service remembers for its dashboard; by itself it keeps 100,000, and grows for hours."""

DASHBOARD_PATIENCE = 180
"""Seconds that Ray waits for its dashboard; by itself it gives up after 60, which a busy machine may take."""


def prepare_environment(address: str | None) -> None:
    """Keep Ray from reporting usage, from joining what nobody named, from forgetting its token, and from giving up.

    Args:
        address: the cluster to join; none for a private one.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # A cluster is joined by --address alone, never because the environment names one.
    os.environ.pop("RAY_ADDRESS", None)
    if address is None:
        # Said by name: an inherited `disabled` would open the dashboard to everyone on the machine.
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ.setdefault("RAY_task_events_max_num_task_in_gcs", str(TASKS_KEPT))
        os.environ.setdefault("RAY_DASHBOARD_STARTUP_TIMEOUT_S", str(DASHBOARD_PATIENCE))
    # A head that `ray start` began asks for the token by default, but does not tell its drivers so.
    elif has_token():
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def has_token() -> bool:
    """Whether Ray would find an authentication token."""
    if os.environ.get("RAY_AUTH_TOKEN"):
        return True
    named = os.environ.get("RAY_AUTH_TOKEN_PATH")
    return (Path(named) if named else Path.home() / ".ray" / "auth_token").is_file()

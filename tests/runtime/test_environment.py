import os

import pytest

from runtime.environment import DASHBOARD_PATIENCE, TASKS_KEPT, prepare_environment


def test_a_private_ray_asks_for_its_token_whatever_was_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"RAY_AUTH_MODE": "disabled", "RAY_ADDRESS": "elsewhere:1"})
    prepare_environment(None)
    kept = {
        "RAY_task_events_max_num_task_in_gcs": str(TASKS_KEPT),
        "RAY_DASHBOARD_STARTUP_TIMEOUT_S": str(DASHBOARD_PATIENCE),
    }
    assert os.environ == {"RAY_AUTH_MODE": "token", "RAY_USAGE_STATS_ENABLED": "0", **kept}


def test_who_wants_ray_to_remember_more_calls_may_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"RAY_task_events_max_num_task_in_gcs": "7"})
    prepare_environment(None)
    assert dict(os.environ)["RAY_task_events_max_num_task_in_gcs"] == "7"


@pytest.mark.parametrize(("token", "mode"), [("secret", "token"), ("", None)])
def test_a_joined_ray_is_shown_the_token_that_there_is(
    monkeypatch: pytest.MonkeyPatch, token: str, mode: str | None
) -> None:
    monkeypatch.setattr(os, "environ", {"RAY_AUTH_TOKEN": token, "RAY_AUTH_TOKEN_PATH": "/nowhere/token"})
    prepare_environment("127.0.0.1:6379")
    assert os.environ.get("RAY_AUTH_MODE") == mode

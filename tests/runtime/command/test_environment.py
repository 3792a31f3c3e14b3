import os
import tempfile
from pathlib import Path

import pytest

from runtime.command.environment import DASHBOARD_PATIENCE, TASKS_KEPT, prepare_environment, token_command
from sensors.core.errors import StorageError
from sensors.system.places import PRIVATE
from teacher.datasets.preparation.cache import cache_root


def test_a_private_ray_asks_for_its_token_whatever_was_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"RAY_AUTH_MODE": "disabled", "RAY_ADDRESS": "elsewhere:1"})
    prepare_environment(None)
    kept = {
        "RAY_task_events_max_num_task_in_gcs": str(TASKS_KEPT),
        "RAY_DASHBOARD_STARTUP_TIMEOUT_S": str(DASHBOARD_PATIENCE),
    }
    assert os.environ == {"RAY_AUTH_MODE": "token", "RAY_USAGE_STATS_ENABLED": "0", **kept}


def test_a_user_may_make_ray_remember_more_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"RAY_task_events_max_num_task_in_gcs": "7"})
    prepare_environment(None)
    assert dict(os.environ)["RAY_task_events_max_num_task_in_gcs"] == "7"


def test_without_a_home_the_token_and_the_cache_are_in_a_private_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(os, "environ", {"HOME": str(tmp_path / "file")})
    told = prepare_environment(None)
    token = tmp_path / PRIVATE / "auth_token"
    assert os.environ["RAY_AUTH_TOKEN_PATH"] == str(token)
    assert os.environ["XDG_CACHE_HOME"] == str(tmp_path / PRIVATE / "cache")
    assert cache_root() == tmp_path / PRIVATE / "cache" / "reciprocal"
    assert token.stat().st_mode & 0o777 == 0o600 and len(token.read_text()) == 64
    assert [str(token) in told[0], str(tmp_path / PRIVATE / "cache") in told[1]] == [True, True]
    assert token_command().startswith(f"RAY_AUTH_TOKEN_PATH={token} ")

    monkeypatch.setattr(os, "environ", {"HOME": str(tmp_path / "file"), "RECIPROCAL_CACHE": str(tmp_path)})
    before = token.read_text()
    assert len(prepare_environment(None)) == 1 and token.read_text() == before


def test_a_token_that_is_named_must_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    named = tmp_path / "token"
    monkeypatch.setattr(os, "environ", {"HOME": str(tmp_path), "RAY_AUTH_TOKEN_PATH": str(named)})
    for content in (None, ""):
        if content is not None:
            named.write_text(content)
        with pytest.raises(StorageError, match=r"RAY_AUTH_TOKEN_PATH=.*token: this file holds no token"):
            prepare_environment(None)
    named.write_text("secret")
    assert prepare_environment(None) == []


@pytest.mark.parametrize(("token", "mode"), [("secret", "token"), ("", None)])
def test_a_joined_ray_is_shown_the_token_that_there_is(
    monkeypatch: pytest.MonkeyPatch, token: str, mode: str | None
) -> None:
    monkeypatch.setattr(os, "environ", {"RAY_AUTH_TOKEN": token, "RAY_AUTH_TOKEN_PATH": "/nowhere/token"})
    prepare_environment("127.0.0.1:6379")
    assert os.environ.get("RAY_AUTH_MODE") == mode

"""A whole run before a camera that asks for a password: nothing that anybody else may see holds it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from benchmarks.harness.job import Job
from tests.live.test_live_run import QUICK
from tests.sensors.cameras.test_snapshots import changing, picture
from tests.sensors.web_camera import WebCamera, locked

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(280)]
PASSWORD = "hunter2secret"


@pytest.fixture
def web() -> Iterator[WebCamera]:
    made = WebCamera({"/live": locked("user", PASSWORD, changing([picture(n % 200) for n in range(10_000)]))})
    yield made
    made.close()


def holders(folder: Path) -> list[str]:
    """The files that hold the password."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path.name for path in files if PASSWORD.encode() in path.read_bytes()]


def test_a_cameras_password_is_written_to_one_private_file_alone(web: WebCamera, tmp_path: Path) -> None:
    run = tmp_path / "run"
    camera = web.at(f"/live?token={PASSWORD}", f"user:{PASSWORD}@")
    live = ("--sensors", "live", "--microphone", "none", "--camera", camera)
    job = Job(*QUICK, *live, "--run-dir", str(run), "--record", str(tmp_path / "session"))
    try:
        job.wait_for(r"camera live", 120)
        web.routes.clear()
        job.wait_for(r"camera stalled .*404", 60)
        shown = [" ".join(process.cmdline()) for process in job.family() if process.status() != psutil.STATUS_ZOMBIE]
        assert PASSWORD not in " ".join(shown)
        logs = re.search(r"/tmp/rcp-[^/\s]+", " ".join(shown))
        assert logs is not None and holders(Path(logs[0])) == []
        assert holders(tmp_path) == ["secrets.json"]
        assert json.loads((run / "config.json").read_text())["config"]["sensors"]["camera"].count("…") == 2
        job.stop()
    finally:
        job.close()
    assert PASSWORD not in job.text and "user:…@" in job.text

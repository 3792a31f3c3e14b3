"""A run's files and words never hold a camera's password, and the run still goes on with it."""

import json
import stat
import time
from pathlib import Path

import pytest

import launch
from runtime.config.settings import RunConfig
from runtime.run_folder.rundir import RunDirectory
from runtime.run_folder.secrets import SECRETS
from sensors import remote
from sensors.live.rig import check, make_rig
from sensors.live.sensor_log import SensorLog
from tests.patience import PATIENCE
from tests.sensors.cameras.test_snapshots import picture
from tests.sensors.web_camera import WebCamera, body, locked

PASSWORD = "hunter2secret"
ADDRESS = f"rtsp://user:{PASSWORD}@camera/live?token={PASSWORD}"
SHOWN = "rtsp://user:…@camera/live?…"


def config_of(camera: str) -> RunConfig:
    return RunConfig.of({"run.sensors": "live", "sensors.camera": camera, "sensors.microphone": "none"})


def a_run(path: Path, camera: str = ADDRESS) -> RunDirectory:
    run = RunDirectory.create(path, config_of(camera).to_dict(), "1.0")
    (run.checkpoints / "step-1").mkdir()
    return run


def holders(folder: Path) -> list[str]:
    """The files that hold the password."""
    return [path.name for path in folder.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]


def test_only_a_private_file_holds_the_password(tmp_path: Path) -> None:
    run = a_run(tmp_path / "run")
    run.close()
    assert holders(run.path) == [SECRETS]
    assert stat.S_IMODE((run.path / SECRETS).stat().st_mode) == 0o600
    assert json.loads((run.path / "config.json").read_text())["config"]["sensors"]["camera"] == SHOWN


def test_a_run_goes_on_with_the_password_that_it_had(tmp_path: Path) -> None:
    a_run(tmp_path / "run").close()
    run = RunDirectory.resume(tmp_path / "run")
    saved = RunConfig.from_saved(run.saved["config"])
    assert saved.sensors.camera == ADDRESS
    (told,) = saved.override({"sensors.camera": "rtsp://camera/other"}).differences(saved)
    assert told == f"sensors.camera: {SHOWN} -> rtsp://camera/other"
    # Facts that are added later leave both as they are.
    run.record(datasets={})
    assert holders(run.path) == [SECRETS] and run.saved["config"]["sensors"]["camera"] == ADDRESS
    # Without a password there is nothing to keep.
    run.record(config=config_of("0").to_dict())
    assert not (run.path / SECRETS).exists()
    run.close()


def test_what_was_changed_by_hand_stays_changed(tmp_path: Path) -> None:
    a_run(tmp_path / "run").close()
    place = tmp_path / "run" / "config.json"
    place.write_text(place.read_text().replace(json.dumps(SHOWN)[1:-1], "rtsp://user:new@camera/live"))
    with_new = RunDirectory.resume(tmp_path / "run")
    assert with_new.saved["config"]["sensors"]["camera"] == "rtsp://user:new@camera/live"
    with_new.close()


@pytest.mark.parametrize("damage", ["gone", "torn", "odd"])
def test_without_the_private_file_the_address_is_asked_for(
    tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    a_run(tmp_path / "run").close()
    secrets = tmp_path / "run" / SECRETS
    if damage == "gone":
        secrets.unlink()
    else:
        secrets.write_text("{" if damage == "torn" else "[1]")
    assert launch.main(["--resume", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert error == f"error: camera '{SHOWN}': its password is left out; give the whole address with --camera\n"


@pytest.mark.parametrize("before", ["", "a ' "])
def test_mistakes_are_told_without_the_password(
    before: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = f"http://user:{before}{PASSWORD}@127.0.0.1:9/live"
    live = ["--sensors", "live", "--microphone", "none", "--run-dir", str(tmp_path / "run")]
    for arguments in (["--camera", refused], [refused], ["--set", refused], ["--set", f"x={refused}"]):
        assert launch.main([*live, *arguments]) == 2
        assert remote.main(["--microphone", "none", *arguments]) == 2
    out, err = capsys.readouterr()
    assert PASSWORD not in out + err and "connection refused" in err
    assert not (tmp_path / "run").exists()


def test_what_a_run_says_of_its_camera_never_holds_the_password(tmp_path: Path) -> None:
    served = locked("user", PASSWORD, body("image/jpeg", picture(90)))
    web = WebCamera({"/live": served})
    try:
        camera = web.at(f"/live?token={PASSWORD}", f"user:{PASSWORD}@")
        run = a_run(tmp_path / "run", camera)
        rig = config_of(camera).rig
        check(rig)
        sensing = make_rig(rig, 0, ["image"])
        log = SensorLog(run.path / "sensors.log")
        sensing.start()
        said = sensing.describe()
        end = time.monotonic() + PATIENCE
        while "stalled" not in sensing.states.values():
            assert time.monotonic() < end
            if sensing.figures()["read/camera"]:
                web.routes["/live"] = locked("user", "another", served)
            sensing.step(0.01)
        notes = sensing.take_notes()
        log.observe(notes)
        sensing.close()
        run.close()
    finally:
        web.close()
    text = " ".join([*said, *(note.text for note in notes)])
    assert "camera live" in text and "does not accept this name and password (401)" in text and PASSWORD not in text
    assert holders(run.path) == [SECRETS] and "(401)" in (run.path / "sensors.log").read_text()

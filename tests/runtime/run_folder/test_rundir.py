import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from agent.learned.saved_config import FORMAT
from replay.buffer import Buffer
from replay.config import ReplayConfig
from replay.reader import Reader
from runtime.run_folder.own_files import SUBFOLDERS
from runtime.run_folder.rundir import RunDirectory
from sensors.core.errors import StateError, StorageError
from tests.replay.batches import batch_of
from tests.runtime.run_folder.runs import a_run, everything


def test_a_new_run_is_whole_and_private(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "deep" / "run", {"run": {"seed": 3}}, "1.0")
    assert stat.S_IMODE(run.path.stat().st_mode) == 0o700
    assert all((run.path / name).is_dir() for name in SUBFOLDERS)
    saved = json.loads((run.path / "config.json").read_text())
    assert saved == {"format": FORMAT, "version": "1.0", "config": {"run": {"seed": 3}}}
    run.close()


def test_data_that_no_setting_chooses_stay_the_same_too(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run", {}, "1.0")
    run.record_datasets({"felt/touch": "simulated:a"})
    with pytest.raises(
        StateError, match=r"taught felt/touch simulated:a, but the data are now .*;\ngive the same data as"
    ):
        run.record_datasets({"felt/touch": "simulated:b"})
    run.close()


def test_resume_finds_what_create_wrote(tmp_path: Path) -> None:
    run = RunDirectory.resume(a_run(tmp_path / "run"))
    assert not run.fresh
    assert run.saved["config"] == {"run": {"seed": 3}}
    run.record(teachers=["digits"])
    run.close()
    assert json.loads((run.path / "config.json").read_text())["teachers"] == ["digits"]


def test_a_run_goes_on_with_the_same_data(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run", {}, "1.0")
    run.record_datasets({"images": "digits:a", "speech": "fsdd:b"})
    run.record_datasets({"images": "digits:a", "speech": "fsdd:b"})
    with pytest.raises(StateError, match=r"speech fsdd:b, but the data are now gcdd:c"):
        run.record_datasets({"images": "digits:a", "speech": "gcdd:c"})
    run.close()
    assert json.loads((run.path / "config.json").read_text())["datasets"]["speech"] == "fsdd:b"
    # A subject more is no other data: teachers tell their own each, and one may join at a resume.
    run.record_datasets({"letters": "avletters:d"})
    run.record_datasets({"images": "digits:a", "speech": "fsdd:b", "letters": "avletters:d"})
    with pytest.raises(
        StateError, match=r"taught letters avletters:d, but the data are now synthetic:e;\s.*data\.letters and --data"
    ):
        run.record_datasets({"letters": "synthetic:e"})
    saved = json.loads((run.path / "config.json").read_text())["datasets"]
    assert saved == {"images": "digits:a", "speech": "fsdd:b", "letters": "avletters:d"}


def test_a_run_says_how_a_folder_becomes_the_same_again(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run", {}, "1.0")
    run.record_datasets({"folder": "/home/me/things:a"})
    with pytest.raises(StateError) as changed:
        run.record_datasets({"folder": "/home/me/things:b"})
    assert str(changed.value).endswith(
        ";\nbring the same files back into it and set data.part as before, or start a new run"
    )
    with pytest.raises(StateError) as other:
        run.record_datasets({"folder": "/home/me/others:b"})
    assert str(other.value).endswith(
        ";\nname /home/me/things or an unchanged copy of it with --teach, or start a new run"
    )
    run.record_datasets({"folder": "/home/me/moved:a"})
    run.close()


def test_folders_that_a_copy_left_out_are_made_anew(tmp_path: Path) -> None:
    path = a_run(tmp_path / "run")
    (path / "samples").rmdir()
    (path / "tensorboard").rmdir()
    run = RunDirectory.resume(path)
    assert (path / "samples").is_dir() and run.tensorboard.is_dir()
    run.close()


def test_discard_takes_back_what_create_made_and_nothing_else(tmp_path: Path) -> None:
    RunDirectory.create(tmp_path / "new", {}, "1.0").discard()
    assert not (tmp_path / "new").exists()
    (tmp_path / "there").mkdir(mode=0o755)
    there = RunDirectory.create(tmp_path / "there", {}, "1.0")
    assert stat.S_IMODE(there.path.stat().st_mode) == 0o700
    there.discard()
    assert list((tmp_path / "there").iterdir()) == []
    kept = RunDirectory.resume(a_run(tmp_path / "kept"))
    kept.discard()
    assert (tmp_path / "kept" / "config.json").exists()


def fill(run: RunDirectory, count: int) -> None:
    """Replay with all that it makes, and so many events."""
    config = ReplayConfig(capacity=64, capacity_single=64, min_size=4, samples_per_insert=0.0)
    buffer = Buffer(run.replay, config)
    buffer.reserve(["image"])
    if count:
        buffer.insert(batch_of(range(count)))
    Reader(run.replay).close()
    buffer.close()
    for name in (
        "metrics.jsonl",
        "output.log",
        "sensors.log",
        "actors.json",
        "starts.log",
        "hush",
        "config.json.new",
        "samples/sheet-000000000.png",
    ):
        (run.path / name).touch()
    (run.tensorboard / "events.out.tfevents.1.2.run").touch()
    (run.checkpoints / ".stage-12-0").mkdir()
    (run.checkpoints / ".stage-12-0" / "learner.json").touch()


def test_all_that_a_run_without_events_made_is_removed(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run", {}, "1.0")
    fill(run, 0)
    assert run.events == 0 and run.discard() and not run.path.exists()


def test_events_are_never_removed(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run", {}, "1.0")
    fill(run, 12)
    before = everything(run.path)
    assert run.events == 12 and not run.discard() and everything(run.path) == before
    resumed = RunDirectory.resume(run.path)
    assert resumed.events == 12 and resumed.checkpoint_step is None
    resumed.close()
    with pytest.raises(StorageError, match="already holds a run"):
        RunDirectory.create(run.path, {}, "1.0")


def test_where_events_cannot_be_counted_nothing_is_removed(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run", {}, "1.0")
    fill(run, 12)
    (run.replay / "image" / "layout.json").write_text("{")
    assert run.events is None and not run.discard() and (run.replay / "image" / "meta.col").exists()


@pytest.mark.parametrize(
    "name",
    ["session/recording.json", "notes.txt", "samples/mine.png", "replay/mine.npy", "replay/image/mine", "empty/"],
)
def test_what_somebody_else_put_there_keeps_the_run_whole(tmp_path: Path, name: str) -> None:
    run = RunDirectory.create(tmp_path / "run", {}, "1.0")
    fill(run, 0)
    place = run.path / name
    place.parent.mkdir(exist_ok=True)
    place.mkdir() if name.endswith("/") else place.write_text("dear")
    before = everything(run.path)
    assert not run.discard() and everything(run.path) == before
    RunDirectory.resume(run.path).close()


def test_links_out_of_the_run_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "table").mkdir()
    (tmp_path / "table" / "layout.json").write_text("dear")
    run = RunDirectory.create(tmp_path / "run", {}, "1.0")
    (run.replay / "image").symlink_to(tmp_path / "table")
    (run.path / "output.log").symlink_to(tmp_path / "table" / "layout.json")
    assert not run.discard() and (tmp_path / "table" / "layout.json").read_text() == "dear"


@pytest.mark.parametrize("sign", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_a_run_is_made_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sign: BaseException
) -> None:
    def fail(self: RunDirectory) -> None:
        raise sign

    monkeypatch.setattr(RunDirectory, "write_config", fail)
    (tmp_path / "there").mkdir()
    for name in ("new", "there"):
        with pytest.raises((KeyboardInterrupt, StorageError)):
            RunDirectory.create(tmp_path / name, {}, "1.0")
    assert everything(tmp_path) == {"there"}


def test_what_a_kill_left_of_a_run_in_the_making_may_be_used_again(tmp_path: Path) -> None:
    path = tmp_path / "run"
    program = (
        "import os, pathlib; from runtime.run_folder.rundir import RunDirectory; "
        "RunDirectory.write_config = lambda self: os.kill(os.getpid(), 9); "
        f"RunDirectory.create(pathlib.Path({str(path)!r}), {{}}, '1.0')"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[3]).returncode == -9
    assert (path / "replay").is_dir()
    with pytest.raises(StateError, match="is no run"):
        RunDirectory.resume(path)
    run = RunDirectory.create(path, {"run": {}}, "1.0")
    run.close()
    RunDirectory.resume(path).close()

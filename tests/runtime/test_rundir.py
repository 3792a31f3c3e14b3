import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.rundir import FORMAT, SUBFOLDERS, RunDirectory, check_space
from sensors.errors import StateError, StorageError


def a_run(path: Path) -> Path:
    run = RunDirectory.create(path, {"run": {"seed": 3}}, "1.0")
    (run.checkpoints / "step-1").mkdir()
    run.close()
    return path


def test_a_new_run_is_whole_and_private(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "deep" / "run", {"run": {"seed": 3}}, "1.0")
    assert stat.S_IMODE(run.path.stat().st_mode) == 0o700
    assert all((run.path / name).is_dir() for name in SUBFOLDERS)
    saved = json.loads((run.path / "config.json").read_text())
    assert saved == {"format": FORMAT, "version": "1.0", "config": {"run": {"seed": 3}}}
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
    with pytest.raises(StateError, match=r"speech fsdd:b, found now gcdd:c"):
        run.record_datasets({"images": "digits:a", "speech": "gcdd:c"})
    run.close()
    assert json.loads((run.path / "config.json").read_text())["datasets"]["speech"] == "fsdd:b"
    # A subject more is no other data: teachers tell their own each, and one may join at a resume.
    run.record_datasets({"letters": "avletters:d"})
    run.record_datasets({"images": "digits:a", "speech": "fsdd:b", "letters": "avletters:d"})
    with pytest.raises(StateError, match=r"taught letters avletters:d, found now synthetic:e;\s.*--letters"):
        run.record_datasets({"letters": "synthetic:e"})
    saved = json.loads((run.path / "config.json").read_text())["datasets"]
    assert saved == {"images": "digits:a", "speech": "fsdd:b", "letters": "avletters:d"}


def test_two_runs_never_share_a_directory(tmp_path: Path) -> None:
    path = a_run(tmp_path / "run")
    first = RunDirectory.resume(path)
    with pytest.raises(StorageError, match=f"in use by another run .process {os.getpid()}"):
        RunDirectory.resume(path)
    first.close()
    RunDirectory.resume(path).close()


def test_a_run_that_has_just_begun_elsewhere_is_in_use_before_it_is_empty(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run", {}, "1.0")
    with pytest.raises(StorageError, match="in use by another run"):
        RunDirectory.resume(run.path)
    run.close()
    for _ in range(2):  # and the refusal leaves no lock behind
        with pytest.raises(StateError, match="nothing to resume"):
            RunDirectory.resume(run.path)


def test_the_lock_dies_with_its_process(tmp_path: Path) -> None:
    path = a_run(tmp_path / "run")
    program = (
        f"import os, pathlib; from runtime.rundir import RunDirectory; "
        f"run = RunDirectory.resume(pathlib.Path({str(path)!r})); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2]).returncode == -9
    RunDirectory.resume(path).close()


def test_create_refuses_places_that_are_taken(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="already holds a run"):
        RunDirectory.create(a_run(tmp_path / "run"), {}, "1.0")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    with pytest.raises(StorageError, match="not empty"):
        RunDirectory.create(tmp_path / "full", {}, "1.0")
    assert [p.name for p in (tmp_path / "full").iterdir()] == ["thesis.tex"]
    with pytest.raises(StorageError, match="is a file"):
        RunDirectory.create(tmp_path / "full" / "thesis.tex", {}, "1.0")
    with pytest.raises(StorageError, match="cannot be written"):
        RunDirectory.create(tmp_path / "full" / "thesis.tex" / "run", {}, "1.0")


def test_create_refuses_a_place_that_is_too_small(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="MiB free"):
        RunDirectory.create(tmp_path / "run", {}, "1.0", needed=1 << 60)
    assert not (tmp_path / "run").exists()
    check_space(tmp_path / "not" / "there", 1)


def test_create_refuses_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    # A file in the way stops root, too, whom no permission stops.
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be written"):
        RunDirectory.create(tmp_path / "file" / "run", {}, "1.0")


def test_resume_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="no such directory"):
        RunDirectory.resume(tmp_path / "nowhere")
    with pytest.raises(StateError, match="is no run"):
        RunDirectory.resume(tmp_path)
    path = a_run(tmp_path / "run")
    (path / "replay").rmdir()
    with pytest.raises(StateError, match="lacks replay"):
        RunDirectory.resume(path)
    (path / "replay").mkdir()
    (path / "checkpoints" / "step-1").rmdir()
    with pytest.raises(StateError, match="nothing to resume"):
        RunDirectory.resume(path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (json.dumps({"format": FORMAT + 1, "config": {}}), "format"),
        ('{"format": 1', "damaged"),
        ("[]", "damaged"),
    ],
)
def test_resume_refuses_another_version_and_damage(tmp_path: Path, text: str, told: str) -> None:
    path = a_run(tmp_path / "run")
    (path / "config.json").write_text(text)
    with pytest.raises(StateError, match=told):
        RunDirectory.resume(path)


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

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.run_folder.rundir import RunDirectory
from sensors.core.errors import StorageError
from tests.runtime.run_folder.runs import a_run


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
    for _ in range(2):
        RunDirectory.resume(run.path).close()


def test_the_lock_dies_with_its_process(tmp_path: Path) -> None:
    path = a_run(tmp_path / "run")
    program = (
        f"import os, pathlib; from runtime.run_folder.rundir import RunDirectory; "
        f"run = RunDirectory.resume(pathlib.Path({str(path)!r})); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[3]).returncode == -9
    RunDirectory.resume(path).close()


def test_a_lock_whose_run_was_removed_meanwhile_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = a_run(tmp_path / "run")
    lock = fcntl.flock

    def late(handle: int, how: int) -> None:
        (path / "run.lock").unlink()  # by the process that had the lock until now
        lock(handle, how)

    monkeypatch.setattr("fcntl.flock", late)
    with pytest.raises(StorageError, match="in use"):
        RunDirectory.resume(path)
